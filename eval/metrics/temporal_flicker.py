"""Temporal flicker: change from frame to frame that the target clip does not have."""

from __future__ import annotations

import numpy as np

from mobilefaceswap_core.types import Image, Mask

from .base import Metric, MetricSpec, check_image_pair, check_mask

FLICKER = Metric(
    MetricSpec(
        key="flicker",
        label="flicker",
        unit="levels",
        higher_is_better=False,
        worst=255.0,
        definition=(
            "Mean absolute difference, in grey levels of 255 inside the face region, between the change of the swapped clip and the "
            "change of the target clip over one frame. Only for pairs of consecutive frames. Failed swap: 255."
        ),
        source="Difference of temporal derivatives, as in Lai et al. 2018 without optical flow",
        headline=False,
        clips_only=True,
    ),
    lambda sample: temporal_flicker(
        sample.swapped_before, sample.swapped, sample.target_before, sample.target, sample.region
    ),
    needs=("target_face", "swapped", "swapped_before"),
)


def temporal_flicker(
    previous: Image, current: Image, previous_target: Image, current_target: Image, mask: Mask
) -> float:
    """Excess change over one frame.

    Args:
        previous: swapped frame t - 1, ``(H, W, 3)`` RGB uint8.
        current: swapped frame t.
        previous_target: target frame t - 1.
        current_target: target frame t.
        mask: ``(H, W)`` face region of frame t.

    Returns:
        0 when the swapped clip changes exactly as the target does.
    """
    for image in (current, previous_target, current_target):
        check_image_pair(previous, image)
    check_mask(mask, current)
    change = current.astype(np.float64) - previous
    wanted = current_target.astype(np.float64) - previous_target
    return float((np.abs(change - wanted).mean(2) * mask).sum() / mask.sum(dtype=np.float64))
