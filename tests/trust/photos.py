"""The photos measurements run on: the reader's own, in one sub-folder per person, each an aligned crop."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.types import CropSpec, Image

if TYPE_CHECKING:
    from mobilefaceswap_core.pipeline import Pipeline

PORTRAITS = Path(__file__).parents[2] / "demo" / "examples" / "portraits"
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def photo_paths(folders: Sequence[Path]) -> list[Path]:
    """Every photo below the folders, in a stable order."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def people(pipeline: Pipeline, count: int) -> list[Image]:
    """Pictures of so many different faces: the photos that ship with the project and its packages, and crossings of two."""
    import insightface.data
    import skimage.data

    photos = [read_image(path).image for path in sorted(PORTRAITS.glob("*.webp"))]
    photos += [skimage.data.astronaut(), np.ascontiguousarray(insightface.data.get_image("t1")[..., ::-1])]
    crops = [align_face(p, face, CropSpec()).image for p in photos for face in pipeline.detect(p) if face.size_px > 60]
    pairs = [(a, b) for a in range(len(crops)) for b in range(a)]
    random.Random(0).shuffle(pairs)
    found: list[Image] = []
    for crop in (*crops, *(cv2.addWeighted(crops[a], 0.55, crops[b], 0.45, 0) for a, b in pairs)):
        framed = cv2.copyMakeBorder(crop, 70, 70, 70, 70, cv2.BORDER_REPLICATE)
        if len(found) < count and pipeline.detect(framed):  # type: ignore[arg-type]
            found.append(framed)  # type: ignore[arg-type]
    if len(found) < count:
        raise ValueError(f"only {len(found)} faces could be made of the photos at hand, wanted {count}")
    return found


def own_photos(folder: Path, count: int = 40) -> list[Path]:
    """The same as files ``PERSON/PHOTO`` of aligned crops, for whoever has no photos of their own."""
    from mobilefaceswap_core.pipeline import Pipeline

    pipeline = Pipeline.load("student", "lite", "cpu", threads=1)
    for number, image in enumerate(people(pipeline, count)):
        path = folder / f"{number:02d}" / "0.png"
        path.parent.mkdir()
        write_image(path, align_face(image, pipeline.detect(image)[0], CropSpec()).image)
    return photo_paths([folder])


def spread(paths: Sequence[Path], count: int) -> list[Path]:
    """``count`` of them, evenly spread."""
    wanted = np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)
    return [paths[i] for i in wanted]


def crop_224(path: Path) -> Image:
    """A photo as a 224 crop."""
    return cv2.resize(read_image(path).image, (224, 224), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def scene(crop: Image, side_px: int, *, turn_deg: float = 0.0) -> Image:
    """The crop as part of a larger picture: ``side_px`` wide, turned, its border continued and blurred to 1.8 times."""
    canvas = round(side_px * 1.8)
    small = crop
    if side_px < 224:
        small = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
    matrix = cv2.getRotationMatrix2D(((len(small) - 1) / 2,) * 2, turn_deg, side_px / len(small))
    matrix[:, 2] += (canvas - len(small)) / 2
    flags = cv2.INTER_LINEAR if side_px <= 224 else cv2.INTER_CUBIC
    placed = cv2.warpAffine(small, matrix, (canvas, canvas), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones(small.shape[:2], np.float32), matrix, (canvas, canvas))[..., None]
    blurred = cv2.GaussianBlur(placed, (0, 0), side_px / 20)
    return np.rint(placed * inside + blurred * (1 - inside)).astype(np.uint8)
