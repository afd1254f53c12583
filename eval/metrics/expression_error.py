"""Expression: distance of coefficients of the swapped face from the target's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import TARGET_VECTORS, Metric, MetricSpec, check_vector_pair

EXPRESSION = Metric(
    MetricSpec(
        key="expression_error",
        label="expression",
        unit="s.d.",
        higher_is_better=False,
        worst=10.0,
        judge_kind="expression",
        definition=(
            "Mean Euclidean distance of expression vectors between swapped and target face, in standard deviations within one "
            "person's photos; comparable only within one estimator. Without a face: 10."
        ),
        source="FaceShifter and successors: distance of 3DMM expression coefficients",
    ),
    lambda sample: expression_error(sample.swapped_vector, sample.target_vector),
    needs=TARGET_VECTORS,
)


def expression_error(swapped: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Euclidean distance of two coefficient vectors ``(E,)`` of one estimator."""
    check_vector_pair(swapped, target)
    return float(np.linalg.norm(np.asarray(swapped, np.float64) - target))
