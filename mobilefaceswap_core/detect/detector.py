"""What every detector offers, and what all of them share: order, overlap, and working on a smaller copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..faces.geometry import area_mean, five_from_68
from ..types import Face, Image, Points

Order = Literal["left_to_right", "size"]
ORDERS: tuple[Order, ...] = ("left_to_right", "size")
CONFIRMED = 0.9  # what :meth:`Close.confirm` gives at least where there is a face; measured, see docs/detectors.md


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What a reader needs to know about the detector in use.

    Attributes:
        name: short identifier, as given to ``--detector``.
        title: one line for people.
        device: device and runtime really in use, such as ``cpu / onnxruntime``.
        licence: of the networks, not of the code.
        files: SHA-256 by file name.
        reason: why this backend was chosen, and what was not available.
    """

    name: str
    title: str
    device: str
    licence: str
    files: dict[str, str] = field(default_factory=dict)
    reason: str = ""


@runtime_checkable
class Detector(Protocol):
    """Finds faces and their landmarks. Safe to call from several threads; the same image gives the same faces."""

    @property
    def info(self) -> DetectorInfo: ...

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """Find faces.

        Args:
            image: ``(H, W, 3)`` RGB uint8. Large images are scaled down to search, never for the result.
            order: ``left_to_right`` by box centre, or ``size`` with the largest first.

        Returns:
            Faces in pixels of ``image``; an empty list when there is none.

        Raises:
            ImageError: ``image`` is no picture.
            OptionError: unknown order.
        """
        ...

    def landmarks(self, image: Image, face: Face) -> Points:
        """68 landmarks of a face whose place is roughly known, without searching.

        Args:
            image: ``(H, W, 3)`` RGB uint8; may be a later frame than the one ``face`` was found in.
            face: where to look. Its landmarks are used when it has them: they follow a tilted head better than a box.

        Returns:
            ``(68, 2)`` in pixels of ``image``, iBUG 300-W order.
        """
        ...


@runtime_checkable
class Lenient(Protocol):
    """A detector that can be told to be content with less, for photos in which it finds nobody or too few."""

    def search(self, image: Image, *, least: float, order: Order = "left_to_right") -> list[Face]:
        """:meth:`Detector.detect` with another threshold.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            least: score that is enough, in (0, 1]; lower finds more faces, and more that are none.
            order: as there.
        """
        ...


@runtime_checkable
class Close(Protocol):
    """A detector whose quick search, as clips use it, leaves small faces out, and that can look for them as well."""

    def detect_closely(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """:meth:`Detector.detect` with the small faces, at some twenty times the price.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            order: as there.
        """
        ...

    def confirm(self, image: Image, landmarks: Points) -> float:
        """How sure the detector is that there is a face at these landmarks, of whatever size.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            landmarks: ``(68, 2)`` in pixels of ``image``.

        Returns:
            A score in [0, 1]; below :data:`CONFIRMED` there is none.
        """
        ...


@runtime_checkable
class Again(Protocol):
    """A detector that need not look for the landmarks of faces that are known."""

    def detect_again(self, image: Image, known: Sequence[Face]) -> list[Face]:
        """:meth:`Detector.detect` in the next picture of a clip, for half the price.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            known: faces with 68 landmarks, followed to this picture.

        Returns:
            All faces, left to right. One that is certain and lies where a known one does has that one's points.
        """
        ...


def detect_all(detector: Detector, image: Image) -> list[Face]:
    """Faces of a single picture, left to right: there is time to look closely, whatever the detector is set up for.

    Args:
        detector: any.
        image: ``(H, W, 3)`` RGB uint8.
    """
    return detector.detect_closely(image) if isinstance(detector, Close) else detector.detect(image)


def check_order(order: str) -> None:
    """Raise OptionError for an unknown order."""
    if order not in ORDERS:
        raise OptionError(f"Unknown order of faces {order!r}; wanted one of {', '.join(ORDERS)}.")


def sort_faces(faces: Sequence[Face], order: Order = "left_to_right") -> list[Face]:
    """Faces in a stable order; ties are broken by place, so that equal input gives equal order."""
    check_order(order)
    if order == "size":
        return sorted(faces, key=lambda face: (-face.size_px, face.box[0], face.box[1]))
    return sorted(faces, key=lambda face: (face.box[0] + face.box[2], face.box[1], -face.size_px))


def face_from_landmarks(box: NDArray[np.float64], score: float, landmarks: Points) -> Face:
    """A face whose five points come from its 68."""
    return Face(np.asarray(box, np.float64), float(score), five_from_68(landmarks), landmarks)


def shrink(image: Image, longest_px: int) -> tuple[Image, NDArray[np.float64]]:
    """A copy no longer than ``longest_px``, averaged over areas, and ``(2,)`` image pixels per copy pixel."""
    size, ratio = shrunk(image.shape, longest_px)
    return averaged(image, size), ratio


def shrunk(shape: tuple[int, ...], longest_px: int) -> tuple[tuple[int, int], NDArray[np.float64]]:
    """Width and height of a copy no longer than ``longest_px``, and ``(2,)`` image pixels per copy pixel.

    Args:
        shape: of the image, ``(H, W, ...)``.
        longest_px: a smaller image is not enlarged.
    """
    height, width = shape[:2]
    scale = min(longest_px / max(height, width), 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return size, np.array([width / size[0], height / size[1]])


def averaged(image: Image, size: tuple[int, int]) -> Image:
    """A picture at another width and height, averaged over areas where it shrinks, bilinear where it does not.

    Averages of whole pixels cost a tenth of those of fractions, and of two pixels a third of those of four. So a picture that
    shrinks by more than two is first brought bilinearly to twice the wanted size, or four times and so on, and halved from there.
    """
    factor = min(side / wanted for side, wanted in zip(image.shape[1::-1], size, strict=True))
    halves = int(np.log2(factor)) if factor > 1 else 0
    larger = size[0] << halves, size[1] << halves
    if image.shape[1::-1] != larger:
        method = cv2.INTER_AREA if factor > 1 and not halves else cv2.INTER_LINEAR
        image = cv2.resize(image, larger, interpolation=method)  # type: ignore[assignment]
    for _ in range(halves):
        image = area_mean(image, 2)
    return image


def enlarge_points(points: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (or boxes) of a shrunk copy in pixels of the image; pixel centres are at whole numbers."""
    tiled = np.tile(ratio, points.shape[-1] // 2)
    return (points + 0.5) * tiled - 0.5


def keep_best(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], *, overlap: float, inside: float = 1.0
) -> list[int]:
    """Greedy non-maximum suppression.

    Args:
        boxes: ``(N, 4)``.
        scores: ``(N,)``.
        overlap: a box is dropped whose intersection over union with a better one is larger.
        inside: a box is dropped of which a larger part lies inside a better one (or the other way round).

    Returns:
        Indices to keep, best first; equal scores keep their order.
    """
    order = np.argsort(-scores, kind="stable")
    areas = np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)
    keep: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), 1)
        union = areas[best] + areas[rest] - shared
        smaller = np.minimum(areas[best], areas[rest])
        order = rest[(shared <= overlap * union) & (shared <= inside * smaller)]
    return keep
