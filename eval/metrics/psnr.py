"""Peak signal to noise ratio of the swapped image and the target: whole frame, and outside the face.

A pair's record holds the mean squared error. The table averages these and prints the decibels of the mean: averaging decibels
would let pairs without any change, which have infinitely many, hide the others.
"""

from __future__ import annotations

import math

import numpy as np

from mobilefaceswap_core.types import Image, Mask

from .base import PIXELS, Metric, MetricSpec, check_image_pair, check_mask
from .changed import changed_box

# Identical images have no noise; a table needs a number. Rounding to 8 bits alone gives 59 dB, so 100 marks "identical".
CEILING_DB = 100.0
_PEAK = 255.0
_SOURCE = "10 log10(255^2 / mean squared error over all pairs)"
FRAME = Metric(
    MetricSpec(
        key="psnr_frame",
        label="PSNR",
        unit="dB",
        higher_is_better=True,
        worst=_PEAK**2,
        definition=(
            "PSNR of the squared error between swapped image and target, averaged over pairs first; all identical: 100. Failed "
            "swap: the error of black against white."
        ),
        source=_SOURCE,
        decimals=1,
        headline=False,
        shown="decibels",
    ),
    lambda sample: squared_error(sample.swapped, sample.target),
    needs=PIXELS,
)
BACKGROUND = Metric(
    MetricSpec(
        key="psnr_background",
        label="PSNR outside",
        unit="dB",
        higher_is_better=True,
        worst=_PEAK**2,
        definition=(
            "The same outside the target's face region; all identical: 100. Failed swap: the error of black against white."
        ),
        source=_SOURCE,
        decimals=1,
        headline=False,
        shown="decibels",
    ),
    lambda sample: squared_error(sample.swapped, sample.target, sample.outside),
    needs=PIXELS,
)


def squared_error(swapped: Image, target: Image, mask: Mask | None = None) -> float:
    """Mean squared error over pixels and channels.

    Args:
        swapped: ``(H, W, 3)`` RGB uint8.
        target: the same size.
        mask: ``(H, W)`` weights in [0, 1], or ``None`` for the whole frame.

    Returns:
        Levels squared, 0 to 65,025.
    """
    check_image_pair(swapped, target)
    weight = float(swapped.shape[0] * swapped.shape[1])
    if mask is not None:
        check_mask(mask, swapped)
        weight = float(mask.sum(dtype=np.float64))
    box = changed_box(swapped, target)
    if box is None:
        return 0.0
    part = np.s_[box[1] : box[3], box[0] : box[2]]
    squared = ((swapped[part].astype(np.float64) - target[part]) ** 2).mean(2)
    return float((squared if mask is None else squared * mask[part]).sum() / weight)


def decibels(error: float) -> float:
    """PSNR of a mean squared error, at most 100.

    >>> round(decibels(1.0), 2), decibels(0.0), decibels(255.0**2)
    (48.13, 100.0, 0.0)
    """
    return CEILING_DB if error <= 0.0 else min(CEILING_DB, 10.0 * math.log10(_PEAK**2 / error))


def psnr(swapped: Image, target: Image, mask: Mask | None = None) -> float:
    """PSNR of one pair of images in dB; the arguments are those of :func:`squared_error`.

    >>> grey = np.full((8, 8, 3), 128, np.uint8)
    >>> psnr(grey, grey)
    100.0
    >>> round(psnr(grey + np.uint8(1), grey), 2)  # one level everywhere: 20 log10(255)
    48.13
    """
    return decibels(squared_error(swapped, target, mask))
