"""Bringing a swapped face to the target's colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Image, Mask

# Measured on held-out pairs of the network teacher: these bring skin tones together at no cost in identity (retrieval 0.812
# before, 0.810 after); a full match (1.0) also carries over the light of a beard or an open mouth. That was with a stretch
# for each channel; one for all three costs a pair in 160 there (0.887 for 0.894) and pose falls from 3.22 to 3.19 degrees.
MEAN_STRENGTH, DEVIATION_STRENGTH = 0.8, 0.7
# A face half in shadow must not be stretched without bound, nor the noise of a dark channel lifted.
CONTRAST_LIMITS, GAIN_LIMITS = (0.6, 1.5), (0.4, 2.5)
FACTOR_LIMITS = (0.3, 1.6)  # of one pixel: less contrast asks for any factor near black
# Where contrast is raised, a pixel's factor is that of the light around it, averaged twice over so many pixels of a 224 crop: what is dark of itself,
# lips, nostrils and lids, would turn black.
SHADE_PX = 17
MIN_WEIGHT = 0.6  # only pixels that are surely face are counted
MIN_PIXELS_SHARE = 0.001
MIN_LEVEL = 5.0  # of 255: below it a ratio of means or deviations says nothing


def match_colours(swapped: Image, target: Image, mask: Mask) -> Image:
    """Move mean colour and contrast of the swapped face towards those of the target's face.

    One gain a channel brings the mean, one factor a level of luma the contrast. Where contrast is raised, that luma is the mean of what
    lies around a pixel: light and shade become stronger, features do not. Both multiply a pixel, so what is grey stays grey: a stretch of
    each channel about its own mean would take more red than blue off everything dark, as skin is redder than grey, and brown eyes turn
    violet.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8.
        target: ``(S, S, 3)`` RGB uint8, same crop.
        mask: ``(S, S)`` in [0, 1].

    Returns:
        ``(S, S, 3)`` uint8; the input itself where the mask shows too little face to measure.
    """
    face = mask > MIN_WEIGHT
    if np.count_nonzero(face) < MIN_PIXELS_SHARE * face.size:
        return swapped
    ours, mean, contrast_ours = _measured(swapped, face)
    theirs, _, contrast_theirs = _measured(target, face)
    gains = np.clip(1.0 + MEAN_STRENGTH * (theirs / np.maximum(ours, MIN_LEVEL) - 1.0), *GAIN_LIMITS)
    luma = cv2.cvtColor(swapped, cv2.COLOR_RGB2GRAY)
    stretch = np.clip(contrast_theirs / contrast_ours, *CONTRAST_LIMITS) ** DEVIATION_STRENGTH
    if stretch > 1:
        box = (round(SHADE_PX * len(luma) / 224) // 2 * 2 + 1,) * 2
        luma = cv2.blur(cv2.blur(luma, box), box)
    levels = np.arange(256)
    factors = np.clip((mean + stretch * (levels - mean)) / np.maximum(levels, 1), *FACTOR_LIMITS)
    # One table of 256 levels of luma gives all three channels' factors in one go.
    each = cv2.LUT(cv2.merge([luma] * 3), (factors[:, None] * gains).astype(np.float32)[None])
    return cv2.multiply(swapped, each, dtype=cv2.CV_8U)  # type: ignore[return-value]


def _measured(image: Image, face: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float, float]:
    """Means of the channels, mean of luma, and its deviation as a share of that."""
    count = int(np.count_nonzero(face)) or 1
    # Sums of what is black elsewhere: ten times as fast as OpenCV's means with a mask, and the same.
    inside = cv2.copyTo(image, face.view(np.uint8))
    luma = cv2.cvtColor(inside, cv2.COLOR_RGB2GRAY)
    mean, square = cv2.sumElems(luma)[0] / count, cv2.norm(luma, cv2.NORM_L2SQR) / count
    deviation, level = float(np.sqrt(max(square - mean**2, 0.0))), max(mean, MIN_LEVEL)
    return np.array(cv2.sumElems(inside)[:3]) / count, level, max(deviation, MIN_LEVEL) / level
