"""The swapped brows go where the target's are: a swapper that learnt from calm faces leaves them at rest.

Raised brows are drawn twice then: the source's where they rest, and a shadow of the target's above. The swapped brows are
moved, and what lies above them is the target's skin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from ..types import Image, Mask, Points

Floats = NDArray[np.float32]
_SIDES = ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE))
_UNIT = 1 / 224  # lengths below are px of a crop of that side
_COLUMNS, _MARGIN = 24, 0.12  # across a brow; its ends are thin
_ABOVE, _ABOVE_OWN = 14, 8  # how far above the landmarks a swapped brow, and the target's own, are looked for
_BELOW, _BELOW_OWN = 0.85, 0.5  # likewise below, of the way to the eye
_BOX = 7  # a brow's thickness
# A brow is darker than the skin above and below it by so many grey levels, and the target's not much fainter than the swapped
# one: a pale brow leaves no shadow. Measured on 98 pairs of held-out people: identity stays at 95.9 %, expression goes from
# 7.30 to 7.24; without the skin below, shaded lids were taken for brows.
_DARKER, _FAINTEST = 12.0, 0.5
_LEAST, _WHOLE = 2.0, 4.0  # px: nearer brows stay as they are, so that nothing trembles; from there on the whole way
_HIGHEST, _LOWEST = 0.6, 0.35  # of the skin between brow and eye: further, and that would fold
_FADE = 14  # px beside a brow over which the movement ends
_STRETCH, _ROOM = 1.7, 12  # above a brow it ends over so many times its length, and over so many px at least
_HALF = 6  # of a brow's thickness, which is moved as it is; above that the target's skin shows,
_SOFT = 4  # over so many px


class BrowShift(NamedTuple):
    """Of one brow, px of the crop.

    Attributes:
        down: how far the swapped brow lies below the target's; 0 where that is not sure.
        middle: how far the middle of the target's brow lies below its landmarks.
    """

    down: float
    middle: float


def brow_shifts(swapped: Image, target: Image, landmarks: Points) -> tuple[BrowShift, BrowShift]:
    """Where the swapped brows are.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.

    Returns:
        The left and the right brow of the image.
    """
    unit = len(swapped) * _UNIT
    ours, theirs = (cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in (swapped, target))
    left, right = (
        _shift(ours, theirs, _line(landmarks, brow), _gap(landmarks, brow, eye), unit) for brow, eye in _SIDES
    )
    return left, right


def move_brows(
    swapped: Image, weight: Mask, landmarks: Points, shifts: tuple[BrowShift, BrowShift]
) -> tuple[Image, Mask]:
    """Move the swapped brows to the target's.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8.
        weight: ``(S, S)`` float32 in [0, 1], what it will be pasted with.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        shifts: see :func:`brow_shifts`; of a clip, averaged by :class:`~.steady.SteadyShares`.

    Returns:
        Both anew; the inputs themselves where no brow is to be moved.
    """
    unit = len(swapped) * _UNIT
    for (brow, eye), shift in zip(_SIDES, shifts, strict=True):
        line, gap = _line(landmarks, brow), _gap(landmarks, brow, eye)
        share = float(np.clip((abs(shift.down) / unit - _LEAST) / (_WHOLE - _LEAST), 0, 1))
        part = _part(line, gap, shift, unit, len(swapped))
        if share > 0 and gap > 0 and part is not None:
            swapped, weight = _moved(swapped, weight, line, gap, shift, share, part, unit)
    return swapped, weight


def _line(landmarks: Points, brow: slice) -> Points:
    points = landmarks[brow]
    return points[np.argsort(points[:, 0])]


def _gap(landmarks: Points, brow: slice, eye: slice) -> float:
    """From a brow down to its eye, px; below 0 for faces that lie."""
    return float(landmarks[eye][:, 1].min() - landmarks[brow][:, 1].mean())


def _shift(swapped: NDArray[Any], target: NDArray[Any], line: Points, gap: float, unit: float) -> BrowShift:
    if gap <= 0:
        return BrowShift(0.0, 0.0)
    ours, clear = _darkest(swapped, line, _ABOVE * unit, _BELOW * gap, unit)
    theirs, own_clear = _darkest(target, line, _ABOVE_OWN * unit, _BELOW_OWN * gap, unit)
    if min(clear, own_clear) < _DARKER or own_clear < _FAINTEST * clear:
        return BrowShift(0.0, theirs)
    skin = max(gap - theirs - _HALF * unit, 0.0)
    return BrowShift(float(np.clip(ours - theirs, -_LOWEST * skin, _HIGHEST * skin)), theirs)


def _darkest(grey: NDArray[Any], line: Points, above: float, below: float, unit: float) -> tuple[float, float]:
    """How far below the landmarks the darkest band lies, px, and how much lighter the skin on both sides of it is."""
    margin = _MARGIN * (line[-1, 0] - line[0, 0])
    columns = np.linspace(line[0, 0] + margin, line[-1, 0] - margin, _COLUMNS, dtype=np.float32)
    offsets = np.arange(-round(above), round(below) + 1, dtype=np.float32)
    rows = np.interp(columns, line[:, 0], line[:, 1]).astype(np.float32)[None] + offsets[:, None]
    strip = cv2.remap(grey, np.broadcast_to(columns, rows.shape).copy(), rows, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    box = 2 * round((_BOX * unit - 1) / 2) + 1
    profile = cv2.blur(strip.astype(np.float32).mean(1)[:, None], (1, box), borderType=cv2.BORDER_REPLICATE)[:, 0]
    lighter_above = np.maximum.accumulate(profile) - profile
    lighter_below = np.maximum.accumulate(profile[::-1])[::-1] - profile
    clear = np.minimum(lighter_above, lighter_below)
    best = int(clear.argmax())
    return float(offsets[best]), float(clear[best])


def _reach_above(shift: BrowShift, unit: float) -> float:
    return max(_STRETCH * abs(shift.down), _ROOM * unit) + _HALF * unit


def _part(line: Points, gap: float, shift: BrowShift, unit: float, size: int) -> tuple[slice, slice] | None:
    """Rows and columns that a movement changes; ``None`` where they lie outside of the crop."""
    fade = _FADE * unit
    top = line[:, 1].min() + shift.middle - _reach_above(shift, unit) - fade
    bottom = line[:, 1].max() + gap
    edges = np.clip(np.round([top, bottom + 1, line[0, 0] - fade, line[-1, 0] + fade + 1]), 0, size).astype(int)
    if edges[1] <= edges[0] or edges[3] <= edges[2]:
        return None
    return slice(edges[0], edges[1]), slice(edges[2], edges[3])


def _moved(
    swapped: Image,
    weight: Mask,
    line: Points,
    gap: float,
    shift: BrowShift,
    share: float,
    part: tuple[slice, slice],
    unit: float,
) -> tuple[Image, Mask]:
    ys, xs = np.mgrid[part].astype(np.float32)
    middle = np.interp(xs[0], line[:, 0], line[:, 1]).astype(np.float32) + np.float32(shift.middle)
    below = ys - middle  # of the middle of the target's brow
    above, beside = _reach_above(shift, unit), np.maximum(np.maximum(line[0, 0] - xs, xs - line[-1, 0]), 0)
    across = _falling(beside / (_FADE * unit))
    reach = np.where(below < 0, above, max(gap - shift.middle, 2 * _HALF * unit)) - _HALF * unit
    along = _falling((np.abs(below) - _HALF * unit) / reach)
    rows = ys + np.float32(share * shift.down) * along * across
    moved, weighs = swapped.copy(), weight.copy()
    moved[part] = cv2.remap(swapped, xs, rows.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    soft = _SOFT * unit
    shown = np.clip((-below - _HALF * unit) / soft, 0, 1) * np.clip(
        (above + _FADE * unit + below) / (_FADE * unit), 0, 1
    )
    weighs[part] *= 1 - np.float32(share) * shown * across
    return moved, weighs


def _falling(way: NDArray[Any]) -> Floats:
    """1 at 0, 0 from 1 on, smooth."""
    half: Floats = (0.5 + 0.5 * np.cos(np.pi * np.clip(way, 0, 1))).astype(np.float32)
    return half
