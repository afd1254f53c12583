"""The core's numbers for the page's finish; see :mod:`demo.browser.constants`."""

from __future__ import annotations

from typing import Any

from mobilefaceswap_core.blend import (
    beard,
    brows,
    colour,
    detail,
    edges,
    folds,
    gaze,
    hues,
    irises,
    lids,
    limits,
    mouth,
    native,
    occlusion,
    outline,
    pupils,
    steady,
    texture,
    tone,
)
from mobilefaceswap_core.choices import CHOICES
from mobilefaceswap_core.types import CropSpec

Value = int | float | str | list[Any] | dict[str, Any] | None  # a switch is an int
_OFFERED = (
    "occlusion",
    "beard",
    "folds",
    "brows",
    "pupils",
    "gaze",
    "lids",
    "mouth",
    "texture",
    "strength",
)  # of the core's choices, what the page's finish knows


def finish_constants() -> dict[str, dict[str, Value]]:
    """What the finish knows, and what a visitor may choose about it, by group."""
    offered = [choice for choice in CHOICES if choice.name in _OFFERED]
    return {
        "CHOICES": {choice.name.upper(): choice.default for choice in offered},
        "PHOTOS": {choice.name.upper(): choice.photos for choice in offered if choice.photos is not None},
        "CLIPS": {choice.name.upper(): choice.clips for choice in offered if choice.clips is not None},
        "OUTLINE": named(outline, "WEIGHT_PX"),
        "COLOUR": named(
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
        "TONE": named(tone, "SIDE_PX", "LEVELS", "FEWEST", "ONE_TONE", "COLOURED", "DARK", "COLOURED_FRAMES"),
        "DETAIL": named(detail, "WIDTH_PX", "KERNEL_PX", "MAX_GAIN", "MIN_WEIGHT", "MIN_PIXELS_SHARE", "MIN_LEVELS"),
        "HUES": {
            **named(
                hues,
                "SIDE_PX",
                "BLUR_PX",
                "DARK",
                "OUTER",
                "LEAST",
                "FEWEST",
                "GREY",
                "USUAL_SKIN",
                "SLACK",
                "_ROUNDED",
                "HUES_FRAMES",
            ),
            "LIPS": _in_px(hues.LIPS_GROWTH, hues.LIPS_BLUR),
            "EYES": _in_px(hues.EYES_GROWTH, hues.EYES_BLUR),
        },
        "FOLDS": _folds(),
        "BEARD": _beard(),
        "BROWS": named(
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
            **named(
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
        "PUPILS": {**_in_px(0, pupils._BLUR), "FINE": pupils._FINE},
        "GAZE": {**_soft(gaze), **named(gaze, "MEANS", "LARGEST_EXPONENT", "DARK", "TONE_HALF_LIFE_S")},
        "LIDS": {
            **named(lids, "USUAL_OPENING", "_BEGINS", "_ENDS", "_OPEN", "_HIGHEST"),
            **_soft(lids),
            **named(
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
            **named(mouth, "INSIDE_ALONE", "_BEGINS", "_ENDS"),
            **_soft(mouth),
            "INNER": _in_px(mouth._INNER_GROWTH, mouth._INNER_BLUR),
        },
        "STEADY": named(steady, "HALF_LIFE_S", "LONGEST_GAP_S"),
        "REGIONS": named(limits, "_BROW_HEIGHT", "_EYE_GROWTH"),
        "NATIVE": named(native, "LARGEST_PX", "WORTH", "STEPS_SHOW"),
        "EDGES": named(edges, "FACTOR", "DIRECTION_BLUR_PX", "REACH_PX", "FAINT", "PLAIN", "NOTHING"),
        "OCCLUSION": named(
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
        "TEXTURE": named(
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


def _folds() -> dict[str, Value]:
    """What is known of folds, lengths in px of the page's crop; squares have whole sides there."""
    unit = CropSpec().size_px * folds._UNIT
    return {
        "JAW": ends(folds._JAW),
        **named(folds, "_TO_EYE", "_INSET", "_SHARE", "_MARGIN", "_DARK", "_LEAST"),
        **{name: _in_px(*getattr(folds, f"_{name}")) for name in ("LIPS", "NOSE", "MIDDLE")},
        "REGION": _in_px(0, folds._BLUR),
        "FINE_PX": folds._odd(folds._FINE * unit),
        "HALF_COARSE_PX": folds._odd(folds._COARSE * unit / 2),
        "AROUND_PX": folds._odd(folds._AROUND * unit),
        "HALF_AROUND_PX": folds._odd(folds._AROUND * unit / 2),
    }


def _beard() -> dict[str, Value]:
    """What is known of beards."""
    return {
        **{name: _in_px(*getattr(beard, f"_{name}")) for name in ("EDGE", "BARE", "REGION", "LIPS", "NOSTRILS")},
        **{name: ends(getattr(beard, f"_{name}")) for name in ("WINGS", "BELOW_EARS", "JAW")},
        **named(
            beard, "_LIGHT_PX", "_DARKEST", "_WING_PX", "_NOSTRILS_PX", "_LEAST_OF_SKIN", "_SIGNS", "_NONE", "_SURELY"
        ),
        **named(beard, "_LOGARITHM_OF", "_LEAST_DETAIL", "_DARKER", "_SOFT_PX", "_WHOLE", "_REACH", "BEARD_FRAMES"),
        **named(beard, "BEARD_HALF_LIFE_S", "_GREY_SIGNS", "_GREY_NONE", "_GREY_SURELY", "_GREYER"),
        **named(beard, "_DIM", "_SHADE", "_COLOURED", "_LIT"),
        "CHEEKS": [list(points) for points in beard._CHEEKS],
        "SKIN": [list(places) for places in beard._SKIN],
    }


def _soft(stage: Any) -> dict[str, Value]:
    """How a stage's weight is grown and softened, in px of the weight."""
    return _in_px(stage._GROWTH, stage._BLUR)


def _in_px(growth: float, blur: float) -> dict[str, Any]:
    """The same of shares of the crop's side."""
    return {"GROWTH_PX": round(growth * outline.WEIGHT_PX), "BLUR_PX": blur * outline.WEIGHT_PX}


def named(module: Any, *names: str) -> dict[str, Value]:
    values = {name.lstrip("_"): getattr(module, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def ends(part: slice) -> list[int]:
    return [part.start, part.stop]
