"""A pipeline for tests of clips: the real detector, and a swapper whose result can be told by its colour."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from mobilefaceswap_core.choices import stages_off
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.marking import UNMARKED
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop

RED, BLUE, GREEN = (230, 20, 20), (20, 20, 230), (20, 200, 20)
UNMARKED_SWAP = SwapOptions(marks=UNMARKED)
# The painted oval as it is: nothing of it is hidden, closed or matched.
PLAIN = SwapOptions(match_colours=False, marks=UNMARKED, **stages_off())  # type: ignore[arg-type]


class Painter:
    """Paints an oval in the source's colour; a source is a colour."""

    def __init__(self) -> None:
        self.info = SwapperInfo("painter", "paints faces", CropSpec(224), "none", "tests", match_colours=False)
        self._mask = np.zeros((224, 224), np.float32)
        cv2.ellipse(self._mask, (112, 120), (60, 75), 0, 0, 360, 1.0, -1)

    def condition(self, sources: Sequence[AlignedFace]) -> Any:
        return tuple(int(v) for v in sources[0].image[112, 112])

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Any]) -> list[SwappedCrop]:
        colours = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        return [SwappedCrop(np.full((224, 224, 3), colour, np.uint8), self._mask) for colour in colours]


def painted(colour: tuple[int, int, int]) -> Source:
    """A source of the painter."""
    return Source(colour, (), "painter")


@lru_cache(maxsize=1)
def painter() -> Pipeline:
    """Real detection, painted faces."""
    cv2.setNumThreads(1)
    return Pipeline(Painter(), load_detector("lite", device="cpu", fast=True))


@lru_cache(maxsize=1)
def student() -> Pipeline:
    """The student that ships, with one thread."""
    from mobilefaceswap_core.models import load_swapper

    cv2.setNumThreads(1)
    return Pipeline(load_swapper("student", device="cpu", threads=1), painter().detector)


def colour_share(image: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Part of the pixels within 60 levels of a colour in every channel."""
    return float((np.abs(image.astype(int) - colour) < 60).all(-1).mean())
