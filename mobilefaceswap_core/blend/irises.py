"""What eyes do not look like: violet irises, blue whites or shining ones, and blue irises of somebody whose own are not blue.

Irises are blue, grey, green or brown. A swapper that carries blue ones into warmer light makes some of them violet, and one that makes
dark skin light makes eyes blue and lighter with it, their whites and dark irises alike.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ..types import Image, Points
from .outline import on_weight, outline_at

Floats = NDArray[np.float32]
_GROWTH, _BLUR = 1 / 75, 1 / 190  # of the crop's side: what lies within the lids, and no skin
_WITHIN = 0.5  # weight from which a pixel of the target belongs to its eye
_USUAL = 0.9  # so much of the eye is no more violet than usual there
_BLUE = 0.05  # of its blue, a plainly blue iris lacks no more green
# Whites: lighter than so much of the lightest, and certainly those lighter than so much; so much of an eye is no lighter than its lightest.
_WHITE, _LIGHTEST = (0.55, 0.8), 0.95
_COOL = 0.75  # so much of a target's whites is no bluer than usual there
_COOL_OF_WHITE = 0.25  # and so much even where irises are light enough to be taken for white
_LIDS_GROWTH = 1 / 32  # of the crop's side: the rims of the lids, which turn blue with an eye
# Whites shine, if so much of an eye is no lighter than they are, from so many times the light of the target's eye, and from so many times the mean
# light there with the lids; of what they are lighter by half is left.
_WHITES, _OF_EYE, _OF_LIDS, _LEFT = 0.9, 1.1, 1.32, 0.5
# Of a source: an iris reaches so much of an eye's width from its middle, so much of it is no lighter than usual, and what is darker is taken for
# as light as this. Fewer pixels tell nothing.
_IRIS, _USUAL_IRIS, _DARK, _FEWEST = 0.25, 0.75, 24.0, 5
# Brown irises are bluer than three quarters of the white by less than the first share of its light, blue ones by more than the second; and so much
# of the lightest have dark ones, whose colour the lamp's mirror image decides, and blue ones. Looked at on 670 photos of 448 px.
_BLUER, _LIGHT = (-0.02, 0.01), (0.30, 0.38)
SURELY_CALM, EYES_FRAMES = 24, 8  # frames of a clip, see `looked_at`; a blink takes three to nine


def blueness_of_eyes(image: Image, landmarks: Points) -> float:
    """How surely somebody's eyes are blue, in [0, 1]: irises that are light, and no less blue than the whites beside them.

    Args:
        image: ``(S, S, 3)`` RGB uint8, an aligned crop.
        landmarks: ``(68, 2)``, px of the crop.

    Returns:
        1 too where eyes are closed or too small to be told.
    """
    own, found = on_weight(landmarks, len(image)), []
    for eye in (LEFT_EYE, RIGHT_EYE):
        outline = outline_at(own[eye], len(image), growth=_GROWTH, blur=_BLUR)
        if outline is None or not (inside := outline.weight > _WITHIN).any():
            continue
        part = outline.part
        rows, columns = (np.arange(side.start, side.stop, dtype=np.float32) for side in part)
        middle, width_px = landmarks[eye].mean(0), np.ptp(landmarks[eye][:, 0])
        from_middle = np.hypot(columns[None] - middle[0], rows[:, None] - middle[1])
        luma = _luma(image[part].astype(np.float32))
        relative = np.asarray(_coolness(image[part]) / np.maximum(luma, _DARK), np.float32)
        iris = inside & (from_middle < _IRIS * width_px)
        white = inside & (_whiteness(luma, inside) > _WITHIN)
        if min(np.count_nonzero(iris), np.count_nonzero(white)) < _FEWEST:
            continue
        iris &= luma <= _quantile(luma[iris], _USUAL_IRIS)  # not the light that mirrors in it
        bluer = _quantile(relative[iris], 0.5) - _quantile(relative[white], _COOL)
        found.append((bluer, _quantile(luma[iris], 0.5) / max(_quantile(luma[inside], _LIGHTEST), 1.0)))
    if not found:
        return 1.0
    limits = np.array([_BLUER, _LIGHT])
    return float(np.clip((np.mean(found, 0) - limits[:, 0]) / np.ptp(limits, axis=1), 0, 1).prod())


def looked_at(calm_frames: int) -> bool:
    """Whether a clip's next frame is looked at, after so many in a row whose eyes were calm.

    All are until a second or so has passed, longer than eyes stay shut; then one in :data:`EYES_FRAMES`.
    """
    return calm_frames < SURELY_CALM or calm_frames % EYES_FRAMES == 0


def calm_eyes(swapped: Image, target: Image, landmarks: Points, *, blue: float = 1.0) -> Image:
    """Give violet irises as much green as makes them blue, and whites no more blue than the target's have; how light they are stays.

    Eyes of somebody whose irises are not blue are no bluer than those whites as a whole. Whites that outshine the target's face are half as much
    lighter.

    Of 240 pairs of photos about one in twenty had eyes that were plainly violet. Whites were bluer than the target's by eight levels and more
    in one of six pairs, in one of five whose source has dark skin. Where the target's own eyes are so, in the light of a stage, the
    swapped ones may be as much.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        blue: how surely the source's own eyes are; see :func:`blueness_of_eyes`. 1 where nobody knows.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where nothing is violet, and nothing too blue or too light.
    """
    out, own = swapped, on_weight(landmarks, len(swapped))
    for eye in (LEFT_EYE, RIGHT_EYE):
        outline = outline_at(own[eye], len(swapped), growth=_GROWTH, blur=_BLUR)
        if outline is None or not (inside := outline.weight > _WITHIN).any():
            continue
        part, weight = outline
        ours, theirs = out[part], _eye(target[part], inside)
        calm = _less_violet(ours, target[part], weight, inside)
        calm = _less_blue(calm, theirs, weight, inside)
        calm = _less_light(calm, theirs, weight, inside)
        if calm is not ours:
            out = out.copy() if out is swapped else out
            out[part] = calm
        if blue < 1:
            lids = outline_at(own[eye], len(swapped), growth=_LIDS_GROWTH, blur=_BLUR)
            assert lids is not None  # it holds the eye
            most = max(_quantile(theirs.cool[inside & (theirs.white > _WITHIN)], _COOL_OF_WHITE), 0)
            grey = _greyer(out[lids.part], most, lids.weight * np.float32(1 - blue))
            if grey is not None:
                out = out.copy() if out is swapped else out
                out[lids.part] = grey
    return out


class _Eye(NamedTuple):
    """Of each pixel about the target's eye: its light, how much bluer than grey it is, and how surely it is white."""

    luma: Floats
    cool: Floats
    white: Floats


def _eye(pixels: Image, inside: NDArray[np.bool_]) -> _Eye:
    luma = _luma(pixels.astype(np.float32))
    return _Eye(luma, _coolness(pixels), _whiteness(luma, inside))


def _less_violet(ours: Image, theirs: Image, weight: Floats, inside: NDArray[np.bool_]) -> Image:
    more = _lack_of_green(ours) * weight
    if not more.any():  # as with most sources
        return ours
    usual = _quantile(_lack_of_green(theirs)[inside], _USUAL)
    more = np.maximum(more - usual * weight, 0)
    return _changed(ours, 1, more) if more.any() else ours


def _less_blue(ours: Image, theirs: _Eye, weight: Floats, inside: NDArray[np.bool_]) -> Image:
    cool = _coolness(ours)
    usual = max(_quantile(theirs.cool[inside & (theirs.white > _WITHIN)], _COOL), 0)
    if not (weight[cool > usual] > 0).any():
        return ours
    # Where the target's eye is white too: light irises may be blue by right.
    white = _whiteness(_luma(ours.astype(np.float32)), inside) * theirs.white
    less = np.maximum(cool - usual, 0) * white * weight
    return _changed(ours, 2, -less) if less.any() else ours


def _greyer(pixels: Image, most: float, weight: Floats) -> Image | None:
    """As grey as makes nothing bluer than so much, and as light as before; ``None`` where nothing is. Less blue alone would make green."""
    cool = _coolness(pixels)
    share = np.where(cool > most, np.maximum(1 - most / np.maximum(cool, 1), 0), 0) * weight
    if not share.any():
        return None
    grey = _luma(pixels.astype(np.float32))[..., None]
    return np.clip(np.rint(pixels + (grey - pixels) * share[..., None]), 0, 255).astype(np.uint8)


def _less_light(ours: Image, theirs: _Eye, weight: Floats, inside: NDArray[np.bool_]) -> Image:
    own = _luma(ours.astype(np.float32))
    most = max(_OF_EYE * _quantile(theirs.luma[inside], _LIGHTEST), _OF_LIDS * float(theirs.luma[weight > 0].mean()))
    if _quantile(own[inside], _WHITES) <= most:  # nothing, or what mirrors in an iris
        return ours
    less = np.maximum(own - most, 0) * np.float32(1 - _LEFT) * weight
    return np.clip(np.rint(ours * (1 - less / np.maximum(own, 1))[..., None]), 0, 255).astype(np.uint8)


def _changed(pixels: Image, channel: int, more: Floats) -> Image:
    """So much more of a channel, and as light as before."""
    before = pixels.astype(np.float32)
    changed = before.copy()
    changed[..., channel] += more
    same_light = _luma(before) / np.maximum(_luma(changed), 1)
    return np.clip(np.rint(changed * same_light[..., None]), 0, 255).astype(np.uint8)


def _whiteness(luma: Floats, inside: NDArray[np.bool_]) -> Floats:
    """How surely each pixel belongs to the white of an eye, by its light."""
    lightest = max(_quantile(luma[inside], _LIGHTEST), 1)
    begins, ends = _WHITE
    return np.clip((luma / lightest - begins) / (ends - begins), 0, 1).astype(np.float32)


def _quantile(values: Floats, share: float) -> float:
    place = int(share * (values.size - 1))
    return float(np.partition(values, place)[place])  # NumPy's quantile does much more, in Python


def _lack_of_green(pixels: Image) -> Floats:
    """Levels that a bluish pixel lacks of green: in blue irises it lies nearly halfway between red and blue, or above."""
    red, green, blue = cv2.split(pixels.astype(np.float32))
    lack = (red + blue) / 2 - green - np.float32(_BLUE) * blue
    return np.where(blue > red, np.maximum(lack, 0), 0).astype(np.float32)


def _coolness(pixels: Image) -> Floats:
    """By how many levels blue lies above the mean of red and green."""
    red, green, blue = cv2.split(pixels.astype(np.float32))
    return np.asarray(blue - (red + green) / 2, np.float32)


def _luma(pixels: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.float32)
