"""The visible badge: a small translucent label in the corner."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from ..types import Image

TEXT = "AI face swap"
_HEIGHT = 0.035  # of the picture's shorter side
_LEAST_PX = 12  # below this letters cannot be read
_OPACITY = 0.55


def draw_badge(image: Image, *, text: str = TEXT) -> Image:
    """Draw the badge in the lower right corner.

    Args:
        image: ``(H, W, 3)`` RGB uint8; not changed.

    Returns:
        A new image. Pixels outside the badge keep their values. A picture smaller than the badge gets as much of it as
        fits.
    """
    height, width = image.shape[:2]
    size = max(_LEAST_PX, round(_HEIGHT * min(height, width)))
    pad = max(2, size // 3)
    label = _label(text, size, pad)
    badge_height, badge_width = label.shape[:2]
    result = image.copy()
    margin = pad if badge_width + pad <= width and badge_height + pad <= height else 0
    x, y = max(0, width - badge_width - margin), max(0, height - badge_height - margin)
    pixels = label[: height - y, : width - x].astype(np.float32)
    opacity = pixels[..., 3:] / 255
    region = result[y : y + pixels.shape[0], x : x + pixels.shape[1]]
    region[:] = np.rint(region * (1 - opacity) + pixels[..., :3] * opacity).astype(np.uint8)
    return result


@lru_cache(maxsize=8)  # live frames come in one size, many times a second
def _label(text: str, size: int, pad: int) -> NDArray[np.uint8]:
    """The badge alone, ``(h, w, 4)`` RGBA; not to be changed."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    width, height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    label = PillowImage.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(label)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=pad, fill=(0, 0, 0, round(255 * _OPACITY)))
    draw.text((pad - left, pad - top), text, font=font, fill=(255, 255, 255, 235))
    return np.asarray(label)
