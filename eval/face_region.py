"""The target's face region: the same for every method, so that nobody is judged on a mask of his own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.faces.landmarks68 import forehead
from mobilefaceswap_core.types import Face, Image, Mask, Points

# Region grown by this part of the outer eye distance on every side: what a soft mask may touch.
_GROW = 0.15


def face_region(landmarks: Points, height: int, width: int) -> Mask:
    """Convex hull of face and forehead, grown a little.

    Args:
        landmarks: ``(68, 2)`` pixels of the target.
        height: of the image.
        width: of the image.

    Returns:
        ``(height, width)`` float32, 1 inside, 0 outside.
    """
    hull = cv2.convexHull(np.concatenate([landmarks, forehead(landmarks)]).astype(np.float32))
    radius = max(1, round(_GROW * float(np.linalg.norm(landmarks[36] - landmarks[45]))))
    outline = np.round(hull).astype(np.int32)
    # Only the rectangle that the grown hull can reach is worked on; in a large frame that is a small part.
    low = np.clip(outline.min((0, 1)) - radius - 1, 0, [width, height])
    high = np.clip(outline.max((0, 1)) + radius + 2, 0, [width, height])
    region = np.zeros((height, width), np.float32)
    if (high > low).all():
        part = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillConvexPoly(part, outline - low.astype(np.int32), 1)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        region[low[1] : high[1], low[0] : high[0]] = cv2.dilate(part, kernel)
    return region


def overlap(first: Face, second: Face) -> float:
    """Intersection over union of two boxes."""
    low = np.maximum(first.box[:2], second.box[:2])
    high = np.minimum(first.box[2:], second.box[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    area = sum(float(np.prod(np.clip(f.box[2:] - f.box[:2], 0, None))) for f in (first, second))
    return shared / (area - shared) if area > shared else 0.0


def closest_face(faces: Sequence[Face], wanted: Face) -> Face | None:
    """The face that overlaps the wanted one most; ``None`` when none overlaps it."""
    best = max(faces, key=lambda face: overlap(face, wanted), default=None)
    return best if best is not None and overlap(best, wanted) > 0 else None


def largest_face(faces: Sequence[Face]) -> Face | None:
    """The face of the largest box; ``None`` without faces."""
    return max(faces, key=lambda face: face.size_px, default=None)


def find_faces(detector: Detector, image: Image) -> list[Face]:
    """Faces with 68 landmarks; a face that fills the image is looked for again with a border around it."""
    faces = detector.detect(image)
    if not faces:
        larger, pad = _padded(image)
        faces = [_shifted(face, -pad) for face in detector.detect(larger)]
    return [
        face if face.landmarks is not None else replace(face, landmarks=detector.landmarks(image, face))
        for face in faces
    ]


def _padded(image: Image) -> tuple[Image, int]:
    """The image with its border repeated by a quarter of its longer side: lets a detector see a face that fills a crop."""
    pad = max(image.shape[:2]) // 4
    return cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE), pad  # type: ignore[return-value]


def _shifted(face: Face, by: float) -> Face:
    landmarks = None if face.landmarks is None else face.landmarks + by
    return replace(face, box=face.box + by, five=face.five + by, landmarks=landmarks)
