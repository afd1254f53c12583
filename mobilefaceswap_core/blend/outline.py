"""Soft weights about a part of the face, for what comes back of the target."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Mask, Points
from .steady import shown_part

WEIGHT_PX = 224  # such a weight is smooth; drawn at this size it costs the same for every face


def on_weight(points: Points, size_px: int) -> Points:
    """Points of a crop of any side on that of a weight; a pixel's centre stays one."""
    return (points + 0.5) * (WEIGHT_PX / size_px) - 0.5


class Outline(NamedTuple):
    """A weight that is 0 but in one rectangle.

    Attributes:
        part: the rectangle's rows and columns.
        weight: float32 in [0, 1], what lies in it.
    """

    part: tuple[slice, slice]
    weight: Mask


def soft_hull(points: Points, *, growth: float, blur: float) -> Mask:
    """The convex hull of points, grown and softened.

    Args:
        points: ``(N, 2)`` px of a crop of :data:`WEIGHT_PX`.
        growth: how far it is grown, of the crop's side.
        blur: standard deviation of its edge, of the crop's side.

    Returns:
        ``(WEIGHT_PX, WEIGHT_PX)`` float32 in [0, 1].
    """
    whole = np.zeros((WEIGHT_PX, WEIGHT_PX), np.float32)
    part, weight = _drawn(points, growth, blur)
    whole[part] = weight
    return whole


def outline_at(points: Points, size_px: int, *, growth: float, blur: float) -> Outline | None:
    """:func:`soft_hull` for a crop of another side, without what is 0 around it.

    Args:
        points: ``(N, 2)`` px of a crop of :data:`WEIGHT_PX`; see :func:`on_weight`.
        size_px: side of the crop that it is for.
        growth: see :func:`soft_hull`.
        blur: see :func:`soft_hull`.

    Returns:
        ``None`` where nothing of it lies in the crop.
    """
    if size_px == WEIGHT_PX:
        drawn = _drawn(points, growth, blur)
        return drawn if drawn.weight.size else None
    whole = at_side(soft_hull(points, growth=growth, blur=blur), size_px)
    part = shown_part(whole)
    return None if part is None else Outline(part, whole[part])


def _drawn(points: Points, growth: float, blur: float) -> Outline:
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    side = 2 * round(growth * WEIGHT_PX) + 1
    # Beyond four deviations OpenCV's kernel ends too: only this part of the weight can be anything but 0.
    rim = side // 2 + int(np.ceil(4 * blur * WEIGHT_PX)) + 2
    left, top, width, height = cv2.boundingRect(hull)
    rows, columns = (
        slice(min(max(0, at - rim), WEIGHT_PX), min(max(0, at + length + rim), WEIGHT_PX))
        for at, length in ((top, height), (left, width))
    )
    drawn: NDArray[Any] = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    if drawn.size:
        cv2.fillPoly(drawn, [hull - [columns.start, rows.start]], 1.0)
        drawn = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
        drawn = cv2.GaussianBlur(drawn, (0, 0), blur * WEIGHT_PX)
    return Outline((rows, columns), drawn)


def at_side(weight: Mask, size_px: int) -> Mask:
    """The weight for a crop of another side; the input itself for its own."""
    if size_px == len(weight):
        return weight
    resized: NDArray[Any] = cv2.resize(weight, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return resized
