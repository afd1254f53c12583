"""Temporal flicker: change from frame to frame that is neither the target's motion nor the target's own change."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.types import Image, Mask

from .base import Metric, MetricSpec, check_image_pair, check_mask
from .changed import grown
from .sample import NoReferenceError

FLICKER = Metric(
    MetricSpec(
        key="flicker",
        label="flicker",
        unit="levels",
        higher_is_better=False,
        worst=255.0,
        definition=(
            "Mean absolute difference, in grey levels of 255 inside the face region, between what changes in the swapped clip and in "
            "the target clip over one frame, both frames before moved along by the target's optical flow (DIS); pixels that the flow "
            "cannot follow are left out. Only for pairs of consecutive frames. Failed swap: 255."
        ),
        source="Warping error of Lai et al. 2018; flow by Kroeger et al. 2016 (OpenCV DISOpticalFlow)",
        headline=False,
        clips_only=True,
    ),
    lambda sample: temporal_flicker(
        sample.swapped_before, sample.swapped, sample.target_before, sample.target, sample.region
    ),
    needs=("target_face", "swapped", "swapped_before"),
)
_ROOM = 0.25  # of the region's size, around it: what moves in from there over one frame
_LEAST_PX = 48  # of the part looked at; the flow's pyramid needs some levels
_AGREE_PX = 1.0  # how far flow there and back may miss where it began
_LEAST_SHARE = 0.2  # of the region that the flow must follow


def temporal_flicker(
    previous: Image, current: Image, previous_target: Image, current_target: Image, mask: Mask
) -> float:
    """Excess change over one frame, along the target's motion.

    Args:
        previous: swapped frame t - 1, ``(H, W, 3)`` RGB uint8.
        current: swapped frame t.
        previous_target: target frame t - 1.
        current_target: target frame t.
        mask: ``(H, W)`` face region of frame t.

    Returns:
        0 when the swapped clip is the target, and about 0 when the swapped face moves as the target's does, whatever it looks
        like.

    Raises:
        NoReferenceError: the target's motion can be followed in less than a fifth of the region, as at a cut.
    """
    for image in (current, previous_target, current_target):
        check_image_pair(previous, image)
    check_mask(mask, current)
    part = _part(mask)
    before, now, target_before, target_now = (
        np.ascontiguousarray(image[part]) for image in (previous, current, previous_target, current_target)
    )
    back, agrees = flow_back(target_before, target_now)
    weights = mask[part] * agrees
    if weights.sum() < _LEAST_SHARE * mask.sum():
        raise NoReferenceError("the target's motion cannot be followed from the frame before")
    change = now - moved(before, back)
    wanted = target_now - moved(target_before, back)
    return float((np.abs(change - wanted).mean(2) * weights).sum() / weights.sum(dtype=np.float64))


def flow_back(previous: Image, current: Image) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where each pixel of a frame was in the frame before.

    Args:
        previous: ``(H, W, 3)`` RGB uint8.
        current: the same size.

    Returns:
        ``(H, W, 2)`` pixels to add to a place in ``current`` (x, y), and ``(H, W)`` true where the flow there and back meet.
    """
    first, second = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (previous, current))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    back = dis.calc(second, first, None)  # type: ignore[call-overload]  # None: no flow to begin with
    ahead = dis.calc(first, second, None)  # type: ignore[call-overload]
    there = moved(ahead, back)
    return back, np.linalg.norm(back + there, axis=2) < _AGREE_PX


def moved(field: NDArray[np.generic], back: NDArray[np.float32]) -> NDArray[np.float32]:
    """A frame before, or any field of its size, as it lies after the motion; cubic, borders repeated."""
    height, width = back.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(  # type: ignore[return-value]
        field.astype(np.float32), x + back[..., 0], y + back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def _part(mask: Mask) -> tuple[slice, slice]:
    """The region with room around it."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    side = min(box[2] - box[0], box[3] - box[1])
    room = max(round(_ROOM * side), (_LEAST_PX - side + 1) // 2)
    left, top, right, bottom = grown(box, room, height, width)
    return slice(top, bottom), slice(left, right)
