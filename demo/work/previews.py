"""Pictures of what was found: numbered boxes and thumbnails."""

from __future__ import annotations

from collections.abc import Container, Sequence

import cv2
import numpy as np

from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.types import Face, Image

_MAX_SIDE = 900  # px; larger previews only cost the visitor's connection
_GREEN, _DARK, _GREY, _WHITE = (46, 196, 120), (12, 60, 36), (150, 150, 150), (255, 255, 255)


def shown_scale(image: Image) -> float:
    """Pixels of :func:`numbered`'s copy per pixel of the image."""
    return min(1.0, _MAX_SIDE / max(image.shape[:2]))


def numbered(
    image: Image, faces: Sequence[Face], *, left_alone: Container[int] = (), corner: tuple[float, float] | None = None
) -> Image:
    """A small copy with a box and a number at each face.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        faces: in the order of their numbers.
        left_alone: indices of those that stay as they are, drawn in grey.
        corner: of a box that is being drawn, in pixels of the image.
    """
    scale = shown_scale(image)
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    drawn: Image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    width = max(2, round(max(size) / 300))
    if corner is not None:
        place = round(corner[0] * scale), round(corner[1] * scale)
        cv2.drawMarker(drawn, place, _WHITE, cv2.MARKER_CROSS, 14 * width, 3 * width, cv2.LINE_AA)
        cv2.drawMarker(drawn, place, _GREEN, cv2.MARKER_CROSS, 14 * width, width, cv2.LINE_AA)
    for index, face in enumerate(faces):
        left, top, right, bottom = (round(float(v) * scale) for v in face.box)
        colour = _GREY if index in left_alone else _GREEN
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
        side = max(18, round(0.28 * (right - left)))
        cv2.rectangle(drawn, (left, top), (left + side, top + side), _DARK, -1)
        text, font = str(number_of(index)), cv2.FONT_HERSHEY_SIMPLEX
        (text_width, text_height), _ = cv2.getTextSize(text, font, side / 30, 2)
        place = (left + (side - text_width) // 2, top + (side + text_height) // 2)
        cv2.putText(drawn, text, place, font, side / 30, _WHITE, 2, cv2.LINE_AA)
    return drawn


def close_up(image: Image, face: Face, *, size_px: int = 512, wider: float = 0.9) -> Image:
    """A square cut-out around a face; at the picture's border it is moved inwards, never squeezed.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        face: to show.
        size_px: side of the result.
        wider: half the side of the cut-out, in sizes of the face.
    """
    height, width = image.shape[:2]
    side = max(1, min(round(2 * wider * face.size_px), height, width))
    centre = face.box.reshape(2, 2).mean(0)
    left, top = np.clip(np.round(centre - side / 2), 0, (width - side, height - side)).astype(int)
    region = image[top : top + side, left : left + side]
    way = cv2.INTER_AREA if side >= size_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(region, (size_px, size_px), interpolation=way), np.uint8)


def thumbnail(image: Image, face: Face, *, size_px: int = 128) -> Image:
    """A small close-up, to tell faces apart."""
    return close_up(image, face, size_px=size_px, wider=0.7)
