"""Folds about the mouth that the target does not have: a swapper draws a source's smile into a face that does not smile.

Folds from the nose to the mouth and on to the chin belong to an expression, and the expression is the target's. Most source
photos show a smile; on a face at rest its folds look like grief.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import CHIN, JAW, LEFT_EYE, LEFT_MOUTH, NOSE_OUTLINE, OUTER_LIPS, RIGHT_EYE, RIGHT_MOUTH
from ..types import Image, Mask, Points
from .outline import at_side, on_weight, soft_hull
from .steady import shown_part

Floats = NDArray[Any]  # float32
_UNIT = 1 / 224  # lengths below are px of a crop of that side
# Sides of the squares over which means are taken: what lies above the small ones is a thin line, what lies between both what is around it.
# A scale more, 55, took the shade of whole cheeks as well, and with it beards and one in a hundred likenesses.
_FINE, _COARSE = 7, 21
_AROUND = 17  # of those over which the target's own light and shade are measured
# A scale of the swapped face may be as strong as the target's is there, or around there on average (root mean square) times the first, and
# by the second more, a share of its light. Measured on 240 pairs of held-out people, see docs/evaluation.md.
_SHARE, _MARGIN = 0.9, 0.02
_DARK = 4.0  # levels added before logarithms: the noise of dark pixels
_LOGARITHMS = np.log(np.arange(256, dtype=np.float32) + _DARK)  # of every level
# Of the crop's side: growth and blur of what keeps its own shade, and the blur of the region.
_LIPS, _NOSE, _MIDDLE, _BLUR = (1 / 110, 1 / 110), (1 / 75, 1 / 150), (0, 1 / 90), 1 / 60
_JAW = slice(JAW.start + 2, JAW.stop - 2)  # from below the ears
_TO_EYE = 0.35  # how far the region reaches up beside the nose, of the way from the wing to the corner of the eye
_INSET = 0.12  # of the mouth's width: how far inside of its corners folds end, and a beard may begin
_LEAST = 1e-3  # weight of what is no skin, where there is nothing else


def folds_weight(landmarks: Points, size_px: int) -> Mask:
    """Where folds are softened: on both sides of nose and mouth, and down to the jaw, ``(S, S)`` float32 in [0, 1].

    Lips and nose keep their own shade, and so does what a beard grows on between nose, mouth and chin.

    Args:
        landmarks: ``(68, 2)`` px of the crop.
        size_px: S.
    """
    own = on_weight(landmarks, size_px)
    nose, corners = own[NOSE_OUTLINE], (own[LEFT_EYE][3], own[RIGHT_EYE][0])
    beside = [wing + _TO_EYE * (corner - wing) for wing, corner in zip((nose[1], nose[-1]), corners, strict=True)]
    lower = soft_hull(np.vstack([own[_JAW], beside]), growth=0, blur=_BLUR)
    inwards = _INSET * (own[RIGHT_MOUTH] - own[LEFT_MOUTH])
    middle = [*nose[1:], own[LEFT_MOUTH] + inwards, own[RIGHT_MOUTH] - inwards, *own[CHIN - 1 : CHIN + 2]]
    kept = np.zeros_like(lower)
    for points, (growth, blur), times in (
        (own[OUTER_LIPS], _LIPS, 2),
        (nose, _NOSE, 2),
        (np.array(middle), _MIDDLE, 1),
    ):
        kept = np.maximum(kept, np.minimum(times * soft_hull(points, growth=growth, blur=blur), 1))
    return at_side(lower * (1 - kept), size_px)


def soften_folds(swapped: Image, target: Image, landmarks: Points) -> Image:
    """Weaken light and shade about the mouth, on two scales, to what the target has there.

    Nothing is added: where the target has folds, or a beard, the swapped face keeps its own. Each channel is taken for itself, by its
    logarithm: a fold multiplies the light, and is often redder than the skin.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where the lower face lies outside of the crop.
    """
    whole, unit = folds_weight(landmarks, len(swapped)), len(swapped) * _UNIT
    part = shown_part(whole)
    if part is None:
        return swapped
    weight = _three(whole[part])
    ours, theirs = (cv2.LUT(np.ascontiguousarray(face[part]), _LOGARITHMS) for face in (swapped, target))
    size = weight.shape[1::-1]
    skin: NDArray[Any] = weight + np.float32(_LEAST)
    change, ours, theirs = _weakened(ours, theirs, skin, _FINE, unit)
    half = (max(1, size[0] // 2), max(1, size[1] // 2))
    ours, theirs, skin = (cv2.resize(plane, half, interpolation=cv2.INTER_LINEAR) for plane in (ours, theirs, skin))
    more, _, _ = _weakened(ours, theirs, skin, _COARSE, unit / 2)
    change += cv2.resize(more, size, interpolation=cv2.INTER_LINEAR)
    out = swapped.copy()
    out[part] = cv2.multiply(swapped[part], cv2.exp(change * weight), dtype=cv2.CV_8U)
    return out


def _weakened(ours: Floats, theirs: Floats, skin: Floats, side: float, unit: float) -> tuple[Floats, Floats, Floats]:
    """What is taken off one scale of the swapped face, and the means that this scale lies above, of both faces."""
    our_mean, their_mean = _means((ours, theirs), skin, side * unit)
    scale, wanted = ours - our_mean, theirs - their_mean
    (square,) = _means((wanted * wanted,), skin, _AROUND * unit)
    usual = np.sqrt(np.maximum(square, 0))  # running sums may end a little below 0
    most = np.maximum(usual * np.float32(_SHARE), np.abs(wanted)) + np.float32(_MARGIN)
    return np.clip(scale, -most, most) - scale, our_mean, their_mean


def _means(pictures: Sequence[Floats], weight: Floats, side: float) -> list[Floats]:
    """Of each picture the means over squares, of what the weight shows; it has three channels as they have."""
    size = (_odd(side), _odd(side))
    whole = _three(cv2.blur(weight[..., 0], size))
    return [np.asarray(cv2.blur(values * weight, size), np.float32) / whole for values in pictures]


def _three(plane: Floats) -> Floats:
    """A plane for each of three channels: NumPy takes four times as long where it has to stretch one over pixels."""
    return np.asarray(cv2.merge([plane] * 3), np.float32)


def _odd(length: float) -> int:
    return max(1, 2 * round((length - 1) / 2) + 1)
