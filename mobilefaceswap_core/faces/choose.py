"""Who gets which source: the one rule of stills, clips and live frames."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from ..errors import OptionError
from ..types import Face
from .numbers import FACES_COUNT, number_of

Person = TypeVar("Person")

FaceChoice = Literal["all", "largest"] | int | Sequence[int]


def largest(faces: Sequence[Face]) -> int:
    """Index of the largest face."""
    return max(range(len(faces)), key=lambda i: faces[i].size_px)


def largest_few(faces: Sequence[Face], numbers: Iterable[int], most: int | None) -> list[int]:
    """Those ``numbers`` of faces that one picture's budget has room for: the largest, in their order.

    Args:
        faces: of one picture.
        numbers: indices into ``faces``.
        most: how many; ``None`` for all.
    """
    chosen = list(numbers)
    if most is None or len(chosen) <= most:
        return chosen
    kept = set(sorted(chosen, key=lambda number: -faces[number].size_px)[:most])
    return [number for number in chosen if number in kept]


def choose_faces(
    faces: Sequence[Face], source: Person | Mapping[int, Person], choice: FaceChoice = "all"
) -> dict[int, Person]:
    """Which source goes on which face; indices count from 0, left to right.

    Raises:
        OptionError: a face that is not there, or a choice of another kind.
    """
    if isinstance(source, Mapping):
        wanted = dict(source)
    elif choice == "all":
        wanted = dict.fromkeys(range(len(faces)), source)
    elif choice == "largest":
        wanted = {largest(faces): source} if faces else {}
    else:
        wanted = dict.fromkeys(_indices(choice), source)
    if faces and (missing := [i for i in wanted if not 0 <= i < len(faces)]):
        raise OptionError(
            f"Face {number_of(missing[0])} was chosen, but the target shows {len(faces)} faces ({FACES_COUNT})."
        )
    return wanted if faces else {}


def _indices(choice: object) -> list[int]:
    """Face indices of a choice that names some."""
    indices = [choice] if isinstance(choice, int) else choice
    if not isinstance(indices, (list, tuple, range)) or not all(type(index) is int for index in indices):
        raise OptionError(
            f"The faces asked for are {reprlib.repr(choice)}; wanted all, largest, or Python's indices from 0, left to right."
        )
    return list(indices)
