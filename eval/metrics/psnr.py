"""Peak signal to noise ratio of the swapped image and the target: whole frame, and outside the face."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.types import Image, Mask

from .base import PIXELS, Metric, MetricSpec, check_image_pair, check_mask

# Identical images have no noise; a table needs a number. Rounding to 8 bits alone gives 59 dB, so 100 marks "identical".
CEILING_DB = 100.0
_SOURCE = "10 log10(255^2 / mean squared error), per image, then the mean over images"
FRAME = Metric(
    MetricSpec(
        key="psnr_frame",
        label="PSNR",
        unit="dB",
        higher_is_better=True,
        worst=0.0,
        definition="PSNR of swapped image and target; identical: 100. Failed swap: 0.",
        source=_SOURCE,
        decimals=1,
        headline=False,
    ),
    lambda sample: psnr(sample.swapped, sample.target),
    needs=PIXELS,
)
BACKGROUND = Metric(
    MetricSpec(
        key="psnr_background",
        label="PSNR outside",
        unit="dB",
        higher_is_better=True,
        worst=0.0,
        definition="PSNR outside the target's face region; identical: 100. Failed swap: 0.",
        source=_SOURCE,
        decimals=1,
        headline=False,
    ),
    lambda sample: psnr(sample.swapped, sample.target, sample.outside),
    needs=PIXELS,
)


def psnr(swapped: Image, target: Image, mask: Mask | None = None) -> float:
    """PSNR in dB, at most 100.

    Args:
        swapped: ``(H, W, 3)`` RGB uint8.
        target: the same size.
        mask: ``(H, W)`` weights in [0, 1], or ``None`` for the whole frame.

    >>> grey = np.full((16, 16, 3), 100, np.uint8)
    >>> psnr(grey, grey)
    100.0
    >>> round(psnr(grey + np.uint8(1), grey), 2)  # one level everywhere: 20 log10(255)
    48.13
    """
    check_image_pair(swapped, target)
    squared = ((swapped.astype(np.float64) - target.astype(np.float64)) ** 2).mean(2)
    if mask is None:
        error = float(squared.mean())
    else:
        check_mask(mask, swapped)
        error = float((squared * mask).sum() / mask.sum(dtype=np.float64))
    return CEILING_DB if error == 0.0 else float(min(CEILING_DB, 10.0 * np.log10(255.0**2 / error)))
