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

import numpy as np

from mobilefaceswap_core.blend import mask, occlusion_graph
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
from .finish_constants import Value, ends, finish_constants, named

FILE = Path(__file__).parent / "page" / "constants.js"


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
            "LEFT_EYE": ends(landmarks68.LEFT_EYE),
            "RIGHT_EYE": ends(landmarks68.RIGHT_EYE),
            "LEFT_BROW": ends(landmarks68.LEFT_BROW),
            "RIGHT_BROW": ends(landmarks68.RIGHT_BROW),
            "OUTER_LIPS": ends(landmarks68.OUTER_LIPS),
            "INNER_LIPS": ends(landmarks68.INNER_LIPS),
            "NOSE_TIP": landmarks68.NOSE_TIP,
            "NOSE_OUTLINE": landmarks68.NOSE_OUTLINE.tolist(),
            "CHIN": landmarks68.CHIN,
            "LEFT_MOUTH": landmarks68.LEFT_MOUTH,
            "RIGHT_MOUTH": landmarks68.RIGHT_MOUTH,
            "MIRROR_68": landmarks68.MIRROR_68.tolist(),
        },
        **_detection(),
        "GLASSES": _glasses(),
        "COVERED": _covered(),
        **finish_constants(),
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
            **named(carriers, "_SPREAD_PX", "_FLOOR", "_CLIP"),
            **named(
                watermark, "_SMOOTH", "_MASKING", "_ROUNDS", "_STEP", "_BAND_FLOOR", "_QUIETER_FROM_PX", "_QUIETEST"
            ),
        },
        "PER_FRAME": {
            **named(
                layout, "ENCODER_CHANNELS", "DECODER_IN_CHANNELS", "DECODER_OUT_CHANNELS", "MASK_CHANNELS", "SLOPE"
            ),
            "NODES": operators_checksum(),
        },
        "OCCLUSION_NETWORK": named(occlusion_graph, "SLOPE"),
        "SMOOTHING": named(smoothing, "MIN_CUTOFF_HZ", "BETA_HZ", "SPEED_CUTOFF_HZ"),
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
            **named(
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
            **named(ultraface, "WIDTH", "HEIGHT", "MEAN", "STD", "SCORES", "OFFSETS"),
            "CELLS": [cell for cell, _ in ultraface._ANCHORS],
            "SIDES": [list(sides) for _, sides in ultraface._ANCHORS],
            "MIDDLES": [ultraface._MIDDLES[cell] for cell, _ in ultraface._ANCHORS],
            **named(ultraface, "_CENTRE_VARIANCE", "_SIZE_VARIANCE"),
        },
        "WINDOWS": named(
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
            **named(detector, "CONFIRMED"),
            **named(
                lite, "_OVERLAP", "_INSIDE", "_LEVELS", "_QUARTER_TURNS", "_CANDIDATE", "_FAINT", "_CLEAR", "_SURE"
            ),
            **named(lite, "_TURNED", "_GLIMPSED", "_GLIMPSE_PX", "_CUT_DOUBT", "_LOOK_SHARES", "_LOOK_SIZES"),
            **named(lite, "_GLIMPSE_SIZES", "_IN_MIDDLE", "_EXTENTS", "_MOST_OFFSET", "_SAME_FACE"),
        },
    }


def _glasses() -> dict[str, Value]:
    """Where the page looks for a source's glasses."""
    own = glasses.lengths(template_points(CropSpec())[:2])
    places = {
        name: [*place.rows, *place.columns, place.least]
        for name, place in zip(("BRIDGE", "LEFT", "RIGHT"), own.seen, strict=True)
    }
    return {
        **named(glasses, "_SEEN", "_RIM", "_ENOUGH"),
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
        **named(covered, "_VISIBLE", "_DARK", "_MOST", "_LEAST", "AVERAGE_PX"),
        "ROWS": list(own.rows),
        "SQUARE_PX": own.square,
        "EDGE_PX": own.edge,
        "AVERAGE": base64.b64encode(covered.average_face().tobytes()).decode(),
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
