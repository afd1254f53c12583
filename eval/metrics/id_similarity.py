"""Cosine of the swapped face to its source and to its target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import IDENTITY, Metric, MetricSpec, check_vector_pair

_SOURCE = "ArcFace (Deng et al. 2019): cosine of embeddings"
TO_SOURCE = Metric(
    MetricSpec(
        key="cosine_source",
        label="cos. to source",
        higher_is_better=True,
        worst=0.0,
        judge_kind="recogniser",
        definition="Mean cosine of the embeddings of swapped face and source; scales differ between recognisers. Without a face: 0.",
        source=_SOURCE,
        decimals=3,
    ),
    lambda sample: cosine(sample.swapped_vector, sample.source_vector),
    needs=IDENTITY,
)
TO_TARGET = Metric(
    MetricSpec(
        key="cosine_target",
        label="cos. to target",
        higher_is_better=False,
        worst=1.0,
        judge_kind="recogniser",
        definition="Mean cosine of the embeddings of swapped face and target; what is left of the target's identity. Without a face: 1.",
        source=_SOURCE,
        decimals=3,
        headline=False,
    ),
    lambda sample: cosine(sample.swapped_vector, sample.target_vector),
    needs=IDENTITY,
)


def cosine(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Cosine of two vectors, in [-1, 1].

    Raises:
        OptionError: for vectors of unequal length, not finite, or of length zero.

    >>> round(cosine(np.array([1.0, 0.0]), np.array([3.0, 3.0])), 6)  # 45 degrees, whatever the lengths
    0.707107
    """
    check_vector_pair(first, second)
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    if lengths == 0.0:
        raise OptionError("A zero vector has no direction; the recogniser returned no embedding.")
    return float(np.clip(a @ b / lengths, -1.0, 1.0))
