"""Structural similarity of the swapped image and the target: whole frame, and outside the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image, Mask

from .base import PIXELS, Metric, MetricSpec, check_image_pair, check_mask
from .sample import Sample

_SOURCE = "Wang et al. 2004 with its Gaussian window (scikit-image structural_similarity)"
FRAME = Metric(
    MetricSpec(
        key="ssim_frame",
        label="SSIM",
        higher_is_better=True,
        worst=0.0,
        definition="Mean SSIM of swapped image and target. Failed swap: 0.",
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
        definition="SSIM map averaged outside the target's face region: how untouched the surroundings are. Failed swap: 0.",
        source=_SOURCE,
        decimals=4,
        headline=False,
    ),
    lambda sample: masked_mean(sample.once(_similarity), sample.outside),
    needs=PIXELS,
)
_SIGMA = 1.5  # px, Wang et al.
_SMALLEST = 11  # the Gaussian window's width at sigma 1.5, truncated at 3.5 sigma


def ssim(swapped: Image, target: Image, mask: Mask | None = None) -> float:
    """SSIM in [-1, 1], mean over pixels and channels.

    Args:
        swapped: ``(H, W, 3)`` RGB uint8.
        target: the same size.
        mask: ``(H, W)`` weights in [0, 1], or ``None`` for the whole frame.

    >>> noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    >>> ssim(noise, noise), ssim(255 - noise, noise) < 0
    (1.0, True)
    """
    similarity = ssim_map(swapped, target)
    return float(similarity.mean()) if mask is None else masked_mean(similarity, mask)


def ssim_map(swapped: Image, target: Image) -> NDArray[np.float64]:
    """SSIM of every pixel, ``(H, W)``, mean over channels; borders mirrored, none cut off."""
    from skimage.metrics import structural_similarity

    check_image_pair(swapped, target)
    if min(swapped.shape[:2]) < _SMALLEST:
        raise OptionError(f"SSIM needs at least {_SMALLEST} px on each side; got {swapped.shape[:2]}.")
    _, full = structural_similarity(
        swapped,
        target,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return np.asarray(full, np.float64).mean(2)


def _similarity(sample: Sample) -> NDArray[np.float64]:
    return ssim_map(sample.swapped, sample.target)


def masked_mean(similarity: NDArray[np.float64], mask: Mask) -> float:
    """Mean of a map ``(H, W)`` where the mask is; the mask is checked."""
    check_mask(mask, similarity)
    return float((similarity * mask).sum() / mask.sum(dtype=np.float64))
