"""One row of the corpus, see :mod:`.situations`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .clips import COUNT, HEIGHT, WIDTH, Recipe, make

PLAIN = Recipe()


@dataclass(frozen=True, kw_only=True)
class Situation:
    """One row.

    Attributes:
        gives: what somebody gives, for the page.
        group: heading of the page.
        name: of the file.
        make: writes the file, or a folder of them.
        command: ``video`` or ``image``.
        out: name of the result.
        options: of the command line.
        frames: pictures of the result; 1 for a photo.
        first: number of its first picture.
        size: of the upright result.
        sound: kinds of its sound tracks, in order.
        sound_late_s: how much later than the pictures the sound begins.
        rate: pictures a second that the result announces; ``None`` where it announces none.
        seconds: from the first picture to the last.
        notes: a word of each note that the result comes with.
        refused: a word of the message, where there is no result; ``code`` is the exit status.
        kept: asked of the result, and of the file; each fact that holds is said on the page.
        in_order: the pictures are those of the clip, in order.
    """

    gives: str
    group: str
    name: str
    make: Callable[[Path], Any]
    command: str = "video"
    out: str = "out.mp4"
    options: tuple[str, ...] = ()
    frames: int = COUNT
    first: int = 0
    size: tuple[int, int] = (WIDTH, HEIGHT)
    sound: tuple[str, ...] = ()
    sound_late_s: float = 0.0
    rate: Fraction | None = Fraction(25)
    seconds: float | None = None
    notes: tuple[str, ...] = ()
    refused: str = ""
    code: int = 0
    kept: dict[str, Callable[[Path, Path], bool]] = field(default_factory=dict)
    in_order: bool = True


def clip(gives: str, group: str, name: str, recipe: Recipe, **more: Any) -> Situation:
    """A clip that is made by a recipe."""
    return Situation(gives=gives, group=group, name=name, make=lambda path: make(path, recipe), **more)
