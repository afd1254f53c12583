"""Faces whose eyes close, made from faces whose eyes are open: photos of people with closed eyes are thrown away."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...faces.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from ...types import Image, Points

_BEYOND = 0.35  # of an eye's width, beyond its corners, where the skin still follows
_LASHES = 0.12  # of an eye's width: lashes and lid line go down whole, only skin above them stretches
_BROW = 0.35  # of the way from brow to lid is the brow's own, which does not stretch
_SEAM = (
    0.3  # of the opening that stays at full closing would be a slit of white; the eye is squeezed into this much of it
)


def close_eyes(crop: Image, landmarks: Points, closed: tuple[float, float]) -> tuple[Image, Points]:
    """Draw the upper lids down; the skin between lid and brow stretches, the eye below the lid is squeezed.

    Args:
        crop: ``(S, S, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` px of the crop.
        closed: left and right eye of the image, 0 as they are to 1 shut.

    Returns:
        Crop and landmarks of the same shapes.
    """
    height, width = crop.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    moved = landmarks.astype(np.float64).copy()
    for eye, brow, share in ((LEFT_EYE, LEFT_BROW, closed[0]), (RIGHT_EYE, RIGHT_BROW, closed[1])):
        if share <= 0:
            continue
        # In axes along the eye: a head that leans has lids that close along its own upright.
        rotation = _eye_axes(landmarks[eye])
        along, down = (np.stack([x, y], -1) @ rotation.T.astype(np.float32)).transpose(2, 0, 1)
        outline, ridge = landmarks[eye] @ rotation.T, landmarks[brow] @ rotation.T
        shift = _source_shift(along, down, outline, ridge, share)
        x += shift * np.float32(rotation[1, 0])
        y += shift * np.float32(rotation[1, 1])
        upper, lower = outline[[1, 2], 1], outline[[5, 4], 1]
        outline[[1, 2], 1] = upper + share * (lower - upper)
        moved[eye] = outline @ rotation
    warped: NDArray[np.uint8] = cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)  # type: ignore[assignment]
    return warped, moved


def _eye_axes(eye: Points) -> NDArray[np.float64]:
    """``(2, 2)`` rotation whose first row points from corner to corner and whose second row points down."""
    across = eye[3] - eye[0]
    across = across / max(float(np.linalg.norm(across)), 1e-6)
    if across[0] < 0:
        across = -across
    return np.array([across, [-across[1], across[0]]])


def _source_shift(
    along: NDArray[np.float32], down: NDArray[np.float32], outline: Points, ridge: Points, share: float
) -> NDArray[np.float32]:
    """How much further down or up the pixel to show here is found, ``(S, S)`` px along the eye's second axis.

    Each column is a piecewise linear map: brow to lid stretches, lid to lower lid shrinks, everything else stays.
    """
    order = np.argsort(outline[:, 0])
    left, right = outline[order[0]], outline[order[-1]]
    size = max(right[0] - left[0], 1e-6)
    upper_points = np.stack([left, outline[1], outline[2], right])
    lower_points = np.stack([left, outline[5], outline[4], right])
    upper_points, lower_points = (p[np.argsort(p[:, 0])] for p in (upper_points, lower_points))
    place = np.clip(along, left[0], right[0])
    upper = np.interp(place, upper_points[:, 0], upper_points[:, 1]) - _LASHES * size / 2
    lower = np.interp(place, lower_points[:, 0], lower_points[:, 1]) + _LASHES * size / 4
    brow = np.minimum(np.interp(place, *ridge[np.argsort(ridge[:, 0])].T), upper - 2)
    brow += _BROW * (upper - brow)
    outside = np.maximum(left[0] - along, along - right[0])
    fade = np.clip(1 - outside / (_BEYOND * size), 0, 1)
    squeezed = 1 - share * fade * (1 - _SEAM * (1 - share))
    lid = lower - (lower - upper) * squeezed  # where the upper lid is drawn now
    above = brow + (down - brow) * (upper - brow) / np.maximum(lid - brow, 1e-3)
    below = lower - (lower - down) / np.maximum(squeezed, 1e-3)
    found = np.where(down < brow, down, np.where(down < lid, above, np.where(down < lower, below, down)))
    return (found - down).astype(np.float32)
