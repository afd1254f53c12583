"""The target's gaze comes back: a swapper that learnt from eyes that look ahead has all eyes look ahead."""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ..types import Image, Mask, Points
from .outline import at_side, on_weight, soft_hull
from .steady import shown_part

_GROWTH, _BLUR = 1 / 75, 1 / 190  # of the crop's side: the rims of the lids move with the gaze


def gaze_weight(landmarks: Points, size_px: int) -> Mask:
    """Where the target's eyes show, ``(S, S)`` float32 in [0, 1].

    Args:
        landmarks: ``(68, 2)`` px of the crop.
    """
    own = on_weight(landmarks, size_px)
    left, right = (soft_hull(own[eye], growth=_GROWTH, blur=_BLUR) for eye in (LEFT_EYE, RIGHT_EYE))
    return at_side(np.maximum(left, right), size_px)


def bring_back_gaze(swapped: Image, target: Image, landmarks: Points, *, strength: float) -> Image:
    """Give the swapped eyes the target's light and shade: where they look, and how far they are open.

    Their colours stay the swapped face's. A pixel is darkened by a factor and lightened by a difference: by a difference,
    bright skin that becomes the line of a lid would turn red.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        strength: how far, 0 to 1.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where no eye is in the crop.
    """
    weight = gaze_weight(landmarks, len(swapped))
    part = shown_part(weight)
    if part is None:
        return swapped
    own = swapped[part].astype(np.float32)
    before, wanted = (cv2.cvtColor(face[part], cv2.COLOR_RGB2GRAY).astype(np.float32) for face in (swapped, target))
    change = (wanted - before) * (weight[part] * np.float32(strength))
    darker = own * (1 + change / np.maximum(before, 1))[..., None]
    out = swapped.copy()
    out[part] = np.clip(np.rint(np.where(change[..., None] < 0, darker, own + change[..., None])), 0, 255)
    return out
