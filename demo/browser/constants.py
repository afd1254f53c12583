"""The core's numbers for the page: ``python -m demo.browser.constants`` writes ``page/constants.js``.

The page finishes a crop a second time, in JavaScript. What it computes with is taken from the core when the page is
built, so that a number is changed in one place. Names stay those of the Python module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mobilefaceswap_core.blend import colour, detail, lids, limits, mask, mouth, native, occlusion, steady, texture
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.detect import landmarks
from mobilefaceswap_core.faces import landmarks68
from mobilefaceswap_core.faces.geometry import template_points
from mobilefaceswap_core.files.atomic import write_bytes
from mobilefaceswap_core.marking import badge
from mobilefaceswap_core.marking.carriers import GRID_PX
from mobilefaceswap_core.student.export import FORMAT
from mobilefaceswap_core.student.export_pair import IDENTITY_FILE, SOURCE_FILE, STUDENT_FILE
from mobilefaceswap_core.types import CropSpec
from mobilefaceswap_core.video import smoothing

FILE = Path(__file__).parent / "page" / "constants.js"

Value = int | float | str | list[Any] | None  # a switch is an int
_OFFERED = ("occlusion", "lids", "mouth", "texture", "strength")  # of the core's choices, what the page's finish knows


def constants() -> dict[str, dict[str, Value]]:
    """Every number and name that page and core share, by group; lists for tuples, slices and arrays."""
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
            "LEFT_MOUTH": landmarks68.LEFT_MOUTH,
            "RIGHT_MOUTH": landmarks68.RIGHT_MOUTH,
            "MIRROR_68": landmarks68.MIRROR_68.tolist(),
        },
        "LANDMARK_NETWORK": _named(landmarks, "SIZE_PX", "SIDES", "TOP", "BOTTOM", "NO_DOUBT"),
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
        ),
        "DETAIL": _named(detail, "WIDTH_PX", "KERNEL_PX", "MAX_GAIN", "MIN_WEIGHT", "MIN_PIXELS_SHARE", "MIN_LEVELS"),
        **_around_the_swap(),
        "MASK": {
            "THRESHOLD": options.threshold,
            **{f"{name.upper()}_PX": length for name, length in options.in_pixels(spec.size_px)._asdict().items()},
        },
        "MARK": {"GRID_PX": GRID_PX, "LABEL": badge.TEXT},
        "SMOOTHING": _named(smoothing, "MIN_CUTOFF_HZ", "BETA_HZ", "SPEED_CUTOFF_HZ"),
        "FILES": {"FORMAT": FORMAT, "IDENTITY": IDENTITY_FILE, "STUDENT": STUDENT_FILE, "SOURCE": SOURCE_FILE},
    }


def _around_the_swap() -> dict[str, dict[str, Value]]:
    """What the finish knows of lids, mouth, features, size, occlusion and texture, and what a visitor may choose about them."""
    return {
        "CHOICES": {choice.name.upper(): choice.default for choice in CHOICES if choice.name in _OFFERED},
        "PHOTOS": {choice.name.upper(): choice.photos for choice in CHOICES if choice.photos is not None},
        "CLIPS": {choice.name.upper(): choice.clips for choice in CHOICES if choice.clips is not None},
        "LIDS": {
            **_named(lids, "USUAL_OPENING", "_BEGINS", "_ENDS", "_OPEN", "_HIGHEST", "_WEIGHT_PX"),
            # Lengths in px of that weight.
            "GROWTH_PX": round(lids._GROWTH * lids._WEIGHT_PX),
            "BLUR_PX": lids._BLUR * lids._WEIGHT_PX,
            **_named(
                lids,
                "_REMEMBERED",
                "_USUAL_QUANTILE",
                "_ENOUGH",
                "_USUAL_LIMITS",
            ),
        },
        "MOUTH": {
            **_named(mouth, "_BEGINS", "_ENDS", "_WEIGHT_PX"),
            "GROWTH_PX": round(mouth._GROWTH * mouth._WEIGHT_PX),
            "BLUR_PX": mouth._BLUR * mouth._WEIGHT_PX,
        },
        "STEADY": _named(steady, "HALF_LIFE_S", "LONGEST_GAP_S"),
        "REGIONS": _named(limits, "_BROW_HEIGHT", "_EYE_GROWTH"),
        "NATIVE": _named(native, "LARGEST_PX", "_WORTH"),
        "OCCLUSION": _named(
            occlusion,
            "CERTAINLY_VISIBLE",
            "CERTAINLY_HIDDEN",
            "_GUIDE_RADIUS_PX",
            "_GUIDE_VARIANCE",
            "HALF_LIFE_S",
            "_LONGEST_CARRY_S",
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
    shape = np.shape(value)
    kind = "[number, number]" if shape[-1] == 2 else "number[]"
    return f"/** @type {{{kind}{'[]' * (len(shape) - 1)}}} */ ({text})"


if __name__ == "__main__":
    write_constants()
