"""Pictures of what was found: numbered boxes and thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.types import Face, Image

_MAX_SIDE = 900  # px; larger previews only cost the visitor's connection
_GREEN, _DARK, _WHITE = (46, 196, 120), (12, 60, 36), (255, 255, 255)


def numbered(image: Image, faces: Sequence[Face]) -> Image:
    """A small copy with a box and a number at each face."""
    scale = min(1.0, _MAX_SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    drawn: Image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    width = max(2, round(max(size) / 300))
    for index, face in enumerate(faces):
        left, top, right, bottom = (round(float(v) * scale) for v in face.box)
        cv2.rectangle(drawn, (left, top), (right, bottom), _GREEN, width, cv2.LINE_AA)
        side = max(18, round(0.28 * (right - left)))
        cv2.rectangle(drawn, (left, top), (left + side, top + side), _DARK, -1)
        text, font = str(number_of(index)), cv2.FONT_HERSHEY_SIMPLEX
        (text_width, text_height), _ = cv2.getTextSize(text, font, side / 30, 2)
        place = (left + (side - text_width) // 2, top + (side + text_height) // 2)
        cv2.putText(drawn, text, place, font, side / 30, _WHITE, 2, cv2.LINE_AA)
    return drawn


def thumbnail(image: Image, face: Face, *, size_px: int = 128) -> Image:
    """A square cut-out around a face, a little wider than its box."""
    centre, half = face.box.reshape(2, 2).mean(0), 0.7 * face.size_px
    left, top = np.floor(centre - half).astype(int).clip(0)
    right, bottom = np.minimum(np.ceil(centre + half).astype(int), image.shape[1::-1])
    region = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    return np.asarray(cv2.resize(region, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8)
