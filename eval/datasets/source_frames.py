"""Which frame of a source video gives the identity: the one asked for, or the most frontal one if that shows no face."""

from __future__ import annotations

from collections.abc import Sequence

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.faces.head_pose import head_pose
from mobilefaceswap_core.types import Face, Image

from ..face_region import largest_face
from ..images import ImageReader


def usable_frames(
    references: Sequence[str], count: int, reader: ImageReader, detector: Detector
) -> tuple[list[str], str]:
    """A reference for each of ``count`` target frames, and a sentence where they are not simply the first ones.

    Frame k is kept when the detector finds a face in it. Otherwise, and where the video has no frame k, the frame of the
    smallest absolute yaw takes its place. A video that shows no face in any frame is returned as it is: its swaps will fail,
    and are counted.

    Args:
        references: the source video's frames, in order; at least one.
        count: target frames to serve.
        reader: opens references.
        detector: of the swapping pipeline.

    Returns:
        The references, and what was replaced; empty when nothing was.

    Source:
        the FaceForensics++ protocol of FaceShifter (Li et al. 2020) and its successors.
    """
    faces = [_face(reference, reader, detector) for reference in references[:count]]
    if len(faces) == count and all(face is not None for face in faces):
        return list(references[:count]), ""
    faces += [_face(reference, reader, detector) for reference in references[count:]]
    turned = [
        (abs(_yaw_deg(reader.read(reference), face, detector)), reference)
        for reference, face in zip(references, faces, strict=True)
        if face is not None
    ]
    if not turned:
        return [references[min(k, len(references) - 1)] for k in range(count)], "shows no face in any frame asked for"
    frontal = min(turned)[1]
    kept = [k < len(faces) and faces[k] is not None for k in range(count)]
    lost = count - sum(kept)
    return (
        [references[k] if kept[k] else frontal for k in range(count)],
        f"{lost} of {count} source frames show no face; the most frontal one, {frontal}, is taken",
    )


def _face(reference: str, reader: ImageReader, detector: Detector) -> Face | None:
    """The largest face; ``None`` when there is none, or the frame cannot be read."""
    try:
        return largest_face(detector.detect(reader.read(reference)))
    except ImageError:
        return None


def _yaw_deg(image: Image, face: Face, detector: Detector) -> float:
    return head_pose(face.landmarks if face.landmarks is not None else detector.landmarks(image, face)).yaw_deg
