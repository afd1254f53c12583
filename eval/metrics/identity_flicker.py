"""Identity flicker: how far the swapped person changes from one frame of a clip to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .base import Metric, MetricSpec
from .id_similarity import cosine

ID_FLICKER = Metric(
    MetricSpec(
        key="id_flicker",
        label="ID flicker",
        unit="1e-3",
        higher_is_better=False,
        worst=1.0,
        judge_kind="recogniser",
        definition=(
            "Mean of 1 - cosine between the embeddings of the swapped face in two consecutive frames of a clip, in thousandths; pose, "
            "expression and light move it too, so read it against the row of the target clip itself. Without a face: 1000."
        ),
        source="Temporal consistency of embeddings (frame-to-frame cosine), as video editing is judged",
        scale=1000.0,
        headline=False,
        clips_only=True,
    ),
    lambda sample: identity_flicker(sample.vector_before, sample.swapped_vector),
    needs=("target_face", "target_vector", "swapped_vector", "vector_before"),
)


def identity_flicker(previous: NDArray[np.floating], current: NDArray[np.floating]) -> float:
    """1 - cosine of two embeddings, in [0, 2]; 0 for the same person seen in the same way.

    >>> round(identity_flicker(np.array([1.0, 0.0]), np.array([1.0, 1.0])), 4)
    0.2929
    """
    return 1.0 - cosine(previous, current)
