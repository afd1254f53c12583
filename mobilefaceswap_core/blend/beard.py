"""A beard of the target stays, as its hair does.

A swapper paints skin over the part of a beard that lies in its crop: a moustache went, and what grows along the jaw was left, cut at the mask's
edge. Where a dark beard is, the lower face is dark and full of fine detail, beside cheeks that are neither; where a grey or white one is, it is
less coloured than these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import CHIN, JAW, LEFT_MOUTH, NOSE_TIP, OUTER_LIPS, RIGHT_MOUTH
from ..types import Image, Mask, Points
from .outline import WEIGHT_PX, at_side, on_weight, soft_hull

Floats = NDArray[np.float32]
# Growths and blurs are shares of the crop's side; px are those of a crop of WEIGHT_PX.
_LIGHT_PX = 2.0  # standard deviation of the mean light; what a pixel differs from it by is fine detail
_DARKEST = 8.0  # levels: below, a share of the light is noise
# Growth and blur: of the parts that are compared, of the lips, which belong to none of them, of the lower face, of lips again, and of nostrils.
_EDGE, _BARE, _REGION, _LIPS, _NOSTRILS = (
    (0, 1 / 120),
    (1 / 60, 1 / 120),
    (0, 1 / 60),
    (1 / 110, 1 / 120),
    (1 / 60, 1 / 90),
)
# Under the nose, how far below its points the shadow of the nose ends, and how far above them the nostrils lie, which are dark too.
_WINGS, _WING_PX, _NOSTRILS_PX = slice(31, 36), 4.0, -4.0
_BELOW_EARS, _JAW = slice(JAW.start + 3, JAW.stop - 3), slice(JAW.start + 2, JAW.stop - 2)
_CHEEKS = ([41, 31, 2], [46, 35, 14])  # between eye, nose and ear: skin, whoever it is
# Skin whose light tells that of the rest of the face, as pairs of points and the share of the second: about nose and cheeks, and between the brows.
_SKIN = (
    (40, 31, 0.5),
    (47, 35, 0.5),
    (41, 2, 0.4),
    (46, 14, 0.4),
    (29, 29, 0.0),
    (36, 31, 0.7),
    (45, 35, 0.7),
    (21, 22, 0.5),
)
_LEAST_OF_SKIN = 0.8  # of the darkest of these: no skin is expected to be darker
# The signs of a beard: of upper lip, chin and jaw how light they are by the skin, and the logarithm of how much detail they have by the cheeks. The
# factors are those of a logistic regression on 63 photos of 448 px with a beard and some 1,200 without, told apart by looking. Of 900 photos of
# other people 30 exceed the second of the sums below, all with a beard or stubble, and 13 lie between, two of them women.
_SIGNS, _NONE = (-14.19, 3.01, -5.87, 2.52, -5.46, 2.31), 9.5
_SURELY = (1.5, 3.0)  # sums of the signs between which a beard becomes certain
# The same of a grey or white beard, and of a moustache alone, with how much greyer than the cheeks these parts are at the end: fitted to 154 photos told
# by looking that the sum above does not exceed, most of 224 px, and some 7,000, nearly all of them such as that sum is far below for. Of 8,653 photos of three packs 314 exceed the sum above and 91 others
# the first of these: some forty with a beard or moustache, thirty men with stubble or without, fifteen women, most of them in hard or coloured light.
_GREY_SIGNS, _GREY_NONE = (-13.55, 1.28, 2.33, 0.38, 1.57, 0.13, 12.06, 3.09, 8.38), 3.15
_GREY_SURELY = (1.2, 2.6)
_DIM = 24.0  # levels: below, a colour as a share of the light is noise
# What is dark is less coloured too: greyness counts from the first to the second of skin's light on. And it tells nothing where the cheeks have no
# colour, or too little light for one.
_SHADE, _COLOURED, _LIT = (0.55, 0.85), (0.1, 0.2), (60.0, 120.0)
_LOGARITHM_OF = 0.1  # is added to a ratio before its logarithm
_LEAST_DETAIL = 0.005  # of the cheeks, as a share of their light
_DARKER = (0.8, 0.58)  # hair has less than the first of skin's light, and less than the second is certainly hair
_GREYER = (0.75, 0.4)  # and less than these shares of their colour, where it is grey
_SOFT_PX, _WHOLE = 2.5, 1.6  # it is softened by so many px, and what is then more than one in so many is whole
_REACH = 1.08  # the lower face reaches so far from the nose, of the way to the jaw
BEARD_FRAMES = 12  # of a clip go by before somebody is looked at again
BEARD_HALF_LIFE_S = 0.5  # of a clip's average of what is seen: nobody shaves in between


class Bearded(NamedTuple):
    """How surely somebody wears a dark beard and a grey one, each in [0, 1]."""

    dark: float
    grey: float


NO_BEARD = Bearded(0.0, 0.0)


def beardedness(target: Image, landmarks: Points) -> Bearded:
    """Whether somebody wears a beard.

    Args:
        target: ``(S, S, 3)`` RGB uint8, a crop.
        landmarks: ``(68, 2)`` px of the crop.
    """
    signs = _signs(target, landmarks)
    dark, grey = (
        float(_share(signs[: len(factors)] @ np.array(factors, np.float32) + none, surely))
        for factors, none, surely in ((_SIGNS, _NONE, _SURELY), (_GREY_SIGNS, _GREY_NONE, _GREY_SURELY))
    )
    return Bearded(dark, grey)


def beard_weight(target: Image, landmarks: Points, surely: Bearded) -> Mask:
    """Where hair grows on the target's lower face, ``(S, S)`` float32 in [0, 1].

    Args:
        target: ``(S, S, 3)`` RGB uint8, a crop.
        landmarks: ``(68, 2)`` px of the crop.
        surely: what was seen of it, see :func:`beardedness`.
    """
    own = on_weight(landmarks, len(target))
    seen = _seen(target)
    # Grey hair is dark between its own light.
    hair = _share(seen.light / _skin(seen.light, own), _DARKER) * np.float32(max(surely))
    if surely.grey > 0:
        usual = max(_mean(seen.colour, _cheeks(own)), _COLOURED[0])
        hair = np.maximum(hair, _share(seen.colour / np.float32(usual), _GREYER) * np.float32(surely.grey))
    nose = own[NOSE_TIP]
    hair *= _part(_REGION, nose + _REACH * (own[_JAW] - nose), own[_WINGS])
    hair *= 1 - _part(_LIPS, own[OUTER_LIPS])
    hair *= 1 - _part(_NOSTRILS, own[_WINGS] + [0, _NOSTRILS_PX])
    soft = cv2.GaussianBlur(hair, (0, 0), _SOFT_PX)
    return at_side(np.minimum(soft * np.float32(_WHOLE), 1), len(target))


class _Seen(NamedTuple):
    """Of a crop of :data:`WEIGHT_PX`: its luma, the mean of that around each pixel, and how much redder than blue that is, by the light."""

    luma: Floats
    light: Floats
    colour: Floats


def _signs(target: Image, landmarks: Points) -> Floats:
    own, seen = on_weight(landmarks, len(target)), _seen(target)
    detail = np.abs(seen.luma - seen.light) / np.maximum(seen.light, np.float32(_DARKEST))
    by_skin = seen.light / _skin(seen.light, own)
    bare, ends = 1 - _part(_BARE, own[OUTER_LIPS]), own[[LEFT_MOUTH, RIGHT_MOUTH]]
    upper = bare * _part(_EDGE, own[LEFT_MOUTH : RIGHT_MOUTH + 1], own[_WINGS] + [0, _WING_PX])
    chin = bare * _part(_EDGE, own[RIGHT_MOUTH : OUTER_LIPS.stop], ends[:1], own[CHIN - 2 : CHIN + 3])
    jaw = bare * (1 - chin) * _part(_EDGE, own[_BELOW_EARS], ends)
    parts, cheeks = (upper, chin, jaw), _cheeks(own)
    usual = max(_mean(detail, cheeks), _LEAST_DETAIL)
    light = [_mean(by_skin, part) for part in parts]
    signs = ((own, np.log(_mean(detail, part) / usual + _LOGARITHM_OF)) for own, part in zip(light, parts, strict=True))
    coloured = _mean(seen.colour, cheeks)
    tells = _share(coloured, _COLOURED) * _share(_mean(seen.light, cheeks), _LIT)
    grey = [
        _share(own, _SHADE) * tells * np.clip(1 - _mean(seen.colour, part) / max(coloured, _COLOURED[0]), 0, 1)
        for own, part in zip(light, parts, strict=True)
    ]
    return np.array([*(one for pair in signs for one in pair), *grey], np.float32)


def _share(values: Any, limits: tuple[float, float]) -> Any:
    """How far a number, or each of an array, has gone from the first limit to the second, in [0, 1]."""
    begins, ends = limits
    return np.clip((values - begins) / (ends - begins), 0, 1)


def _cheeks(landmarks: Points) -> Mask:
    return np.maximum(*(_part(_EDGE, landmarks[points]) for points in _CHEEKS))  # type: ignore[no-any-return]


def _part(soft: tuple[float, float], *points: Points) -> Mask:
    growth, blur = soft
    return soft_hull(np.vstack(points), growth=growth, blur=blur)


def _mean(values: Floats, weight: Floats) -> float:
    return float((values * weight).sum()) / max(float(weight.sum()), 1e-3)


def _seen(image: Image) -> _Seen:
    size = (WEIGHT_PX, WEIGHT_PX)
    small = image if len(image) == WEIGHT_PX else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    redder = cv2.subtract(small[..., 0], small[..., 2], dtype=cv2.CV_32F)
    light, mean = (cv2.GaussianBlur(plane, (0, 0), _LIGHT_PX) for plane in (luma, redder))
    return _Seen(
        luma, np.asarray(light, np.float32), np.asarray(mean / np.maximum(light, np.float32(_DIM)), np.float32)
    )


def _skin(light: Floats, landmarks: Points) -> Floats:
    """How light skin would be in each column: light comes from one side more often than not."""
    places = np.array([landmarks[a] + share * (landmarks[b] - landmarks[a]) for a, b, share in _SKIN])
    columns, rows = np.clip(np.rint(places).astype(int), 0, WEIGHT_PX - 1).T
    seen = light[rows, columns].astype(np.float64)
    off = places[:, 0] - places[:, 0].mean()
    slope = (off * (seen - seen.mean())).sum() / max((off**2).sum(), 1e-6)
    across = seen.mean() + slope * (np.arange(WEIGHT_PX) - places[:, 0].mean())
    return np.maximum(np.clip(across, _LEAST_OF_SKIN * seen.min(), seen.max()), _DARKEST).astype(np.float32)
