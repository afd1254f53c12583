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

# Of the crop's side. The rims of the lids and the lashes move with the eye: at 1/75 the swapped face's own lay beside them, a second
# outer corner that stayed where it was, and opened and closed eyes were read too near to each other.
_GROWTH, _BLUR = 1 / 40, 1 / 190
MEANS = (0.02, 0.98)  # of an eye's luma; beyond them its tone would tell nothing
LARGEST_EXPONENT = 2.0  # more than any two eyes in the same light ask for
_DARKEST = 1 / 255  # luma that a factor is still taken of
DARK = 8  # levels added before a colour's share of its luma is taken: the noise of dark pixels
TONE_HALF_LIFE_S = 1.0  # of a clip's average of the tones; a blink takes 0.1 to 0.3 s


def gaze_weights(landmarks: Points, size_px: int) -> NDArray[np.float32]:
    """Where each of the target's eyes shows, ``(2, S, S)`` in [0, 1]: the left and the right one of the image.

    Args:
        landmarks: ``(68, 2)`` px of the crop.
    """
    own = on_weight(landmarks, size_px)
    return np.stack(
        [at_side(soft_hull(own[eye], growth=_GROWTH, blur=_BLUR), size_px) for eye in (LEFT_EYE, RIGHT_EYE)]
    )


def eye_tones(swapped: Image, target: Image, weights: NDArray[np.float32], closed: Closing) -> tuple[float, float]:
    """By which exponents the target's open eyes become as light as the swapped ones: their logarithms, 0 of a closed eye.

    An exponent leaves black and white what they are. A level added to all would turn lashes and pupils grey.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weights: ``(2, S, S)``, see :func:`gaze_weights`.
        closed: how far each eye is closed, see :func:`~.lids.closing`.
    """
    left, right = ((1 - share) * _tone(swapped, target, own) for own, share in zip(weights, closed, strict=True))
    return left, right


def _tone(swapped: Image, target: Image, weight: Mask) -> float:
    part = shown_part(weight)
    if part is None:
        return 0.0
    own, wanted = (np.clip(np.average(_luma(face[part]), weights=weight[part]), *MEANS) for face in (swapped, target))
    exponent = np.clip(np.log(own) / np.log(wanted), 1 / LARGEST_EXPONENT, LARGEST_EXPONENT)
    return float(np.log(exponent))


def bring_back_gaze(
    swapped: Image, target: Image, weights: NDArray[np.float32], tones: Sequence[float], *, strength: float
) -> Image:
    """Give the swapped eyes the target's light and shade: where they look, and how far they are open.

    How light an open eye is as a whole stays the swapped face's: the darkness of iris, lashes and lids is part of a likeness, and where
    in the eye it lies is not. A pixel is darkened by a factor: by a difference, bright skin that becomes the line of a lid would turn
    red. It is lightened by light of the target's colour there: by grey light, an iris that becomes a lid would turn blue.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weights: ``(2, S, S)``, see :func:`gaze_weights`.
        tones: of the target's eyes, see :func:`eye_tones`; of a clip, averaged over time, for an eye that closes shall change
            its light.
        strength: how far, 0 to 1.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where no eye is in the crop.
    """
    out = swapped
    for weight, tone in zip(weights, tones, strict=True):
        part = shown_part(weight)
        if part is None:
            continue
        own, before = out[part].astype(np.float32), _luma(out[part])  # rectangles of both eyes may share pixels
        light = _luma(target[part])
        change = (light ** np.float32(np.exp(tone)) - before) * (weight[part] * np.float32(strength))
        colour = (target[part] + np.float32(DARK)) / (255 * light + np.float32(DARK))[..., None]
        darker = own * (1 + change / np.maximum(before, _DARKEST))[..., None]
        finished = np.where(change[..., None] < 0, darker, own + 255 * change[..., None] * colour)
        out = out.copy() if out is swapped else out
        out[part] = np.clip(np.rint(finished), 0, 255)
    return out


def _luma(image: Image) -> NDArray[np.float32]:
    luma: NDArray[np.float32] = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    return luma
