"""The target's gaze comes back: a swapper that learnt from eyes that look ahead has all eyes look ahead."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ..types import Image, Mask, Points
from .lids import Closing
from .outline import at_side, on_weight, soft_hull
from .steady import shown_part

_GROWTH, _BLUR = 1 / 75, 1 / 190  # of the crop's side: the rims of the lids move with the gaze
LIGHT_HALF_LIFE_S = 1.0  # of a clip's average of how much lighter the target's eyes are; a blink takes 0.1 to 0.3 s


def gaze_weights(landmarks: Points, size_px: int) -> NDArray[np.float32]:
    """Where each of the target's eyes shows, ``(2, S, S)`` in [0, 1]: the left and the right one of the image.

    Args:
        landmarks: ``(68, 2)`` px of the crop.
    """
    own = on_weight(landmarks, size_px)
    return np.stack(
        [at_side(soft_hull(own[eye], growth=_GROWTH, blur=_BLUR), size_px) for eye in (LEFT_EYE, RIGHT_EYE)]
    )


def eyes_lighter(swapped: Image, target: Image, weights: NDArray[np.float32], closed: Closing) -> tuple[float, float]:
    """By how many levels each of the target's open eyes is lighter than the swapped one as a whole; 0 of a closed one.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weights: ``(2, S, S)``, see :func:`gaze_weights`.
        closed: how far each eye is closed, see :func:`~.lids.closing`.
    """
    left, right = (
        (1 - share) * _mean_change(swapped, target, weight) for weight, share in zip(weights, closed, strict=True)
    )
    return left, right


def _mean_change(swapped: Image, target: Image, weight: Mask) -> float:
    part = shown_part(weight)
    if part is None:
        return 0.0
    return float(np.average(_grey(target[part]) - _grey(swapped[part]), weights=weight[part]))


def bring_back_gaze(
    swapped: Image, target: Image, weights: NDArray[np.float32], lighter: Sequence[float], *, strength: float
) -> Image:
    """Give the swapped eyes the target's light and shade: where they look, and how far they are open.

    Their colours stay the swapped face's, and so does how light an open eye is as a whole: the darkness of iris, lashes and
    lids is part of a likeness, and where in the eye it lies is not. A pixel is darkened by a factor and lightened by a
    difference: by a difference, bright skin that becomes the line of a lid would turn red.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weights: ``(2, S, S)``, see :func:`gaze_weights`.
        lighter: levels that each eye of the target counts darker than it is, see :func:`eyes_lighter`; of a clip, averaged over
            time, for an eye that closes shall change its light.
        strength: how far, 0 to 1.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where no eye is in the crop.
    """
    out = swapped
    for weight, less in zip(weights, lighter, strict=True):
        part = shown_part(weight)
        if part is None:
            continue
        own, before = swapped[part].astype(np.float32), _grey(swapped[part])
        change = (_grey(target[part]) - before - np.float32(less)) * (weight[part] * np.float32(strength))
        darker = own * (1 + change / np.maximum(before, 1))[..., None]
        finished = np.clip(np.rint(np.where(change[..., None] < 0, darker, own + change[..., None])), 0, 255)
        out = out.copy() if out is swapped else out
        out[part] = finished
    return out


def _grey(image: Image) -> NDArray[np.float32]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
