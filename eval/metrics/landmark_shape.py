"""Landmarks: how far 68 points moved from the target's, after shift, turn and scale are taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.geometry import similarity_from_points, transform_points

from .base import FACES, Metric, MetricSpec
from .sample import landmarks_of

LANDMARKS = Metric(
    MetricSpec(
        key="landmark_shape",
        label="landmarks",
        unit="% of eyes",
        higher_is_better=False,
        worst=100.0,
        definition=(
            "Root mean square distance of the swapped face's 68 landmarks to the target's after the best similarity, in per cent of "
            "the distance of the outer eye corners. Pose, expression and shape all count. Without a face: 100."
        ),
        source="300-W normalised mean error (Sagonas et al. 2013), with the similarity removed",
        headline=False,
    ),
    lambda sample: landmark_shape(landmarks_of(sample.swapped_face), landmarks_of(sample.target_face)),
    needs=FACES,
)


def landmark_shape(swapped: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Distance of two sets of 68 landmarks in per cent of the target's outer eye distance.

    Args:
        swapped: ``(68, 2)`` pixels.
        target: ``(68, 2)`` pixels; any shift, turn or scale of ``swapped`` against it is removed first.
    """
    a, b = np.asarray(swapped, np.float64), np.asarray(target, np.float64)
    if a.shape != (68, 2) or b.shape != (68, 2) or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise OptionError(f"Landmarks have shapes {a.shape} and {b.shape}; wanted (68, 2) finite points each.")
    eyes = float(np.linalg.norm(b[36] - b[45]))
    if eyes == 0.0:
        raise OptionError("The target's outer eye corners coincide; its landmarks are unusable.")
    moved = transform_points(similarity_from_points(a, b), a)
    return float(np.sqrt(((moved - b) ** 2).sum(1).mean()) / eyes * 100.0)
