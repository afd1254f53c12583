"""Landmark jitter: how far the swapped face's landmarks move over one frame otherwise than the target's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import Metric, MetricSpec
from .sample import landmarks_of

JITTER = Metric(
    MetricSpec(
        key="landmark_jitter",
        label="landmark jitter",
        unit="% of eyes",
        higher_is_better=False,
        worst=100.0,
        definition=(
            "Root mean square, over 68 landmarks, of the difference between the steps of the swapped and of the target's landmarks "
            "over one frame, in per cent of the distance of the target's outer eye corners. The noise of the landmarks counts: read it "
            "against the row target-jpeg. Only for pairs of consecutive frames. Without a face: 100."
        ),
        source="this project; steps of landmarks as in temporal stability of face alignment (Tai et al. 2019)",
        headline=False,
        clips_only=True,
    ),
    lambda sample: landmark_jitter(
        landmarks_of(sample.swapped_face_before),
        landmarks_of(sample.swapped_face),
        landmarks_of(sample.target_face_before),
        landmarks_of(sample.target_face),
    ),
    needs=("target_face", "target_face_before", "swapped_face", "swapped_face_before"),
)


def landmark_jitter(
    previous: NDArray[np.floating],
    current: NDArray[np.floating],
    previous_target: NDArray[np.floating],
    current_target: NDArray[np.floating],
) -> float:
    """Difference of two motions over one frame, in per cent of the target's outer eye distance.

    Args:
        previous: ``(68, 2)`` pixels of the swapped face in frame t - 1.
        current: in frame t.
        previous_target: of the target in frame t - 1.
        current_target: in frame t.

    Returns:
        0 when every point takes the step that the target's takes, wherever it stands.

    Raises:
        OptionError: for other shapes, or eye corners that coincide.
    """
    points = [np.asarray(p, np.float64) for p in (previous, current, previous_target, current_target)]
    if any(p.shape != (68, 2) or not np.isfinite(p).all() for p in points):
        raise OptionError(f"Landmarks have shapes {[p.shape for p in points]}; wanted (68, 2) finite points each.")
    eyes = float(np.linalg.norm(points[3][36] - points[3][45]))
    if eyes == 0.0:
        raise OptionError("The target's outer eye corners coincide; its landmarks are unusable.")
    step, wanted = points[1] - points[0], points[3] - points[2]
    return float(np.sqrt(((step - wanted) ** 2).sum(1).mean()) / eyes * 100.0)
