"""Expression: distance of coefficients of the swapped face from the target's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import MetricSpec, check_vector_pair

EXPRESSION = MetricSpec(
    "expression_error",
    "expression",
    "s.d.",
    False,
    10.0,
    "expression",
    "Mean Euclidean distance of expression vectors between swapped and target face, in standard deviations within one "
    "person's photos; comparable only within one estimator. Without a face: 10.",
    "FaceShifter and successors: distance of 3DMM expression coefficients",
)


def expression_error(swapped: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Euclidean distance of two coefficient vectors ``(E,)`` of one estimator."""
    check_vector_pair(swapped, target)
    return float(np.linalg.norm(np.asarray(swapped, np.float64) - target))
