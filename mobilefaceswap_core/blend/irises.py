"""Irises are blue, grey, green or brown: a swapper that carries blue ones into warmer light makes some of them violet."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ..types import Image, Points
from .outline import WEIGHT_PX, at_side, on_weight, soft_hull
from .steady import shown_part

Floats = NDArray[np.float32]
_GROWTH, _BLUR = 1 / 75, 1 / 190  # of the crop's side: what lies within the lids, and no skin
_WITHIN = 0.5  # weight from which a pixel of the target belongs to its eye
_USUAL = 0.9  # so much of the eye is no more violet than usual there
_BLUE = 0.05  # of its blue, a plainly blue iris lacks no more green


def calm_violet(swapped: Image, target: Image, landmarks: Points) -> Image:
    """Give violet irises as much green as makes them blue; how light they are stays.

    Of 240 pairs of photos about one in twenty had eyes that were plainly violet. Where the target's own eyes are
    violet, in the light of a stage, the swapped ones may be as much.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where nothing is violet.
    """
    out, own = swapped, on_weight(landmarks, len(swapped))
    for eye in (LEFT_EYE, RIGHT_EYE):
        near = swapped[_about(landmarks[eye], len(swapped))]
        if not near.size or not _lack_of_green(near.astype(np.float32)).any():
            continue  # as with most sources, in a third of the time
        weight = at_side(soft_hull(own[eye], growth=_GROWTH, blur=_BLUR), len(swapped))
        part = shown_part(weight)
        if part is None:
            continue
        before = out[part].astype(np.float32)
        usual = np.quantile(
            _lack_of_green(target[part].astype(np.float32))[weight[part] > _WITHIN], _USUAL, method="lower"
        )
        more = np.maximum(_lack_of_green(before) - usual, 0) * weight[part]
        if not more.any():
            continue
        greener = before.copy()
        greener[..., 1] += more
        same_light = _luma(before) / np.maximum(_luma(greener), 1)
        out = out.copy() if out is swapped else out
        out[part] = np.clip(np.rint(greener * same_light[..., None]), 0, 255)
    return out


def _about(points: Points, size_px: int) -> tuple[slice, slice]:
    """Rows and columns around an eye; nothing outside of them has any weight."""
    # The blur's kernel ends at four deviations; three pixels of the weight for what is rounded and interpolated.
    reach = (_GROWTH + 4 * _BLUR + 3 / WEIGHT_PX) * size_px
    left, top = np.maximum(points.min(0) - reach, 0).astype(int)
    right, bottom = np.maximum(points.max(0) + reach + 1, 0).astype(int)
    return slice(top, bottom), slice(left, right)


def _lack_of_green(pixels: Floats) -> Floats:
    """Levels that a bluish pixel lacks of green: in blue irises it lies nearly halfway between red and blue, or above."""
    red, green, blue = cv2.split(pixels)
    lack = (red + blue) / 2 - green - np.float32(_BLUE) * blue
    return np.where(blue > red, np.maximum(lack, 0), 0).astype(np.float32)


def _luma(pixels: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
