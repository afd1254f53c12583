"""Colour shift: how much the face's mean colour left the target's."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.types import Image, Mask

from .base import PIXELS, Metric, MetricSpec, check_image_pair, check_mask
from .patches import lab_of

COLOUR = Metric(
    MetricSpec(
        key="colour_shift",
        label="colour shift",
        unit="dE00",
        higher_is_better=False,
        worst=100.0,
        definition=(
            "CIEDE2000 difference of the mean colours of the face region in swapped image and target (1 is just visible). Failed "
            "swap: 100."
        ),
        source="Sharma et al. 2005 (scikit-image deltaE_ciede2000)",
        headline=False,
    ),
    lambda sample: colour_shift(sample.swapped, sample.target, sample.region),
    needs=PIXELS,
)


def colour_shift(swapped: Image, target: Image, mask: Mask) -> float:
    """CIEDE2000 difference of mean colours inside a mask.

    Args:
        swapped: ``(H, W, 3)`` sRGB uint8.
        target: the same size.
        mask: ``(H, W)`` weights in [0, 1] of the face region.

    Returns:
        0 for equal means; means are taken in CIELAB under D65.
    """
    from skimage.color import deltaE_ciede2000

    check_image_pair(swapped, target)
    check_mask(mask, swapped)
    inside = mask > 0
    weights = mask[inside].astype(np.float64)
    means = [weights @ lab_of(image[inside]) / weights.sum() for image in (swapped, target)]
    return float(deltaE_ciede2000(means[0], means[1]))
