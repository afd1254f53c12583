"""What runs the corpus: a detector that knows where the face is, and a swapper that paints it; both named on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from mobilefaceswap_core.detect.detector import DetectorInfo
from mobilefaceswap_core.faces.geometry import TEMPLATES_112
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline, Source
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, Face, Image, Points, SwappedCrop

PAINT = (255, 255, 255)  # lighter than any picture here, and as white in one that has no colours
# Right of the middle, where no picture of the corpus says anything about itself; fractions of its sides.
_LEFT, _TOP, _SIDE = 0.42, 0.3, 0.6


class KnownPlace:
    """One face at the same place of every picture."""

    info = DetectorInfo("known", "one face, right of the middle", "cpu", "none")

    def detect(self, image: Image, *, order: str = "left_to_right") -> list[Face]:
        height, width = image.shape[:2]
        side = _SIDE * min(height, width)
        corner = np.array([_LEFT * width, _TOP * height])
        five = TEMPLATES_112["arcface"] * (side / 112) + corner
        return [Face(np.concatenate([corner, corner + side]), 1.0, five)]

    def landmarks(self, image: Image, face: Face) -> Points:
        return np.repeat(face.five, 14, axis=0)[:68]


class Nobody(KnownPlace):
    """No face anywhere."""

    def detect(self, image: Image, *, order: str = "left_to_right") -> list[Face]:
        return []


class Painter:
    """Paints the middle of a face."""

    info = SwapperInfo("painter", "paints faces", CropSpec(112), "none", "tests", match_colours=False)

    def condition(self, sources: Sequence[AlignedFace]) -> Any:
        return PAINT

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Any]) -> list[SwappedCrop]:
        mask = np.zeros((112, 112), np.float32)
        mask[30:82, 30:82] = 1
        return [SwappedCrop(np.full((112, 112, 3), PAINT, np.uint8), mask) for _ in targets]


def detector() -> KnownPlace:
    return KnownPlace()


def swapper() -> Painter:
    return Painter()


def pipeline() -> Pipeline:
    return Pipeline(Painter(), KnownPlace())


def person() -> Source:
    return Source(PAINT, (), "painter")


SWAP = SwapOptions(
    occlusion=False,
    beard=False,
    pupils=0,
    folds=False,
    brows=False,
    lids=False,
    gaze=0,
    mouth=0,
    match_colours=False,
    min_face_px=8,
)
# The same on the command line, marks and all.
OPTIONS = ("--model", "tests.corpus.parts:swapper", "--detector", "tests.corpus.parts:detector", "--i-have-consent",
           "--no-occlusion", "--no-lids", "--no-beard", "--pupils", "0", "--no-folds", "--no-brows", "--gaze", "0", "--mouth", "0")  # fmt: skip


def source_photo(folder: Path) -> Path:
    """A photo to swap in."""
    path = folder / "source.png"
    PillowImage.new("RGB", (200, 200), (90, 120, 150)).save(path)
    return path


def paint_share(pixels: np.ndarray) -> float:
    """Part of a picture that is painted."""
    return float((np.abs(pixels[..., :3].astype(int) - PAINT) < 45).all(-1).mean())
