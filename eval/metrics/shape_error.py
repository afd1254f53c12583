"""Face shape: distance of the swapped face's identity coefficients from the source's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import MetricSpec, check_vector_pair

SHAPE = MetricSpec(
    "shape_error",
    "shape to source",
    "s.d.",
    False,
    10.0,
    "shape",
    "Root mean square distance of identity coefficients of the 68-landmark model between swapped face and source, in "
    "standard deviations between people. Without a face: 10.",
    "HifiFace (Wang et al. 2021): 3D shape of the source",
    headline=False,
)


def shape_error(swapped: NDArray[np.floating], source: NDArray[np.floating]) -> float:
    """Root mean square difference of two coefficient vectors ``(I,)``."""
    check_vector_pair(swapped, source)
    return float(np.sqrt(np.mean((np.asarray(swapped, np.float64) - source) ** 2)))
