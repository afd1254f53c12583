"""Patches: light and stains on the swapped skin that the target does not have."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import LEFT_BROW, LEFT_EYE, OUTER_LIPS, RIGHT_BROW, RIGHT_EYE
from mobilefaceswap_core.types import Image, Points

from .base import PIXELS, Metric, MetricSpec, check_image_pair
from .sample import landmarks_of

# In distances of the outer corners of the eyes.
_BLUR = 0.06  # standard deviation: pores, lashes and noise are gone, the light on a cheek is left
_AROUND = 0.1  # kept away from eyes, brows and lips, which a swap has to change

PATCHES = Metric(
    MetricSpec(
        key="patches",
        label="patches",
        unit="dE00",
        higher_is_better=False,
        worst=100.0,
        definition=(
            "Mean CIEDE2000 difference of swapped image and target over the target's skin, both blurred, after the difference "
            "of their means is taken out: light and stains that the target does not have. Failed swap: 100."
        ),
        source="this project; the difference is that of Sharma et al. 2005 (scikit-image deltaE_ciede2000)",
        headline=False,
    ),
    lambda sample: patches(sample.swapped, sample.target, landmarks_of(sample.target_face)),
    needs=PIXELS,
)


def patches(swapped: Image, target: Image, landmarks: Points) -> float:
    """How far light and colour moved on the skin, place by place.

    Args:
        swapped: ``(H, W, 3)`` sRGB uint8.
        target: the same size.
        landmarks: ``(68, 2)`` of the target's face, in pixels.

    Returns:
        0 where only the colour of the whole face changed. A swap that keeps the target's light has about 2; faces of other
        age have more, for wrinkles are light too.

    Raises:
        OptionError: images that do not fit each other, or no skin of the face inside the frame.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    check_image_pair(swapped, target)
    unit = _unit_px(landmarks)
    low = np.maximum(np.floor(landmarks.min(0) - unit), 0).astype(int)
    high = np.minimum(np.ceil(landmarks.max(0) + unit), target.shape[1::-1]).astype(int)
    if (high <= low).any():
        raise OptionError("The face lies outside of the picture; wanted landmarks of a face that is seen.")
    place = np.s_[low[1] : high[1], low[0] : high[0]]
    skin = skin_of(landmarks - low, *target[place].shape[:2])
    if not skin.any():
        raise OptionError("No skin of the face lies inside the picture; wanted a larger face.")
    after, before = (
        cv2.GaussianBlur(rgb2lab(image[place]).astype(np.float32), (0, 0), max(_BLUR * unit, 0.3))[skin]
        for image in (swapped, target)
    )
    return float(deltaE_ciede2000(after - after.mean(0) + before.mean(0), before).mean())


def skin_of(landmarks: Points, height: int, width: int) -> NDArray[np.bool_]:
    """Skin of a face: its outline up to the brows, without eyes, brows and lips.

    Args:
        landmarks: ``(68, 2)`` in pixels.
        height: of the picture.
        width: of the picture.

    Returns:
        ``(height, width)``.
    """
    radius = max(1, round(_AROUND * _unit_px(landmarks)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    face, parts = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(face, _hull(landmarks), 1)
    for part in (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, OUTER_LIPS):
        cv2.fillConvexPoly(parts, _hull(landmarks[part]), 1)
    return (face > 0) & (cv2.dilate(parts, kernel) == 0)


def _unit_px(landmarks: Points) -> float:
    """Distance of the outer corners of the eyes."""
    return float(np.linalg.norm(landmarks[36] - landmarks[45]))


def _hull(points: Points) -> NDArray[np.int32]:
    return np.round(cv2.convexHull(points.astype(np.float32))).astype(np.int32)
