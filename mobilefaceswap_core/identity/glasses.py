"""Glasses of a source, left out before its identity is read, and average eyes where its own are covered.

A swap draws a person, not things: of a source's glasses it drew the bridge and parts of the rims, thin and grey, into every
target. Glasses are found where the network that sees what hides a face sees thin things between the eyes and on both sides of
them, and filled with the skin around them. The target keeps its own. Dark lenses, or a hand, hide an eye: average ones stand in, see
:mod:`.covered`.

Looked at on 1,343 photos of 448 px: 104 were found to wear glasses, all of them do; of 23 with a covered eye 20 wear dark
glasses, three hide an eye behind a hand or hair. Two lots of 40, the second with rims as thin as wire, went on five faces without
glasses each: with them as they are, with rims filled, and with what that leaves in the feature map taken off as well (:mod:`.filled`).
What is drawn of rims there, as the same network sees it between brows and cheeks, fell from 4.8 to 1.8 and 1.0 and from 3.3 to 0.9
and 0.5 % of the pixels. The nearest of 40 people by dlib's recogniser was the source in 84.0, 95.0 and 93.0 and in 77.0, 89.5 and 88.0 %
where all 40 are shown without their glasses, in 90.5, 87.5 and 83.0 and in 80.5, 84.0 and 79.0 % where all wear them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import AlignedFace, Image, Mask, Points
from .covered import odd, with_average_eyes

Said = Literal["", "left out", "covered"]

# Probability of hiding from which a pixel belongs to a thing that covers an eye, or to a rim. Rims as thin as wire are seen in parts.
_SEEN, _RIM = 0.35, 0.2
# Where rims may lie, and how wide they are at most, in distances between the eyes: above and below them, to each side of their middle.
_ABOVE, _BELOW, _ASIDE, _WIDE = 0.45, 0.57, 1.21, 0.24
# Glasses have a bridge between the eyes, and rims beside it. So far above and below the eyes and, the bridge, to each side of their middle, or,
# rims, to the outer side of an eye something must be seen; over so much of the width.
_BRIDGE, _BRIDGE_LEAST = (0.25, 0.3, 0.15), 0.14
_BESIDE, _BESIDE_LEAST = (0.35, 0.5, 0.6), 0.21
_AROUND, _GROWN = 0.07, 0.13  # is filled with them, or with what covers an eye: their shadow and their soft edge
# Sides of the squares whose known pixels fill an unknown one, the smallest first that has enough of them.
_SQUARES, _ENOUGH = (0.07, 0.1, 0.16, 0.27, 0.43, 0.73), 0.25

_TELLING: tuple[Said, ...] = ("", "left out", "covered")  # the last is what somebody should know first


class Glasses(NamedTuple):
    """What was seen.

    Attributes:
        rims: ``(S, S)`` bool, what is to be filled; ``None`` where there are no glasses.
        covered: ``(S, S)`` bool, what hides an eye: dark glasses, a hand or hair; ``None`` where nothing does.
    """

    rims: NDArray[np.bool_] | None
    covered: NDArray[np.bool_] | None


def leave_out_glasses(
    faces: Sequence[AlignedFace], eyes: Points, hidden_in: Callable[[AlignedFace], Mask]
) -> tuple[list[AlignedFace], Said]:
    """The faces of a source as they are read.

    Args:
        faces: of one person, not changed.
        eyes: ``(2, 2)``, where their crops have the eyes' centres.
        hidden_in: ``(S, S)``, the probability that a pixel of a face's crop shows no visible face.

    Returns:
        The faces, and whether glasses of one were left out or an eye of one is covered.
    """
    read: list[AlignedFace] = list(faces)
    said: set[Said] = {""}
    for number, face in enumerate(faces):
        hidden = hidden_in(face)
        seen = find_glasses(hidden, eyes)
        if seen.rims is not None:
            read[number] = replace(face, image=fill_in(face.image, seen.rims, eyes), glasses_filled=True)
            said.add("left out")
        elif seen.covered is not None:
            read[number] = replace(face, image=with_average_eyes(face.image, seen.covered, hidden, eyes))
            said.add("covered")
    return read, max(said, key=_TELLING.index)


def glasses_notes(said: Iterable[Said]) -> list[str]:
    """What somebody should know of the photos that a swap was made of."""
    words, notes = set(said), []
    if "left out" in words:
        notes.append("the source's glasses were left out; the option source_glasses keeps them, half drawn")
    if "covered" in words:
        notes.append(
            "an eye of the source is covered, by dark glasses or a hand: an average one stands in, and another photo gives a better likeness"
        )
    return notes


class Place(NamedTuple):
    """Rows and columns of a crop, from and to, and in how many of the columns something must be seen."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    least: int = 0

    def of(self, picture: NDArray[Any]) -> NDArray[Any]:
        """That part of a picture."""
        return picture[slice(*self.rows), slice(*self.columns)]

    def alone(self, picture: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The picture with nothing around that part."""
        result = np.zeros_like(picture)
        self.of(result)[:] = self.of(picture)
        return result

    def is_seen(self, things: NDArray[Any]) -> bool:
        """Whether it shows enough of things."""
        return int(self.of(things).any(0).sum()) >= self.least


class Lengths(NamedTuple):
    """Where glasses are looked for in a crop, in whole pixels; squares have odd sides.

    Attributes:
        rims: where they may lie.
        seen: where something is seen of all glasses: the bridge, and the rims on both sides of it.
        thick: no rim fills a square of this side.
        around: of the square that is filled around each of their pixels,
        grown: and around each pixel of what covers an eye.
        squares: their known pixels fill an unknown one, the smallest first that has enough of them.
    """

    rims: Place
    seen: tuple[Place, Place, Place]
    thick: int
    around: int
    grown: int
    squares: tuple[int, ...]


def lengths(eyes: Points) -> Lengths:
    """Of a crop with the eyes' centres there, ``(2, 2)``, the left one of the image first."""
    left, right = eyes
    unit, (middle, height) = float(np.linalg.norm(right - left)), (left + right) / 2

    def place(above: float, below: float, start: float, end: float, least: float = 0) -> Place:
        rows = max(0, round(height - above * unit)), round(height + below * unit)
        return Place(rows, (max(0, round(start)), round(end)), round(least * unit))

    high, low, half = _BRIDGE[0], _BRIDGE[1], _BRIDGE[2] * unit
    above, below, out = _BESIDE[0], _BESIDE[1], _BESIDE[2] * unit
    return Lengths(
        place(_ABOVE, _BELOW, middle - _ASIDE * unit, middle + _ASIDE * unit),
        (
            place(high, low, middle - half, middle + half, _BRIDGE_LEAST),
            place(above, below, left[0] - out, middle - half, _BESIDE_LEAST),
            place(above, below, middle + half, right[0] + out, _BESIDE_LEAST),
        ),
        odd(_WIDE * unit),
        odd(_AROUND * unit),
        odd(_GROWN * unit),
        tuple(odd(side * unit) for side in _SQUARES),
    )


def find_glasses(hidden: Mask, eyes: Points) -> Glasses:
    """Look for glasses in a source's crop.

    Args:
        hidden: ``(S, S)`` float32, the probability that a pixel shows no visible face.
        eyes: ``(2, 2)``, the eyes' centres in it, the left one of the image first.
    """
    own = lengths(eyes)
    things = hidden > _SEEN
    covering = _opened(things, own.thick)
    hit = [(row, column) for column, row in np.round(eyes).astype(int).tolist() if covering[row, column]]
    if hit:
        return Glasses(None, _grown(_touching(own.rims.alone(things), hit), own.grown))
    things = hidden > _RIM
    thin = own.rims.alone(things & ~_opened(things, own.thick))
    return Glasses(_grown(thin, own.around) if all(place.is_seen(thin) for place in own.seen) else None, None)


def _opened(things: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """What of things is no thinner than a square."""
    return cv2.morphologyEx(things.astype(np.uint8), cv2.MORPH_OPEN, _square(side)).astype(bool)


def fill_in(image: Image, rims: NDArray[np.bool_], eyes: Points) -> Image:
    """The crop with what is known around them where rims were.

    Args:
        image: ``(S, S, 3)`` RGB uint8; not changed.
        rims: ``(S, S)``, as :func:`find_glasses` gave them.
        eyes: as there.
    """
    known = (~rims).astype(np.float32)
    result, missing = image.copy(), rims.copy()
    shown = image * known[..., None]
    for side in lengths(eyes).squares:
        share: NDArray[Any] = cv2.blur(known, (side, side))
        filled = missing & (share > _ENOUGH)
        mean = cv2.blur(shown, (side, side))[filled] / share[filled, None]
        result[filled] = np.rint(mean)
        missing &= ~filled
    return result


def _grown(things: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return cv2.dilate(things.astype(np.uint8), _square(side)).astype(bool)


def _touching(things: NDArray[np.bool_], places: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    """Those things that cover one of the places, as rows and columns."""
    _, number = cv2.connectedComponents(things.astype(np.uint8), connectivity=8)
    return np.isin(number, [number[place] for place in places])


def _square(side: int) -> NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)
