"""The photos measurements run on: the reader's own, in one sub-folder per person, each an aligned crop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.images import read_image
from mobilefaceswap_core.types import Image

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def photo_paths(folders: Sequence[Path]) -> list[Path]:
    """Every photo below the folders, in a stable order."""
    return sorted(p for folder in folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


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
