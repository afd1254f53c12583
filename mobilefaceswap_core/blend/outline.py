"""Soft weights about a part of the face, for what comes back of the target."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Mask, Points

WEIGHT_PX = 224  # such a weight is smooth; drawn at this size it costs the same for every face


def on_weight(points: Points, size_px: int) -> Points:
    """Points of a crop of any side on that of a weight; a pixel's centre stays one."""
    return (points + 0.5) * (WEIGHT_PX / size_px) - 0.5


def soft_hull(points: Points, *, growth: float, blur: float) -> Mask:
    """The convex hull of points, grown and softened.

    Args:
        points: ``(N, 2)`` px of a crop of :data:`WEIGHT_PX`.
        growth: how far it is grown, of the crop's side.
        blur: standard deviation of its edge, of the crop's side.

    Returns:
        ``(WEIGHT_PX, WEIGHT_PX)`` float32 in [0, 1].
    """
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    whole, side = np.zeros((WEIGHT_PX, WEIGHT_PX), np.float32), 2 * round(growth * WEIGHT_PX) + 1
    # Beyond four deviations OpenCV's kernel ends too: only this part of the weight can be anything but 0.
    rim = side // 2 + int(np.ceil(4 * blur * WEIGHT_PX)) + 2
    left, top, width, height = cv2.boundingRect(hull)
    rows, columns = (
        slice(max(0, at - rim), max(0, at + length + rim)) for at, length in ((top, height), (left, width))
    )
    part = whole[rows, columns]
    if not part.size:
        return whole
    drawn: NDArray[Any] = np.zeros_like(part)
    cv2.fillPoly(drawn, [hull - [columns.start, rows.start]], 1.0)
    drawn = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    part[...] = cv2.GaussianBlur(drawn, (0, 0), blur * WEIGHT_PX)
    return whole


def at_side(weight: Mask, size_px: int) -> Mask:
    """The weight for a crop of another side."""
    resized: NDArray[Any] = cv2.resize(weight, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return resized
