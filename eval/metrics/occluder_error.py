"""Occluder error: how much of what lies over the face a method paints over."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.types import Image, Mask

from .base import Metric, MetricSpec, check_image_pair, check_mask
from .sample import NoReferenceError

_OPAQUE = 0.5  # less hides less than half: what shines through is face, and may change

OCCLUDER = Metric(
    MetricSpec(
        key="occluder_error",
        label="occluder error",
        unit="levels",
        higher_is_better=False,
        worst=255.0,
        definition=(
            "Mean absolute difference, in levels of 255, between swapped image and occluded target where a drawn thing hides at "
            "least half of the face. Read it beside identity: who changes nothing has 0. Failed swap: 255."
        ),
        source="this project; what is drawn is that of the training of the occlusion network",
        occluders_only=True,
    ),
    lambda sample: occluder_error(sample.swapped, sample.target, sample.occluder),
    needs=("target", "occluder", "swapped"),
)


def occluder_error(swapped: Image, target: Image, hidden: Mask) -> float:
    """Mean absolute difference inside an occluder.

    Args:
        swapped: ``(H, W, 3)`` RGB uint8.
        target: the occluded target, as large.
        hidden: ``(H, W)`` in [0, 1], how far each pixel of the face is hidden.

    Returns:
        Levels, 0 to 255; all pixels that are at least half hidden count alike.

    Raises:
        NoReferenceError: no pixel is half hidden.
        OptionError: images or mask that do not fit each other.
    """
    check_image_pair(swapped, target)
    inside = hidden >= _OPAQUE
    if not inside.any():
        raise NoReferenceError("what was drawn hides no pixel by half")
    check_mask(hidden, target)
    return float(np.abs(swapped[inside].astype(np.float64) - target[inside]).mean())
