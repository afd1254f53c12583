"""Targets that a run makes out of the data set's: what :mod:`eval.occluders` and :mod:`eval.low_resolution` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError
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


def make_each(
    dataset: Dataset,
    reader: ImageReader,
    detector: Detector,
    make: Callable[[Pair, Image, Points], str | None],
    *,
    what: str,
    without: str,
    say: Callable[[str], None],
) -> tuple[int, list[str]]:
    """Make every distinct target that shows a face.

    Args:
        dataset: whose targets.
        reader: of its pictures.
        detector: finds the faces that the data set does not know.
        make: writes one target, given a pair, the picture as the data set has it, and the landmarks of its face. It returns why
            it wrote nothing, or ``None``.
        what: is done, for the progress.
        without: what is said of targets that are left as they are, such as ``"it was not lowered"``.
        say: where progress is told.

    Returns:
        How many were made, and a sentence for each of the others.
    """
    problems, count, targets = [], 0, list(distinct_targets(dataset))
    for number, pair in enumerate(targets, 1):
        try:
            image = reader.read(pair.target)
            landmarks = landmarks_of_target(reader, pair.target, image, detector)
            reason = "shows no face" if landmarks is None else make(pair, image, landmarks)
        except ImageError as error:
            reason = str(error)
        if reason is None:
            count += 1
        else:
            problems.append(f"{pair.target}: {reason}; {without}")
        if number % 50 == 0:
            say(f"{what}: {number} of {len(targets)} targets")
    return count, problems


def landmarks_of_target(reader: ImageReader, reference: str, image: Image, detector: Detector) -> Points | None:
    """The 68 landmarks of a target's largest face: those that the data set knows, or found ones; ``None`` without a face."""
    known = reader.landmarks(reference, len(image))
    if known is not None:
        return known
    face = largest_face(find_faces(detector, image))
    return None if face is None else face.landmarks
