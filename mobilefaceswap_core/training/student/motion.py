"""What a teacher's output must say about moving eyes and mouths, taken from the target itself.

A teacher that warps the source's open eyes never shows a closed one, and its pupils look where the source's looked. So the
target's eyes, its closing lids and the inside of its open mouth are blended into the teacher's output, in that output's
colours: gaze, blinks and speech then are the target's, shape of brow, lids and lips around them stays the teacher's.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...blend.lids import closing, lids_weight
from ...faces.landmarks68 import INNER_LIPS, LEFT_EYE, RIGHT_EYE, mouth_opening
from ...types import Image, Mask, Points

_EYE_GROWTH, _EYE_BLUR = 1 / 90, 1 / 140  # of the crop's side: lashes and the line of the lid belong to the opening
_MOUTH_GROWTH, _MOUTH_BLUR = 1 / 160, 1 / 110
# Openings of the mouth: with an end of .10 a student learnt to keep its lips shut on people who talk.
_MOUTH_BEGINS, _MOUTH_ENDS = 0.02, 0.05
_LARGEST_SHIFT = 40.0  # levels; further apart the colours are those of a highlight or a shadow, not of the face


def with_target_motion(wanted: Image, target: Image, landmarks: Points) -> Image:
    """Blend the target's eyes, closing lids and open mouth into a teacher's output.

    Args:
        wanted: ``(S, S, 3)`` RGB uint8, the teacher's output laid over the target.
        target: ``(S, S, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` of the target, px of the crop.

    Returns:
        ``(S, S, 3)`` RGB uint8.
    """
    side = len(target)
    lids = lids_weight(landmarks, closing(landmarks), side)
    out = wanted.astype(np.float32)
    for eye in (LEFT_EYE, RIGHT_EYE):
        inside = _inside(landmarks[eye], side, _EYE_GROWTH, _EYE_BLUR)
        weight = np.maximum(inside, _near(lids, landmarks[eye]))
        out += weight[..., None] * (_in_colours_of(target, wanted, weight) - out)
    if (share := mouth_share(landmarks)) > 0:
        # As it is: what the teacher shows there may be closed lips, whose colour says nothing about teeth.
        weight = np.float32(share) * _inside(landmarks[INNER_LIPS], side, _MOUTH_GROWTH, _MOUTH_BLUR)
        out += weight[..., None] * (target - out)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def mouth_share(landmarks: Points) -> float:
    """How much of an open mouth's inside is the target's: 0 closed, 1 clearly open; of ``(68, 2)`` landmarks at any scale."""
    return float(np.clip((mouth_opening(landmarks) - _MOUTH_BEGINS) / (_MOUTH_ENDS - _MOUTH_BEGINS), 0, 1))


def _inside(outline: Points, side: int, growth: float, blur: float) -> Mask:
    """1 within an outline, grown and softened, ``(S, S)`` float32."""
    drawn: NDArray[np.float32] = np.zeros((side, side), np.float32)
    cv2.fillPoly(drawn, [cv2.convexHull(np.round(outline).astype(np.int32))], 1.0)
    kernel = 2 * round(growth * side) + 1
    drawn = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (kernel, kernel)))  # type: ignore[assignment]
    return cv2.GaussianBlur(drawn, (0, 0), blur * side)  # type: ignore[return-value]


def _near(weight: Mask, eye: Points) -> Mask:
    """The part of a weight that is on the eye's side of the face."""
    middle = eye.mean(0)
    reach = 1.5 * max(float(np.linalg.norm(eye[3] - eye[0])), 1.0)
    near: Mask = np.zeros_like(weight)
    top, left = (max(round(v - reach), 0) for v in middle[::-1])
    part = np.s_[top : max(round(middle[1] + reach), 0), left : max(round(middle[0] + reach), 0)]
    near[part] = weight[part]
    return near


def _in_colours_of(target: Image, wanted: Image, weight: Mask) -> NDArray[np.float32]:
    """The target with the mean colour that the wanted face has under the weight."""
    total = max(float(weight.sum()), 1e-6)
    shift = ((wanted.astype(np.float32) - target) * weight[..., None]).sum((0, 1)) / total
    return target + np.clip(shift, -_LARGEST_SHIFT, _LARGEST_SHIFT)
