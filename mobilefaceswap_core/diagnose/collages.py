"""Pictures with faces whose landmarks are known, pasted at known places, sizes, tilts and blurs, and what was found of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..detect.detector import Detector
from ..errors import ImageError, NoFaceError
from ..faces.choose import largest
from ..faces.geometry import transform_points, warp_to_crop
from ..faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from ..files.images import read_image
from ..files.packs import read_pack
from ..types import Face, Image, Points

CANVAS = (960, 1280)  # height, width in pixels
_PITCH = 2.2  # distance between pasted faces, in face sizes


@dataclass(frozen=True, slots=True)
class Crop:
    """An upright face crop and its 68 reference landmarks in pixels of it."""

    image: Image
    landmarks: Points

    @property
    def size_px(self) -> float:
        """Width of the landmarks' extent."""
        return float(np.ptp(self.landmarks[:, 0]))


def read_crops(path: Path, *, count: int, seed: int) -> list[Crop]:
    """A random choice of a pack's crops. Raises ImageError when the file is not such a pack."""
    pack = read_pack(path, optional=("ids",), error=ImageError)
    chosen = np.random.default_rng(seed).permutation(len(pack))[:count]
    crops = []
    for index in chosen.tolist():
        image = read_image(pack.encoded(index).tobytes()).image
        scale = np.array([image.shape[1], image.shape[0]], np.float64)
        crops.append(Crop(image, pack.landmarks[index].astype(np.float64) * scale - 0.5))
    return crops


def crop_of_photo(image: Image, detector: Detector) -> Crop:
    """The largest face of a photo as a crop; what the detector says of it at full size is taken for the truth.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        detector: that gives 68 landmarks.

    Raises:
        NoFaceError: it finds none.
    """
    faces = [face for face in detector.detect(image) if face.landmarks is not None]
    if not faces:
        raise NoFaceError("A photo without a face cannot be pasted; give one with a clear frontal face.")
    landmarks = faces[largest(faces)].landmarks
    assert landmarks is not None
    low, high = landmarks.min(0), landmarks.max(0)
    reach = 0.6 * (high - low).max()  # brows to chin are the middle of it; hair and ears belong to a face as well
    left, top = np.maximum(np.floor((low + high) / 2 - (high - low) / 2 - reach), 0).astype(int)
    right, bottom = np.ceil(high + reach).astype(int)
    return Crop(np.ascontiguousarray(image[top:bottom, left:right]), landmarks - [left, top])


def background(rng: np.random.Generator, shape: tuple[int, int]) -> Image:
    """Soft coloured noise at several scales: texture without faces."""
    height, width = shape
    total = np.full((height, width, 3), 110.0, np.float32)
    for cells in (4, 16, 64, 256):
        noise = rng.normal(0, 14, (cells, max(1, cells * width // height), 3)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(total, 0, 255).astype(np.uint8)


def collages(
    crops: Sequence[Crop], *, size_px: int, tilt_deg: float, blur: float, seed: int
) -> Iterator[tuple[Image, list[Points], list[int]]]:
    """Canvases with faces of one size, their true landmarks, and which crop each is."""
    rng = np.random.default_rng(seed)
    height, width = CANVAS
    pitch = size_px * _PITCH
    columns, rows = max(1, int(width // pitch)), max(1, int(height // pitch))
    per_canvas = min(columns * rows, 8)
    for start in range(0, len(crops), per_canvas):
        canvas, truths = background(rng, CANVAS), []
        places = rng.permutation(columns * rows)[:per_canvas]
        indices = list(range(start, min(start + per_canvas, len(crops))))
        for index, place in zip(indices, places, strict=False):
            centre = np.array([(place % columns + 0.5) * width / columns, (place // columns + 0.5) * height / rows])
            angle = np.deg2rad(tilt_deg) * (1 if rng.random() < 0.5 else -1)
            truths.append(paste(canvas, crops[index], centre, size_px, angle, blur))
        yield canvas, truths, indices


def paste(canvas: Image, crop: Crop, centre: Points, size_px: float, angle: float, blur: float) -> Points:
    """Draw a crop onto the canvas (in place), its border fading out; returns its landmarks there."""
    scale = size_px / crop.size_px
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = (crop.landmarks.min(0) + crop.landmarks.max(0)) / 2
    canvas_from_crop = np.hstack([linear, (centre - linear @ middle)[:, None]])
    side = 2 * int(np.ceil(size_px * 1.6)) + 1
    left, top = np.round(centre - side / 2).astype(int)
    tile_from_crop = canvas_from_crop - np.array([[0, 0, left], [0, 0, top]])
    tile = warp_to_crop(crop.image, tile_from_crop, side)
    fade = np.zeros(crop.image.shape[:2], np.float32)
    margin = max(2, min(fade.shape) // 20)
    fade[margin:-margin, margin:-margin] = 1.0
    fade = cv2.blur(fade, (2 * margin + 1, 2 * margin + 1))  # type: ignore[assignment]
    weight = cv2.warpAffine(fade, tile_from_crop, (side, side), flags=cv2.INTER_LINEAR)[..., None]
    if blur:
        tile = cv2.GaussianBlur(tile, (0, 0), blur * size_px)  # type: ignore[assignment]
    low = np.maximum([left, top], 0)
    high = np.minimum([left + side, top + side], [canvas.shape[1], canvas.shape[0]])
    on_canvas = np.s_[low[1] : high[1], low[0] : high[0]]
    on_tile = np.s_[low[1] - top : high[1] - top, low[0] - left : high[0] - left]
    mixed = tile[on_tile] * weight[on_tile] + canvas[on_canvas] * (1 - weight[on_tile])
    canvas[on_canvas] = np.round(mixed).astype(np.uint8)
    return transform_points(canvas_from_crop, crop.landmarks)


def eye_distance(landmarks: Points) -> float:
    """Distance of the eye centres in pixels."""
    return float(np.linalg.norm(landmarks[LEFT_EYE].mean(0) - landmarks[RIGHT_EYE].mean(0)))


def landmark_error(found: Points, truth: Points, *, eyes_px: float) -> float:
    """Mean distance of corresponding points, by the distance of the eyes."""
    return float(np.linalg.norm(found - truth, axis=1).mean() / eyes_px)


def match(faces: Sequence[Face], truths: Sequence[Points]) -> dict[int, int]:
    """Index of the found face for each true face that was found: nearest centre, similar size, each used once."""
    centres = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces]).reshape(-1, 2)
    found: dict[int, int] = {}
    for index, truth in enumerate(truths):
        size = float(np.sqrt(np.prod(np.ptp(truth, axis=0))))
        distances = np.linalg.norm(centres - (truth.min(0) + truth.max(0)) / 2, axis=1)
        for nearest in np.argsort(distances, kind="stable").tolist():
            ratio = faces[nearest].size_px / size
            if distances[nearest] < 0.5 * size and 0.4 < ratio < 2.5 and nearest not in found.values():
                found[index] = nearest
                break
    return found
