"""The target's lids come back as its eyes close: a swapper that learnt from open eyes leaves them half open."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..faces.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE, eye_opening
from ..types import Image, Mask, Points
from .outline import WEIGHT_PX, at_side, on_weight, soft_hull
from .steady import SteadyShares, brought_back

Closing = tuple[float, float]  # left and right eye of the image: 0 open, 1 closed

# Height over width of an open eye in the 68 landmarks, for stills and the first frames of a clip. The narrower eye of a
# photo has a median of 0.30 (1,359 CelebA crops), 0.22 at a tenth of them: those smile, and their eyes must not count as closing.
USUAL_OPENING = 0.28
# Shares of the usual opening: at the first the lids begin to come, at the second they are there. The landmarks of a closed
# eye still lie half as far apart as those of an open one (0.17 of 0.32 with the lite detector, in a clip of a man who blinks).
_BEGINS, _ENDS = 0.8, 0.55
_OPEN = 0.36  # a wide open eye, which the swapped face may have
_HIGHEST = 0.35  # of the way to the brow, which stays the swapped face's
_GROWTH, _BLUR = 1 / 32, 1 / 75  # of the crop's side: lids lie outside of the eye's outline
_REMEMBERED = 250  # frames whose opening is the face's usual one, ten seconds
_USUAL_QUANTILE = 0.9
_ENOUGH = 12  # frames before a clip's own opening is trusted
_USUAL_LIMITS = (0.2, 0.45)  # narrow and wide eyes; beyond it the landmarks are wrong
# What of an eye is no skin, by share of what it usually shows: at the first the eye may be shut, at the second it is. The shut
# eyes of a man whose landmarks stay two thirds open have 0.12 to 0.18, his narrow open ones 0.44 and more.
_BARE_BEGINS, _BARE_ENDS = 0.35, 0.2
_LEAST_SHOWN = 0.04  # usual bareness below which colours do not tell an eye from its lids: grey pictures, darkness
_PATCH, _WIDER = (32, 20), 1.1  # px, an eye upright between rims of skin, and how much wider than the eye that is
_RIMS_PX = (4, 3, 3)  # above, below and beside what is looked at; the outer two rows above and below are skin
_DARK = 4  # levels added to both colours: the noise of dark pixels


def closing(landmarks: Points, *, usual: Closing = (USUAL_OPENING, USUAL_OPENING)) -> Closing:
    """How far each eye is closed.

    Args:
        landmarks: ``(68, 2)``, any scale.
        usual: opening of each eye when it is open, height over width.
    """
    shares = (eye_opening(landmarks, eye) / own for eye, own in zip((LEFT_EYE, RIGHT_EYE), usual, strict=True))
    left, right = (float(np.clip((_BEGINS - share) / (_BEGINS - _ENDS), 0, 1)) for share in shares)
    return left, right


def lids_weight(landmarks: Points, closed: Closing, size_px: int) -> Mask:
    """Where and how far the target's lids show, ``(S, S)`` float32 in [0, 1].

    Args:
        landmarks: ``(68, 2)`` px of the crop.
        closed: see :func:`closing`.
    """
    small = np.zeros((WEIGHT_PX, WEIGHT_PX), np.float32)
    own_landmarks = on_weight(landmarks, size_px)
    for eye, share in zip((LEFT_EYE, RIGHT_EYE), closed, strict=True):
        if share > 0:
            small = np.maximum(small, np.float32(share) * _lids_of(own_landmarks, eye))
    return at_side(small, size_px)


def _lids_of(landmarks: Points, eye: slice) -> Mask:
    """One eye's lids in a weight of :data:`~.outline.WEIGHT_PX`: its outline, grown and softened."""
    outline, brow = landmarks[eye], landmarks[LEFT_BROW if eye == LEFT_EYE else RIGHT_BROW]
    to_brow = brow.mean(0) - outline.mean(0)
    # A lid closes downwards: the swapped face's open eye, which must be covered, lies above the line of a closed one.
    missing = max(_OPEN - eye_opening(landmarks, eye), 0.0) * float(np.linalg.norm(outline[3] - outline[0]))
    rise = min(missing / max(float(np.linalg.norm(to_brow)), 1e-6), _HIGHEST)
    covered = np.concatenate([outline, outline + to_brow * rise])
    # Whole up to the outline's edge and soft beyond it: an open eye that shines through a closed lid is worse than none.
    return np.minimum(2 * soft_hull(covered, growth=_GROWTH, blur=_BLUR), 1)


def bring_back_lids(swapped: Image, target: Image, landmarks: Points, closed: Closing) -> Image:
    """Blend the target's closing eyes into the swapped face.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        closed: see :func:`closing`; of a clip, what :class:`SteadyLids` gives.

    Returns:
        ``(S, S, 3)`` uint8; the input itself while both eyes are open.
    """
    if max(closed) <= 0:
        return swapped
    return brought_back(swapped, target, lids_weight(landmarks, closed, len(swapped)))


def bareness(image: Image, landmarks: Points) -> Closing:
    """How much of each eye is less red than the skin around it, as white and iris are; lids have the colour of skin.

    Args:
        image: ``(S, S, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` px of the image.

    Returns:
        Mean logarithm of the ratio of red and green that skin has more, left and right eye.
    """
    left, right = (_bareness_of(image, landmarks[eye]) for eye in (LEFT_EYE, RIGHT_EYE))
    return left, right


def _bareness_of(image: Image, outline: Points) -> float:
    width, height = _PATCH
    along = outline[3] - outline[0]
    length = max(float(np.linalg.norm(along)), 1e-6)
    cosine, sine = along / length * (width / (_WIDER * length))
    turn = np.array([[cosine, sine], [-sine, cosine]])
    shift = np.array([width - 1, height - 1]) / 2 - turn @ ((outline[0] + outline[3]) / 2)
    patch = cv2.warpAffine(image, np.column_stack([turn, shift]), _PATCH, flags=cv2.INTER_LINEAR).astype(np.float32)
    red = np.log((patch[..., 0] + _DARK) / (patch[..., 1] + _DARK))
    skin = np.median(red[[0, 1, -2, -1]])
    above, below, beside = _RIMS_PX
    return float(np.maximum(skin - red[above:-below, beside:-beside], 0).mean())


class SteadyLids:
    """How far the eyes of one face of a clip are closed, smooth over time; learns how far its eyes usually open.

    Landmarks of narrow eyes stay half open as they shut. Where they begin to close and the eye shows nothing but skin, it is shut.
    """

    def __init__(self) -> None:
        self._openings: deque[Closing] = deque(maxlen=_REMEMBERED)
        self._shown: deque[Closing] = deque(maxlen=_REMEMBERED)
        self._closed = SteadyShares()

    def reset(self) -> None:
        """Forget the face: at a cut, or when it was lost."""
        self._openings.clear()
        self._shown.clear()
        self._closed.reset()

    def __call__(self, landmarks: Points, *, time_s: float, target: Image | None = None) -> Closing:
        """The next frame's closing.

        Args:
            landmarks: ``(68, 2)`` of the target.
            time_s: when the frame is shown; not later than the one before, or much later, begins anew.
            target: ``(S, S, 3)`` RGB uint8 that the landmarks are pixels of; without it they alone tell.

        Raises:
            OptionError: landmarks that are not finite.
        """
        if not np.isfinite(landmarks).all():
            raise OptionError("The eyes' landmarks are not finite; leave out faces without landmarks.")
        self._openings.append((eye_opening(landmarks, LEFT_EYE), eye_opening(landmarks, RIGHT_EYE)))
        closed = closing(landmarks, usual=self.usual)
        if target is not None:
            closed = self._shut(closed, bareness(target, landmarks))
        left, right = self._closed(closed, time_s=time_s)
        return left, right

    def _shut(self, closed: Closing, shown: Closing) -> Closing:
        """The closing by landmarks, and by what the eyes show beside their lids."""
        self._shown.append(shown)
        if len(self._shown) < _ENOUGH:
            return closed
        usual = _quantile(np.array(self._shown), _USUAL_QUANTILE)
        left, right = (
            max(share, float(np.clip((_BARE_BEGINS - now / own) / (_BARE_BEGINS - _BARE_ENDS), 0, 1)))
            if share > 0 and own >= _LEAST_SHOWN
            else share
            for share, now, own in zip(closed, shown, usual, strict=True)
        )
        return left, right

    @property
    def usual(self) -> Closing:
        """Each eye's opening while it is open; a constant at first, then a high quantile of what was seen."""
        if len(self._openings) < _ENOUGH:
            return USUAL_OPENING, USUAL_OPENING
        left, right = np.clip(_quantile(np.array(self._openings), _USUAL_QUANTILE), *_USUAL_LIMITS)
        return float(left), float(right)


def _quantile(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """``np.quantile`` along the first axis, in a tenth of its time; a clip asks for each face of each frame."""
    ranked, place = np.sort(values, axis=0), share * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])  # type: ignore[no-any-return]
