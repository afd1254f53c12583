"""How many faces a detector finds by their size, by the shape of the picture, at its edge, and in a group selfie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..detect.detector import Close, Detector, DetectorInfo, Order
from ..types import Face, Image, Points
from .collages import Crop, background, paste
from .tally import Tally, median

SIZES_PX = (16, 24, 32, 37, 48, 64, 96, 160, 250, 400)  # width of the landmarks' extent
FULL_HD = (1920, 1080)
# Width and height: a square, a phone's picture, a film, a panorama, a strip, and the screenshot of a page.
SHAPES = ((1080, 1080), (1080, 1920), (1920, 804), (3240, 1080), (8000, 1200), (1000, 20000))
SHAPE_FACES_PX = (37, 80)
SHARES = (1.0, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)  # of a face's extent that the edge leaves
EDGE_FACE_PX = 150
SELFIE = (4000, 3000)  # of a phone's front camera, held by the first of seven
# Centre as a fraction of the picture, width of the landmarks' extent in px: arm's length first, and those who just got in.
SELFIE_PEOPLE = (
    (0.30, 0.62, 900), (0.63, 0.50, 520), (0.86, 0.58, 480), (0.48, 0.28, 330), (0.76, 0.25, 260), (0.022, 0.40, 300),
    (0.985, 0.24, 220),
)  # fmt: skip
_PER_CANVAS = 8
_PITCH = 2.2  # distance between the places of a grid, in face sizes


@dataclass(frozen=True, slots=True)
class Row:
    """What one detector did on one kind of picture.

    Attributes:
        picture: what it shows.
        detector: its name.
        faces: how many were pasted.
        found: how many of them it found.
        false: detections that match no pasted face.
        error_five: median over found faces of the mean distance of the five alignment points, by the distance of the eyes.
        detect_ms: median time of one search.
    """

    picture: str
    detector: str
    faces: int
    found: int
    false: int
    error_five: float
    detect_ms: float


class Closely:
    """A detector's close look as a detector of its own; see :class:`~mobilefaceswap_core.detect.detector.Close`."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        info = detector.info
        self.info = DetectorInfo(f"{info.name} closely", info.title, info.device, info.licence)

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`~mobilefaceswap_core.detect.detector.Detector.detect`."""
        return self._detector.detect_closely(image, order=order)  # type: ignore[no-any-return]

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`~mobilefaceswap_core.detect.detector.Detector.landmarks`."""
        return self._detector.landmarks(image, face)  # type: ignore[no-any-return]


def with_close_looks(detectors: Sequence[Detector]) -> list[Detector]:
    """Detectors for clips, each followed by its close look where it has one."""
    looks: list[Detector] = []
    for detector in detectors:
        looks.append(detector)
        if isinstance(detector, Close):
            looks.append(Closely(detector))
    return looks


def measure_layouts(detectors: Sequence[Detector], crops: Sequence[Crop], *, seed: int) -> list[Row]:
    """Every kind of picture; detectors take turns on each.

    Args:
        detectors: to compare.
        crops: faces to paste; a group selfie takes the first seven, again and again where there are fewer.
        seed: of the canvases and places.
    """
    kinds = [(f"{size} px, 1920 x 1080", grids(crops, FULL_HD, size, seed=seed)) for size in SIZES_PX]
    kinds += [
        (f"{width} x {height}, {size} px", grids(crops, (width, height), size, seed=seed))
        for (width, height), size in product(SHAPES, SHAPE_FACES_PX)
    ]
    kinds += [(f"edge, {share:.0%} visible", edges(crops, share, seed=seed)) for share in SHARES]
    kinds += [("group selfie", selfies(crops, seed=seed))]
    return [row for name, pictures in kinds for row in _measured(name, detectors, pictures)]


def _measured(
    name: str, detectors: Sequence[Detector], pictures: Iterator[tuple[Image, list[Points]]]
) -> Iterator[Row]:
    tallies = [Tally() for _ in detectors]
    for canvas, truths in pictures:
        for detector, tally in zip(detectors, tallies, strict=True):
            tally.look(detector, canvas, truths)
    for detector, tally in zip(detectors, tallies, strict=True):
        yield Row(
            name, detector.info.name, tally.faces, tally.found, tally.false, median(tally.errors_five), median(tally.times_ms)
        )  # fmt: skip


def grids(
    crops: Sequence[Crop], shape: tuple[int, int], size_px: int, *, seed: int
) -> Iterator[tuple[Image, list[Points]]]:
    """Canvases of one shape, with up to eight faces of one size at places of a grid.

    Args:
        crops: each is pasted once.
        shape: width and height in pixels.
        size_px: width of the landmarks' extent.
        seed: of the canvases and places.

    Yields:
        The picture and its faces' true landmarks.
    """
    rng = np.random.default_rng(seed)
    width, height = shape
    columns, rows = (max(1, int(side // (size_px * _PITCH))) for side in shape)
    for start in range(0, len(crops), count := min(columns * rows, _PER_CANVAS)):
        canvas, truths = background(rng, (height, width)), []
        places = rng.permutation(columns * rows)[:count]
        for crop, place in zip(crops[start : start + count], places, strict=False):
            centre = np.array([(place % columns + 0.5) * width / columns, (place // columns + 0.5) * height / rows])
            truths.append(paste(canvas, crop, centre, size_px, 0.0, 0.0))
        yield canvas, truths


def edges(crops: Sequence[Crop], share: float, *, seed: int) -> Iterator[tuple[Image, list[Points]]]:
    """Pictures with a face at each of the four edges, of whose extent the edge leaves a share.

    Args:
        crops: each is pasted once, at one edge after the other.
        share: part of the landmarks' extent that lies inside, (0, 1].
        seed: of the canvases.

    Yields:
        The picture and its faces' true landmarks, those outside of it too.
    """
    rng = np.random.default_rng(seed)
    width, height = FULL_HD
    for start in range(0, len(crops), 4):
        canvas, truths = background(rng, (height, width)), []
        for edge, crop in enumerate(crops[start : start + 4]):
            extent = np.ptp(crop.landmarks, axis=0) * EDGE_FACE_PX / crop.size_px
            inside_x, inside_y = extent * (share - 0.5)
            centre = [(inside_x, 0.5 * height), (0.5 * width, inside_y), (width - inside_x, 0.5 * height),
                      (0.5 * width, height - inside_y)][edge]  # fmt: skip
            truths.append(paste(canvas, crop, np.array(centre), EDGE_FACE_PX, 0.0, 0.0))
        yield canvas, truths


def selfies(crops: Sequence[Crop], *, seed: int, count: int = 4) -> Iterator[tuple[Image, list[Points]]]:
    """Group selfies of seven people: one at arm's length, some behind, and two whom the edge cuts.

    Args:
        crops: who appears, from another one on in each picture.
        seed: of the canvases.
        count: of pictures.

    Yields:
        The picture and its faces' true landmarks.
    """
    rng = np.random.default_rng(seed)
    width, height = SELFIE
    for number in range(count):
        canvas, truths = background(rng, (height, width)), []
        people = list(enumerate(SELFIE_PEOPLE))
        for index, (x, y, size_px) in reversed(people):  # who is nearer hides who is behind
            crop = crops[(number * len(SELFIE_PEOPLE) + index) % len(crops)]
            truths.append(paste(canvas, crop, np.array([x * width, y * height]), size_px, 0.0, 0.0))
        yield canvas, truths[::-1]
