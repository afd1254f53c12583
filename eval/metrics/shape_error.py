"""Face shape: distance of the swapped face's identity coefficients from the source's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import SOURCE_VECTORS, Metric, MetricSpec, check_vector_pair

SHAPE = Metric(
    MetricSpec(
        key="shape_error",
        label="shape to source",
        unit="s.d.",
        higher_is_better=False,
        worst=10.0,
        judge_kind="shape",
        definition=(
            "Root mean square distance of identity coefficients of the 68-landmark model between swapped face and source, in "
            "standard deviations between people. Without a face: 10."
        ),
        source="HifiFace (Wang et al. 2021): 3D shape of the source",
        headline=False,
    ),
    lambda sample: shape_error(sample.swapped_vector, sample.source_vector),
    needs=SOURCE_VECTORS,
)


def shape_error(swapped: NDArray[np.floating], source: NDArray[np.floating]) -> float:
    """Root mean square difference of two coefficient vectors ``(I,)``."""
    check_vector_pair(swapped, source)
    return float(np.sqrt(np.mean((np.asarray(swapped, np.float64) - source) ** 2)))
