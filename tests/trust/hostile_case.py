"""One hostile call, and the ordinary photo it is made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Case:
    """One call with one hostile input.

    Attributes:
        entry: what is called.
        name: of the input.
        run: makes the input in a folder and calls; returns normally or raises.
        must_refuse: whether a normal return is wrong.
        must_answer: whether a refusal is wrong: an ordinary input, so that not everything is refused.
        writes: folders and files below the case's folder that the call may leave.
    """

    entry: str
    name: str
    run: Callable[[Path], object]
    must_refuse: bool = False
    must_answer: bool = False
    writes: tuple[str, ...] = field(default_factory=tuple)


@cache
def face() -> np.ndarray:
    """A photo of a face."""
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[:224, 112:336])


def write_face(path: Path) -> Path:
    """The photo as a file."""
    from mobilefaceswap_core.files.images import write_image

    return write_image(path, face())
