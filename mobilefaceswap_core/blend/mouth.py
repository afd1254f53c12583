"""The target's open mouth comes back as it opens: a swapper that learnt from closed mouths opens them too little."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import OUTER_LIPS, mouth_opening
from ..types import Image, Mask, Points
from .steady import brought_back

# Of the distance between the outer corners of the eyes: at the first the target's mouth begins to come, at the second it is there.
_BEGINS, _ENDS = 0.02, 0.08
_GROWTH, _BLUR = 1 / 40, 1 / 60  # of the crop's side: the swapped lips may lie outside of the target's
_WEIGHT_PX = 224  # the weight is smooth; at this size it costs the same for every face


def mouth_share(landmarks: Points) -> float:
    """How far the target's mouth shows, 0 while it is closed, 1 where it is wide open; of ``(68, 2)`` landmarks at any scale."""
    return float(np.clip((mouth_opening(landmarks) - _BEGINS) / (_ENDS - _BEGINS), 0, 1))


def mouth_weight(landmarks: Points, share: float, size_px: int) -> Mask:
    """Where and how far the target's mouth shows, ``(S, S)`` float32 in [0, 1].

    Args:
        landmarks: ``(68, 2)`` px of the crop.
        share: see :func:`mouth_share`.
    """
    small: NDArray[Any] = np.zeros((_WEIGHT_PX, _WEIGHT_PX), np.float32)
    lips = np.round(landmarks[OUTER_LIPS] * (_WEIGHT_PX / size_px)).astype(np.int32)
    cv2.fillPoly(small, [cv2.convexHull(lips)], 1.0)
    side = 2 * round(_GROWTH * _WEIGHT_PX) + 1
    small = cv2.dilate(small, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    # Whole up to the lips' edge and soft beyond it, as the lids are.
    small = np.minimum(2 * cv2.GaussianBlur(small, (0, 0), _BLUR * _WEIGHT_PX), 1) * np.float32(share)
    weight: NDArray[Any] = cv2.resize(small, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    return weight


def bring_back_mouth(swapped: Image, target: Image, landmarks: Points, share: float) -> Image:
    """Blend the target's open mouth into the swapped face.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        share: see :func:`mouth_share`; of a clip, averaged by :class:`~.steady.SteadyShares`.

    Returns:
        ``(S, S, 3)`` uint8; the input itself while the mouth is closed.
    """
    if share <= 0:
        return swapped
    return brought_back(swapped, target, mouth_weight(landmarks, share, len(swapped)))
