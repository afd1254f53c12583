"""Structural similarity of the swapped image and the target: whole frame, and outside the face."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image, Mask

from .base import PIXELS, Metric, MetricSpec, check_image_pair, check_mask
from .changed import changed_box, grown
from .sample import NoReferenceError, Sample

_SOURCE = "Wang et al. 2004 with its Gaussian window; equals scikit-image structural_similarity"
FRAME = Metric(
    MetricSpec(
        key="ssim_frame",
        label="SSIM",
        higher_is_better=True,
        worst=0.0,
        definition=(
            "Mean SSIM of swapped image and target, over the pixels whose window lies inside the frame. Failed swap: 0."
        ),
        source=_SOURCE,
        decimals=3,
        headline=False,
    ),
    lambda sample: float(sample.once(_similarity).mean()),
    needs=PIXELS,
)
BACKGROUND = Metric(
    MetricSpec(
        key="ssim_background",
        label="SSIM outside",
        higher_is_better=True,
        worst=0.0,
        definition=(
            "The same map averaged outside the target's face region: how untouched the surroundings are. Failed swap: 0."
        ),
        source=_SOURCE,
        decimals=4,
        headline=False,
    ),
    lambda sample: _outside(sample),
    needs=PIXELS,
)
_SIGMA = 1.5  # px, Wang et al.
_RADIUS = 5  # of the Gaussian window at sigma 1.5, truncated at 3.5 sigma
_SMALLEST = 2 * _RADIUS + 1
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # Wang et al., K1 and K2


def ssim(swapped: Image, target: Image, mask: Mask | None = None) -> float:
    """SSIM in [-1, 1], mean over pixels and channels.

    Args:
        swapped: ``(H, W, 3)`` RGB uint8.
        target: the same size.
        mask: ``(H, W)`` weights in [0, 1], or ``None`` for the whole frame; its border of 5 px is not looked at.

    Raises:
        OptionError: images or a mask that do not fit, or a mask that selects border alone.

    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    >>> ssim(noise, noise), ssim(255 - noise, noise) < 0
    (1.0, True)
    """
    similarity = ssim_map(swapped, target)
    if mask is None:
        return float(similarity.mean())
    check_mask(mask, swapped)
    return _masked_mean(similarity, inner(mask))


def ssim_map(swapped: Image, target: Image) -> NDArray[np.float64]:
    """SSIM of every pixel whose window lies inside the frame, ``(H - 10, W - 10)``, mean over channels.

    Where the images are equal it is exactly 1, so only the part that changed is computed.
    """
    check_image_pair(swapped, target)
    height, width = swapped.shape[:2]
    if min(height, width) < _SMALLEST:
        raise OptionError(f"SSIM needs at least {_SMALLEST} px on each side; got {swapped.shape[:2]}.")
    full = np.ones((height, width), np.float64)
    box = changed_box(swapped, target)
    if box is not None:
        seen = grown(box, 2 * _RADIUS, height, width)  # what the windows of all touched pixels reach
        kept = grown(box, _RADIUS, height, width)
        part = _map(swapped[seen[1] : seen[3], seen[0] : seen[2]], target[seen[1] : seen[3], seen[0] : seen[2]])
        top, left = kept[1] - seen[1], kept[0] - seen[0]
        full[kept[1] : kept[3], kept[0] : kept[2]] = part[
            top : top + kept[3] - kept[1], left : left + kept[2] - kept[0]
        ]
    return inner(full)


def inner(field: NDArray[Any]) -> NDArray[Any]:
    """What :func:`ssim_map` has of a field as large as the frame."""
    return field[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS]


def _map(first: Image, second: Image) -> NDArray[np.float64]:
    a, b = first.astype(np.float64), second.astype(np.float64)
    mean_a, mean_b = _blur(a), _blur(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    both = _blur(a * a + b * b) - squares
    shared = _blur(a * b) - product
    return (((2 * product + _C1) * (2 * shared + _C2)) / ((squares + _C1) * (both + _C2))).mean(2)


def _blur(field: NDArray[np.float64]) -> NDArray[np.float64]:
    return cv2.GaussianBlur(field, (_SMALLEST, _SMALLEST), _SIGMA, borderType=cv2.BORDER_REFLECT)  # type: ignore[return-value]


def _similarity(sample: Sample) -> NDArray[np.float64]:
    return ssim_map(sample.swapped, sample.target)


def _outside(sample: Sample) -> float:
    outside = inner(sample.outside)
    if not outside.any():
        raise NoReferenceError("the face region reaches to the frame's border")
    return _masked_mean(sample.once(_similarity), outside)


def _masked_mean(similarity: NDArray[np.float64], mask: Mask) -> float:
    check_mask(mask, similarity)
    return float((similarity * mask).sum() / mask.sum(dtype=np.float64))
