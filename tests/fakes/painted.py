"""An engine for tests: faces lie where the test puts them, and a source is its colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from demo.settings import Settings
from demo.work.engine import Engine
from mobilefaceswap_core.blend.occlusion import OcclusionModel
from mobilefaceswap_core.detect.detector import DetectorInfo
from mobilefaceswap_core.faces.geometry import TEMPLATES_112
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, Face, Image, Points, SwappedCrop

SIDE = 240
GREY = (127, 127, 127)


class SquareDetector:
    """One face in each square of a picture; none in a black one."""

    info = DetectorInfo("squares", "one face a square", "cpu", "none")

    def detect(self, image: Image, *, order: str = "left_to_right") -> list[Face]:
        side = image.shape[0]
        faces = []
        for number in range(image.shape[1] // side):
            if image[:, number * side : (number + 1) * side].max() == 0:
                continue
            five = TEMPLATES_112["arcface"] * (side / 112) + [number * side, 0]
            box = np.array([number * side, 0, (number + 1) * side, side], np.float64)
            faces.append(Face(box, 1.0, five))
        return faces

    def landmarks(self, image: Image, face: Face) -> Points:
        return np.repeat(face.five, 14, axis=0)[:68]


class Painter:
    """Paints the whole crop in the source's colour."""

    def __init__(self, name: str = "graphics") -> None:
        self.info = SwapperInfo(name, "paints faces", CropSpec(224), "none", "tests", match_colours=False)

    def condition(self, sources: Sequence[AlignedFace]) -> Any:
        return tuple(int(v) for v in sources[0].image[112, 112])

    def swap(self, targets: Sequence[AlignedFace], conditions: Sequence[Any]) -> list[SwappedCrop]:
        chosen = list(conditions) * (len(targets) if len(conditions) == 1 else 1)
        mask = np.zeros((224, 224), np.float32)
        mask[40:184, 40:184] = 1
        return [SwappedCrop(np.full((224, 224, 3), colour, np.uint8), mask) for colour in chosen]


def painted_engine(**settings: Any) -> Engine:
    """An engine whose only models paint."""
    engine = Engine(Settings(**settings))
    nothing_hides = OcclusionModel(
        lambda crops: np.zeros_like(crops[:, :1]), label="none"
    )  # to the real network a square is no face
    for name in ("graphics", "student", "teacher"):
        pipeline = Pipeline(Painter(name), SquareDetector(), occlusion=nothing_hides)
        engine._pipelines[name] = engine._pipelines[f"video {name}"] = pipeline
    return engine


def squared(*colours: tuple[int, int, int]) -> Image:
    """A picture of coloured squares, one face each, above whose middle two colours meet that are equally light.

    Faces of one tone would give it to those that are painted over them.
    """
    pixels = np.concatenate([np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in colours], axis=1)
    for number, colour in enumerate(colours):
        if any(colour):
            bar = pixels[50:80, number * SIDE : (number + 1) * SIDE]
            bar[:, : SIDE // 2], bar[:, SIDE // 2 :] = (255, 0, 0), (0, 130, 0)
    return pixels


def squares(path: Path, *colours: tuple[int, int, int]) -> str:
    """Write :func:`squared`."""
    PillowImage.fromarray(squared(*colours)).save(path)
    return str(path)


def colour_of(image: Image, square: int = 0) -> tuple[int, int, int]:
    """Mean colour in the middle of a square."""
    middle = image[SIDE // 2 - 20 : SIDE // 2 + 20, square * SIDE + SIDE // 2 - 20 : square * SIDE + SIDE // 2 + 20]
    return tuple(round(float(v)) for v in middle.mean((0, 1)))  # type: ignore[return-value]


def is_near(colour: Sequence[int], wanted: Sequence[int], levels: int = 8) -> bool:
    """Whether two colours are alike but for the hidden watermark."""
    return bool((np.abs(np.subtract(colour, wanted)) <= levels).all())
