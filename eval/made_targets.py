"""Targets that a run makes out of the data set's: what :mod:`eval.occluders` and :mod:`eval.low_resolution` share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.types import Image, Points

from .datasets import Dataset
from .face_region import find_faces, largest_face
from .images import MASK, TARGET, ImageReader
from .pairs import Pair


def count_made(folder: Path) -> int:
    """Targets that a folder holds."""
    return sum(path.is_file() for path in folder.rglob(TARGET))  # a photo may have that name, and then a folder has


def forget_made(folder: Path) -> None:
    """Remove what a run left that was stopped while it made targets; it may have had other data."""
    for name in (TARGET, MASK):
        for left in [path for path in folder.rglob(name) if path.is_file()]:
            left.unlink()


def distinct_targets(dataset: Dataset) -> Iterator[Pair]:
    """One pair for each target and clip it stands in; a picture that two clips share is drawn on for the first."""
    seen = set()
    for pair in dataset.pairs:
        if pair.target not in seen:
            seen.add(pair.target)
            yield pair


def landmarks_of_target(reader: ImageReader, reference: str, image: Image, detector: Detector) -> Points | None:
    """The 68 landmarks of a target's largest face: those that the data set knows, or found ones; ``None`` without a face."""
    known = reader.landmarks(reference, len(image))
    if known is not None:
        return known
    face = largest_face(find_faces(detector, image))
    return None if face is None else face.landmarks
