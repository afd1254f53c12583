"""Small pictures of a pair for reports and studies: source, target and every result, cut to the part that was swapped.

They are handed on, unlike the images of a run, so each swapped one carries the visible badge.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mobilefaceswap_core.errors import SwapError
from mobilefaceswap_core.marking.badge import draw_badge
from mobilefaceswap_core.types import Image

from .images import ImageReader, read_image
from .metrics.changed import changed_box, grown
from .pairs import Pair

_ROOM = 0.2  # of the changed rectangle's larger side, around it
_JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True, eq=False)
class PairCrops:
    """Tiles ``(side, side, 3)`` RGB uint8 of one pair; crossed out where there is no image.

    Attributes:
        source: the source photo.
        target: the target, cut as the results are.
        results: by method.
    """

    source: Image
    target: Image
    results: dict[str, Image]


def crop_pair(run: Path, pair: Pair, methods: Sequence[str], reader: ImageReader, side_px: int) -> PairCrops:
    """Cut a pair's pictures to the square that holds everything that any of the methods changed.

    Args:
        run: the run's folder.
        pair: of it.
        methods: whose results are wanted.
        reader: of the run's images.
        side_px: of the tiles.
    """
    target = _read(reader.read_target, pair.target)
    found = {name: _result(run, name, pair) for name in methods}
    box = None if target is None else _square(target, [r for r in found.values() if r is not None])
    results = {
        name: missing_tile(side_px) if image is None else draw_badge(fit_tile(_cut(image, box), side_px))
        for name, image in found.items()
    }
    source = _read(reader.read, pair.source)
    return PairCrops(
        missing_tile(side_px) if source is None else fit_tile(source, side_px),
        missing_tile(side_px) if target is None else fit_tile(_cut(target, box), side_px),
        results,
    )


def fit_tile(image: Image, side_px: int) -> Image:
    """Scaled to fit a square tile, white around it."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    tile = np.full((side_px, side_px, 3), 255, np.uint8)
    top, left = (side_px - small.shape[0]) // 2, (side_px - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile


def missing_tile(side_px: int) -> Image:
    """A crossed-out tile."""
    tile = np.full((side_px, side_px, 3), 235, np.uint8)
    near, far = side_px // 8, side_px - side_px // 8
    cv2.line(tile, (near, near), (far, far), (160, 160, 160), 3)
    cv2.line(tile, (near, far), (far, near), (160, 160, 160), 3)
    return tile


def as_data(tile: Image) -> str:
    """A tile as JPEG in base64, for pages that load nothing."""
    from PIL import Image as PillowImage

    stream = io.BytesIO()
    PillowImage.fromarray(tile).save(stream, format="JPEG", quality=_JPEG_QUALITY)
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _read(read: Callable[[str], Image], reference: str) -> Image | None:
    try:
        return read(reference)
    except SwapError:
        return None


def _result(run: Path, method: str, pair: Pair) -> Image | None:
    path = run / "swapped" / method / f"{pair.name}.png"
    return read_image(path) if path.is_file() else None


def _square(target: Image, results: Sequence[Image]) -> tuple[int, int, int, int] | None:
    """A square round what changed, inside the frame as far as it fits; ``None`` where nothing did."""
    boxes = [b for image in results if image.shape == target.shape and (b := changed_box(image, target)) is not None]
    if not boxes:
        return None
    left, top = min(b[0] for b in boxes), min(b[1] for b in boxes)
    right, bottom = max(b[2] for b in boxes), max(b[3] for b in boxes)
    side = round((1 + 2 * _ROOM) * max(right - left, bottom - top))
    x, y = (left + right - side) // 2, (top + bottom - side) // 2
    return grown((x, y, x + side, y + side), 0, *target.shape[:2])


def _cut(image: Image, box: tuple[int, int, int, int] | None) -> Image:
    return image if box is None else np.ascontiguousarray(image[box[1] : box[3], box[0] : box[2]])
