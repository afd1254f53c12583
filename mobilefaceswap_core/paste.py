"""Putting a swapped crop back into its frame, touching nothing else.

Source: official `utils/align_face.py:dealign`. Its pixel constants belong to a 224 crop; here they are fractions of the
crop's side, so a mask of another size is refined the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import compose, invert, transform_points, warp
from .types import Image, Mask, Matrix

_SIDE = 224.0  # the crop the official constants were written for


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How a network's mask becomes the weight of the swapped pixels; lengths as fractions of the crop's side.

    Attributes:
        threshold: where the network's mask is above it, the face begins.
        close: side of the square that closes holes.
        erode: side of the same square, eroded again so that the edge falls inside the face.
        blur: side of the box blur on the eroded edge.
        border: width of the crop's own border that always stays the target's.
        border_blur: side of the box blur on that border.
    """

    threshold: float = 0.001
    close: float = 11 / _SIDE
    erode: float = 11 / _SIDE
    blur: float = 7 / _SIDE
    border: float = 10 / _SIDE
    border_blur: float = 11 / _SIDE


def refine_mask(mask: Mask, options: MaskOptions = MaskOptions()) -> Mask:
    """The weight of the swapped pixels from a network's mask.

    Args:
        mask: ``(S, S)`` float32 in [0, 1].

    Returns:
        ``(S, S)`` float32 in [0, 1]: the mask itself, faded to 0 at its own edge and at the crop's border.

    Note:
        The official code blends with the network's mask first and then with this fade; the product here is the same
        blend in one step.
    """
    side = len(mask)
    close, erode = (np.ones((_odd(f * side),) * 2, np.uint8) for f in (options.close, options.erode))
    solid: NDArray[Any] = (mask > options.threshold).astype(np.float32)
    solid = cv2.erode(cv2.dilate(solid, close), close)
    # The crop's outside counts as background, else a mask that fills the crop would not fade at its edge.
    solid = cv2.erode(solid, erode, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    solid = cv2.blur(solid, (_odd(options.blur * side),) * 2)
    return mask * solid * _border_fade(side, options)


def _border_fade(side: int, options: MaskOptions) -> Mask:
    fade = np.zeros((side, side), np.float32)
    width = max(1, round(options.border * side))
    fade[width:-width, width:-width] = 1.0
    return np.asarray(cv2.blur(fade, (_odd(options.border_blur * side),) * 2), np.float32)


def _odd(length: float) -> int:
    return max(1, 2 * round((length - 1) / 2) + 1)


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
    alpha = warp(weight, region_from_crop, size)[..., None]
    # Cubic keeps a face that is larger than its crop from looking washed out; its overshoot is clipped in uint8.
    pixels = warp(crop, region_from_crop, size, border=cv2.BORDER_REPLICATE, interpolation=cv2.INTER_CUBIC)
    region = result[top:bottom, left:right]
    blended = region + alpha * (pixels.astype(np.float32) - region)
    np.copyto(region, np.clip(np.rint(blended), 0, 255).astype(np.uint8), where=alpha > 0)
    return result


def touched_rectangle(
    weight: Mask, crop_from_frame: Matrix, shape: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom (exclusive) of the frame pixels a weight can reach; ``None`` if there are none."""
    rows, columns = np.flatnonzero(weight.any(1)), np.flatnonzero(weight.any(0))
    if not len(rows):
        return None
    x0, x1, y0, y1 = columns[0] - 1, columns[-1] + 1, rows[0] - 1, rows[-1] + 1  # one pixel: bilinear reach
    corners = transform_points(invert(crop_from_frame), np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64))
    height, width = shape
    left, top = np.clip(np.floor(corners.min(0)), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)) + 1, 0, [width, height]).astype(int)
    return (int(left), int(top), int(right), int(bottom)) if right > left and bottom > top else None
