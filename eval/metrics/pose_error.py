"""Head pose: how far the swapped face is turned away from the target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import TARGET_VECTORS, Metric, MetricSpec, check_vector_pair

POSE = Metric(
    MetricSpec(
        key="pose_error",
        label="pose",
        unit="deg",
        higher_is_better=False,
        worst=90.0,
        judge_kind="pose",
        definition=(
            "Mean Euclidean distance of (pitch, yaw, roll) between swapped and target face. Without a face: 90 degrees, a head "
            "turned out of sight."
        ),
        source="FaceShifter (Li et al. 2019), section 4.1",
    ),
    lambda sample: pose_error(sample.swapped_vector, sample.target_vector),
    needs=TARGET_VECTORS,
)


def pose_error(swapped: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Distance of two head poses in degrees.

    Args:
        swapped: ``(3,)`` pitch, yaw, roll in degrees.
        target: the same of the target.

    Returns:
        Euclidean norm of the differences, each taken the short way round the circle.
    """
    check_vector_pair(swapped, target)
    if len(swapped) != 3:
        raise OptionError(f"A head pose has {len(swapped)} entries; wanted pitch, yaw, roll.")
    difference = (np.asarray(swapped, np.float64) - target + 180.0) % 360.0 - 180.0
    return float(np.linalg.norm(difference))
