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
# sRGB (IEC 61966-2-1), D65 and CIELAB with the constants that scikit-image has.
_CODE = np.arange(256) / 255
_LIGHT = np.where(_CODE > 0.04045, ((_CODE + 0.055) / 1.055) ** 2.4, _CODE / 12.92)
_XYZ_OF_RGB = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
) / np.array([[0.95047], [1.0], [1.08883]])  # each as a share of white
_DARK = 0.008856

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
    from skimage.color import deltaE_ciede2000

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
    sigma = max(_BLUR * unit, 0.3)
    near = _near(skin, int(4 * sigma) + 2)  # OpenCV's kernel ends at four standard deviations
    after, before = (
        cv2.GaussianBlur(lab_of(image[place][near]).astype(np.float32), (0, 0), sigma)[skin[near]]
        for image in (swapped, target)
    )
    return float(deltaE_ciede2000(after - after.mean(0) + before.mean(0), before).mean())


def _near(region: NDArray[np.bool_], around: int) -> tuple[slice, slice]:
    """The rectangle of a region and so many pixels more on each side, as far as there are any."""
    rows, columns = (np.flatnonzero(region.any(axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0] - around, rows[-1] + around + 1, columns[0] - around, columns[-1] + around + 1
    return slice(max(0, top), bottom), slice(max(0, left), right)


def lab_of(image: Image) -> NDArray[np.float64]:
    """CIELAB of sRGB, the numbers of scikit-image's ``rgb2lab`` in a third of its time: one cube root a value, and light by table.

    Args:
        image: ``(..., 3)`` uint8.
    """
    shares = _LIGHT[image] @ _XYZ_OF_RGB.T
    roots = np.where(shares > _DARK, np.cbrt(shares), 7.787 * shares + 16 / 116)
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


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
