"""Putting a swapped crop back into its frame, touching nothing else.

Source: official `utils/align_face.py:dealign`. Here only the rectangle that the weight reaches is warped.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..faces.geometry import compose, invert, transform_points, warp
from ..types import Image, Mask, Matrix


def paste_back(frame: Image, crop: Image, weight: Mask, crop_from_frame: Matrix, *, out: Image | None = None) -> Image:
    """Blend a swapped crop into a frame.

    Args:
        frame: ``(H, W, 3)`` RGB uint8; not changed.
        crop: ``(S, S, 3)`` RGB uint8.
        weight: ``(S, S)`` float32 in [0, 1]; 1 shows the crop, 0 the frame. Must be 0 at the crop's border.
        crop_from_frame: ``(2, 3)`` matrix the crop was cut out with.
        out: an image to write into, for several faces of one frame; a copy of the frame if not given.

    Returns:
        ``out``. Every pixel where the warped weight is 0 is bit-identical to what it was before.
    """
    result = frame.copy() if out is None else out
    rectangle = touched_rectangle(weight, crop_from_frame, frame.shape[:2])
    if rectangle is None:
        return result
    left, top, right, bottom = rectangle
    frame_from_crop = invert(crop_from_frame)
    region_from_crop = compose(np.array([[1.0, 0, -left], [0, 1.0, -top]]), frame_from_crop)
    size = (right - left, bottom - top)
    alpha = warp(weight, region_from_crop, size)
    # Cubic keeps a face that is larger than its crop from looking washed out; its overshoot is clipped in uint8.
    pixels = warp(crop, region_from_crop, size, border=cv2.BORDER_REPLICATE, interpolation=cv2.INTER_CUBIC)
    region = result[top:bottom, left:right]
    change = cv2.multiply(cv2.subtract(pixels, region, dtype=cv2.CV_32F), cv2.merge([alpha] * 3))
    region[...] = cv2.add(region, change, dtype=cv2.CV_8U)  # rounded; no change is added where alpha is 0
    return result


def touched_rectangle(
    weight: Mask, crop_from_frame: Matrix, shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (exclusive) of the frame pixels a weight can reach; ``None`` if there are none."""
    x, y, across, down = cv2.boundingRect((weight != 0).view(np.uint8))
    if not across:
        return None
    x0, x1, y0, y1 = x - 1, x + across, y - 1, y + down  # one pixel: bilinear reach
    corners = transform_points(invert(crop_from_frame), np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64))
    height, width = shape
    left, top = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)) + 1, 0, [width, height]).astype(int)
    return (int(left), int(top), int(right), int(bottom)) if right > left and bottom > top else None
