"""A swapped crop at the size its face has in the frame, for stages that see more than the crop holds."""

from __future__ import annotations

import cv2

from ..faces.geometry import scaled_crop, side_in_frame, warp_to_crop
from ..types import Image, Mask, Matrix
from .edges import along_edges
from .steady import shown_part

# Larger faces are finished at this side and enlarged by the paste: beyond it skin texture is camera noise, and time grows
# with the area.
LARGEST_PX = 1024
WORTH = 1.2  # a face that is hardly larger than its crop has nothing to gain
# In a face so many times as large as its crop the steps of an edge begin to be seen, and are plainly seen.
STEPS_SHOW = 1.6, 3.0


def native_side_px(crop_from_frame: Matrix, size_px: int) -> int:
    """The side to finish a crop at: that of the face in the frame, but no less than the crop's and no more than the limit.

    Args:
        crop_from_frame: ``(2, 3)``.
        size_px: side of the crop.
    """
    side = round(side_in_frame(crop_from_frame, size_px))
    return size_px if side < WORTH * size_px else max(size_px, min(side, LARGEST_PX))


def enlarge(
    pixels: Image, weight: Mask, crop_from_frame: Matrix, frame: Image, side_px: int
) -> tuple[Image, Mask, Matrix, Image]:
    """Everything about a crop at another side.

    Args:
        pixels: ``(S, S, 3)`` RGB uint8.
        weight: ``(S, S)``.
        crop_from_frame: ``(2, 3)`` to ``pixels``.
        frame: ``(H, W, 3)`` RGB uint8 the crop was cut out of.
        side_px: N.

    Returns:
        ``(N, N, 3)`` pixels, ``(N, N)`` weight, the matrix that leads to them, and ``(N, N, 3)`` the target there.
    """
    size = (side_px, side_px)
    matrix = scaled_crop(crop_from_frame, side_px / len(pixels))
    begins, plain = STEPS_SHOW
    strength = min(max((side_px / len(pixels) - begins) / (plain - begins), 0.0), 1.0)
    # Cubic, as the paste would do; its overshoot is clipped in uint8.
    larger: Image = cv2.resize(
        along_edges(pixels, strength=strength, part=shown_part(weight)), size, interpolation=cv2.INTER_CUBIC
    )  # type: ignore[assignment]
    wider: Mask = cv2.resize(weight, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    return larger, wider, matrix, warp_to_crop(frame, matrix, side_px)
