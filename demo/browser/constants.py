"""The core's numbers for the page: ``python -m demo.browser.constants`` writes ``page/constants.js``.

The page finishes a crop a second time, in JavaScript. What it computes with is taken from the core when the page is
built, so that a number is changed in one place. Names stay those of the Python module.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.blend import (
    brows,
    colour,
    detail,
    edges,
    folds,
    gaze,
    irises,
    lids,
    limits,
    mask,
    mouth,
    native,
    occlusion,
    occlusion_graph,
    outline,
    steady,
    texture,
    tone,
)
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.detect import detector, landmarks, lite, ultraface, windows
from mobilefaceswap_core.faces import landmarks68
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.files.atomic import write_bytes
from mobilefaceswap_core.identity import covered, glasses
from mobilefaceswap_core.marking import badge, carriers, watermark
from mobilefaceswap_core.marking.carriers import GRID_PX
from mobilefaceswap_core.marking.watermark import BLUE_FROM_PX, FINE_FROM_PX
from mobilefaceswap_core.student import layout
from mobilefaceswap_core.student.contract import FORMAT
from mobilefaceswap_core.student.export_pair import IDENTITY_FILE, SOURCE_FILE, STUDENT_FILE
from mobilefaceswap_core.student.graph import constant_shapes, idn_graph
from mobilefaceswap_core.student.idn import Idn
from mobilefaceswap_core.types import CropSpec
from mobilefaceswap_core.video import smoothing

from . import hidden_mark, landmark_network, webassembly

FILE = Path(__file__).parent / "page" / "constants.js"

Value = int | float | str | list[Any] | dict[str, Any] | None  # a switch is an int
_OFFERED = (
    "occlusion",
    "folds",
    "brows",
    "gaze",
    "lids",
    "mouth",
    "texture",
    "strength",
)  # of the core's choices, what the page's finish knows


def constants() -> dict[str, dict[str, Value]]:
    """Every number and name that page and core share, by group, and the loops over pixels as they were compiled.

    Lists stand for tuples, slices and arrays.
    """
    spec = CropSpec()
    options = mask.MaskOptions()
    return {
        "CROP": {
            "SIZE_PX": spec.size_px,
            "TEMPLATE": spec.template,
            "FIT": spec.fit,
            "POINTS": template_points(spec).tolist(),
        },
        "LANDMARKS_68": {
            "LEFT_EYE": _ends(landmarks68.LEFT_EYE),
            "RIGHT_EYE": _ends(landmarks68.RIGHT_EYE),
            "LEFT_BROW": _ends(landmarks68.LEFT_BROW),
            "RIGHT_BROW": _ends(landmarks68.RIGHT_BROW),
            "OUTER_LIPS": _ends(landmarks68.OUTER_LIPS),
            "INNER_LIPS": _ends(landmarks68.INNER_LIPS),
            "NOSE_TIP": landmarks68.NOSE_TIP,
            "NOSE_OUTLINE": landmarks68.NOSE_OUTLINE.tolist(),
            "CHIN": landmarks68.CHIN,
            "LEFT_MOUTH": landmarks68.LEFT_MOUTH,
            "RIGHT_MOUTH": landmarks68.RIGHT_MOUTH,
            "MIRROR_68": landmarks68.MIRROR_68.tolist(),
        },
        **_detection(),
        "COLOUR": _named(
            colour,
            "MEAN_STRENGTH",
            "DEVIATION_STRENGTH",
            "CONTRAST_LIMITS",
            "GAIN_LIMITS",
            "FACTOR_LIMITS",
            "MIN_WEIGHT",
            "MIN_PIXELS_SHARE",
            "MIN_LEVEL",
            "SHADE_PX",
        ),
        "TONE": _named(tone, "SIDE_PX", "LEVELS", "FEWEST", "ONE_TONE", "COLOURED", "DARK", "COLOURED_FRAMES"),
        "DETAIL": _named(detail, "WIDTH_PX", "KERNEL_PX", "MAX_GAIN", "MIN_WEIGHT", "MIN_PIXELS_SHARE", "MIN_LEVELS"),
        "GLASSES": _glasses(),
        "COVERED": _covered(),
        **_around_the_swap(),
        "MASK": {
            "THRESHOLD": options.threshold,
            **{f"{name.upper()}_PX": length for name, length in options.in_pixels(spec.size_px)._asdict().items()},
        },
        "MARK": {
            "GRID_PX": GRID_PX,
            "LABEL": badge.TEXT,
            "BLUE_FROM_PX": BLUE_FROM_PX,
            "FINE_FROM_PX": FINE_FROM_PX,
            "BLUE_LESS_LUMA": carriers.BLUE_LESS_LUMA.ravel().tolist(),
            "WAVES": hidden_mark.WAVES,
            **_named(carriers, "_SPREAD_PX", "_FLOOR", "_CLIP"),
            **_named(
                watermark, "_SMOOTH", "_MASKING", "_ROUNDS", "_STEP", "_BAND_FLOOR", "_QUIETER_FROM_PX", "_QUIETEST"
            ),
        },
        "PER_FRAME": {
            **_named(
                layout, "ENCODER_CHANNELS", "DECODER_IN_CHANNELS", "DECODER_OUT_CHANNELS", "MASK_CHANNELS", "SLOPE"
            ),
            "NODES": operators_checksum(),
        },
        "OCCLUSION_NETWORK": _named(occlusion_graph, "SLOPE"),
        "SMOOTHING": _named(smoothing, "MIN_CUTOFF_HZ", "BETA_HZ", "SPEED_CUTOFF_HZ"),
        "PIXELS": {"CODE": base64.b64encode((webassembly.FOLDER / webassembly.INLINED).read_bytes()).decode()},
        "FILES": {"FORMAT": FORMAT, "IDENTITY": IDENTITY_FILE, "STUDENT": STUDENT_FILE, "SOURCE": SOURCE_FILE},
    }


def operators_checksum() -> int:
    """By which the page knows a file of the per-frame network as export writes it: the CRC of its operators' CRCs."""
    constants = {name: np.zeros(shape, np.float32) for name, shape in constant_shapes().items()}
    graph = idn_graph(Idn(), constants).graph
    return zlib.crc32(b"".join(struct.pack("<I", zlib.crc32(node.SerializeToString())) for node in graph.node))


def _detection() -> dict[str, dict[str, Value]]:
    """What the detector and the landmark network know."""
    return {
        "LANDMARK_NETWORK": {
            "LAYERS": landmark_network.layers(),
            **_named(
                landmarks,
                "SIZE_PX",
                "SIDES",
                "TOP",
                "BOTTOM",
                "_BOX_GROWTH",
                "_TURNS",
                "_FADE",
                "_GREY",
                "_CUT",
                "NO_DOUBT",
            ),
        },
        "ULTRAFACE": {
            **_named(ultraface, "WIDTH", "HEIGHT", "MEAN", "STD", "SCORES", "OFFSETS"),
            "CELLS": [cell for cell, _ in ultraface._ANCHORS],
            "SIDES": [list(sides) for _, sides in ultraface._ANCHORS],
            "MIDDLES": [ultraface._MIDDLES[cell] for cell, _ in ultraface._ANCHORS],
            **_named(ultraface, "_CENTRE_VARIANCE", "_SIZE_VARIANCE"),
        },
        "WINDOWS": _named(
            windows,
            "SEARCH_PX",
            "_WINDOW",
            "_NEXT_WINDOW",
            "_SMALLEST_WINDOW_PX",
            "_LONG",
            "_THINNEST_PX",
            "_MOST_TILES",
        ),
        "LITE": {
            **_named(detector, "CONFIRMED"),
            **_named(
                lite, "_OVERLAP", "_INSIDE", "_LEVELS", "_QUARTER_TURNS", "_CANDIDATE", "_FAINT", "_CLEAR", "_SURE"
            ),
            **_named(lite, "_TURNED", "_GLIMPSED", "_GLIMPSE_PX", "_CUT_DOUBT", "_LOOK_SHARES", "_LOOK_SIZES"),
            **_named(lite, "_GLIMPSE_SIZES", "_IN_MIDDLE", "_EXTENTS", "_MOST_OFFSET", "_SAME_FACE"),
        },
    }


def _soft(stage: Any) -> dict[str, Value]:
    """How a stage's weight is grown and softened, in px of the weight."""
    return _in_px(stage._GROWTH, stage._BLUR)


def _in_px(growth: float, blur: float) -> dict[str, Any]:
    """The same of shares of the crop's side."""
    return {"GROWTH_PX": round(growth * outline.WEIGHT_PX), "BLUR_PX": blur * outline.WEIGHT_PX}


def _folds() -> dict[str, Value]:
    """What is known of folds, lengths in px of the page's crop; squares have whole sides there."""
    unit = CropSpec().size_px * folds._UNIT
    return {
        "JAW": _ends(folds._JAW),
        **_named(folds, "_TO_EYE", "_INSET", "_SHARE", "_MARGIN", "_DARK", "_LEAST"),
        **{name: _in_px(*getattr(folds, f"_{name}")) for name in ("LIPS", "NOSE", "MIDDLE")},
        "REGION": _in_px(0, folds._BLUR),
        "FINE_PX": folds._odd(folds._FINE * unit),
        "HALF_COARSE_PX": folds._odd(folds._COARSE * unit / 2),
        "AROUND_PX": folds._odd(folds._AROUND * unit),
        "HALF_AROUND_PX": folds._odd(folds._AROUND * unit / 2),
    }


def _glasses() -> dict[str, Value]:
    """Where the page looks for a source's glasses."""
    own = glasses.lengths(template_points(CropSpec())[:2])
    places = {
        name: [*place.rows, *place.columns, place.least]
        for name, place in zip(("BRIDGE", "LEFT", "RIGHT"), own.seen, strict=True)
    }
    return {
        **_named(glasses, "_SEEN", "_RIM", "_ENOUGH"),
        "ROWS": list(own.rims.rows),
        "COLUMNS": list(own.rims.columns),
        **places,
        **{f"{name.upper()}_PX": getattr(own, name) for name in ("thick", "around", "grown")},
        "SQUARES_PX": list(own.squares),
    }


def _covered() -> dict[str, Value]:
    """What the page does where an eye of a source is covered."""
    own = covered.lengths(template_points(CropSpec())[:2])
    return {
        **_named(covered, "_VISIBLE", "_DARK", "_MOST", "_LEAST", "AVERAGE_PX"),
        "ROWS": list(own.rows),
        "SQUARE_PX": own.square,
        "EDGE_PX": own.edge,
        "AVERAGE": base64.b64encode(covered.average_face().tobytes()).decode(),
    }


def _around_the_swap() -> dict[str, dict[str, Value]]:
    """What the finish knows of folds, brows, gaze, lids, mouth, features, size, occlusion and texture, and what a visitor may choose about them."""
    offered = [choice for choice in CHOICES if choice.name in _OFFERED]
    return {
        "CHOICES": {choice.name.upper(): choice.default for choice in offered},
        "PHOTOS": {choice.name.upper(): choice.photos for choice in offered if choice.photos is not None},
        "CLIPS": {choice.name.upper(): choice.clips for choice in offered if choice.clips is not None},
        "OUTLINE": _named(outline, "WEIGHT_PX"),
        "FOLDS": _folds(),
        "BROWS": _named(
            brows,
            "_COLUMNS",
            "_MARGIN",
            "_ABOVE",
            "_ABOVE_OWN",
            "_BELOW",
            "_BELOW_OWN",
            "_BOX",
            "_DARKER",
            "_FAINTEST",
            "_LEAST",
            "_WHOLE",
            "_HIGHEST",
            "_LOWEST",
            "MIDDLE_OF",
            "_ALIKE",
            "_HINT",
            "_FADE",
            "_STRETCH",
            "_ROOM",
            "_HALF",
            "_SOFT",
            "_SHOWS",
            "_SHOWN",
            "_UNDER",
            "_DRAWN",
            "_TOO_FAR",
            "_LID",
        ),
        "IRISES": {
            **_soft(irises),
            "LIDS": _in_px(irises._LIDS_GROWTH, irises._BLUR),
            **_named(
                irises,
                "_WITHIN",
                "_USUAL",
                "_BLUE",
                "_WHITE",
                "_LIGHTEST",
                "_COOL",
                "_COOL_OF_WHITE",
                "_IRIS",
                "_USUAL_IRIS",
                "_DARK",
                "_FEWEST",
                "_BLUER",
                "_LIGHT",
                "_WHITES",
                "_OF_EYE",
                "_OF_LIDS",
                "_LEFT",
            ),
        },
        "GAZE": {**_soft(gaze), **_named(gaze, "MEANS", "LARGEST_EXPONENT", "DARK", "TONE_HALF_LIFE_S")},
        "LIDS": {
            **_named(lids, "USUAL_OPENING", "_BEGINS", "_ENDS", "_OPEN", "_HIGHEST"),
            **_soft(lids),
            **_named(
                lids,
                "_REMEMBERED",
                "_USUAL_QUANTILE",
                "_ENOUGH",
                "_USUAL_LIMITS",
                "_BARE_BEGINS",
                "_BARE_ENDS",
                "_LEAST_SHOWN",
                "_PATCH",
                "_WIDER",
                "_RIMS_PX",
                "_DARK",
            ),
        },
        "MOUTH": {
            **_named(mouth, "INSIDE_ALONE", "_BEGINS", "_ENDS"),
            **_soft(mouth),
            "INNER": _in_px(mouth._INNER_GROWTH, mouth._INNER_BLUR),
        },
        "STEADY": _named(steady, "HALF_LIFE_S", "LONGEST_GAP_S"),
        "REGIONS": _named(limits, "_BROW_HEIGHT", "_EYE_GROWTH"),
        "NATIVE": _named(native, "LARGEST_PX", "WORTH", "STEPS_SHOW"),
        "EDGES": _named(edges, "FACTOR", "DIRECTION_BLUR_PX", "REACH_PX", "FAINT", "PLAIN", "NOTHING"),
        "OCCLUSION": _named(
            occlusion,
            "CERTAINLY_VISIBLE",
            "CERTAINLY_HIDDEN",
            "_GUIDE_RADIUS_PX",
            "_GUIDE_VARIANCE",
            "HALF_LIFE_S",
            "_LONGEST_CARRY_S",
            "_AT_REST_LEVELS",
            "_PARTS",
            "_MOST_CARRIED",
            "_LONGEST_REST_S",
            "_LONGEST_GAP_S",
        ),
        "TEXTURE": _named(
            texture,
            "_DETAIL_SIGMA",
            "_STRUCTURE_RATIO",
            "_BOX_SIGMAS",
            "_AGREEMENT_LEVELS",
            "_OWN_SHARE",
            "_FEATURE_GROWTH",
            "_FEATURE_BLUR",
            "_GATE_PX",
            "_LARGEST_SHARE",
        ),
    }


def constants_js() -> str:
    """The module: one frozen object a group. Pairs are told to the type checker as pairs."""
    lines = ["// Written by `python -m demo.browser.constants` from mobilefaceswap_core; change the numbers there."]
    for group, values in constants().items():
        lines += ["", f"export const {group} = Object.freeze({{"]
        lines += [f"  {name}: {_written(value)}," for name, value in values.items()]
        lines += ["});"]
    return "\n".join(lines) + "\n"


def write_constants(path: Path = FILE) -> None:
    """Write the module into a page's folder."""
    write_bytes(path, constants_js().encode())


def _named(module: Any, *names: str) -> dict[str, Value]:
    values = {name.lstrip("_"): getattr(module, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _ends(part: slice) -> list[int]:
    return [part.start, part.stop]


def _written(value: Value) -> str:
    text = json.dumps(value)
    if value is None:
        return "/** @type {number | null} */ (null)"
    if not isinstance(value, list):
        return text
    rows = [value]
    depth = 0
    while isinstance(rows[0][0], list):  # rows may differ in length
        rows = [row for group in rows for row in group]
        depth += 1
    kind = "[number, number]" if all(len(row) == 2 for row in rows) else "number[]"
    return f"/** @type {{{kind}{'[]' * depth}}} */ ({text})"


if __name__ == "__main__":
    write_constants()
