"""Gaze: how far the irises moved from where the target looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

from .base import TARGET_VECTORS, Metric, MetricSpec, check_vector_pair

_PLACES = 4  # of the irises, two numbers each

GAZE = Metric(
    MetricSpec(
        key="gaze_error",
        label="gaze",
        unit="% of eye",
        higher_is_better=False,
        worst=0.5,
        judge_kind="gaze",
        definition=(
            "Mean distance, over both eyes, of the iris's place between the corners of the eye in swapped and target face, in per cent "
            "of the eye's width. Without a face: 50."
        ),
        source="gaze as in Face-Adapter (Han et al. 2024), here by MediaPipe's iris network",
        scale=100.0,
        decimals=1,
    ),
    lambda sample: gaze_error(sample.swapped_vector, sample.target_vector),
    needs=TARGET_VECTORS,
)


def gaze_error(swapped: NDArray[np.floating], target: NDArray[np.floating]) -> float:
    """Mean distance of the irises' places.

    Args:
        swapped: ``(4,)``: two numbers for each eye, in widths of the eye; or ``(6,)``, both eyes' openings after them.
        target: the same of the target.

    >>> round(gaze_error(np.array([0.1, 0.0, 0.1, 0.0]), np.array([0.0, 0.0, 0.1, 0.0])), 3)
    0.05
    """
    check_vector_pair(swapped, target)
    if len(swapped) not in (_PLACES, _PLACES + 2):
        raise OptionError(
            f"A gaze has {len(swapped)} entries; wanted two for each eye, or these and both eyes' openings."
        )
    difference = (np.asarray(swapped, np.float64) - target)[:_PLACES].reshape(-1, 2)
    return float(np.linalg.norm(difference, axis=1).mean())


def lids_opening(gaze: NDArray[np.floating] | None) -> float | None:
    """Mean of both eyes' openings in widths of the eye; ``None`` of a gaze that does not hold them."""
    return None if gaze is None or len(gaze) == _PLACES else float(np.mean(gaze[_PLACES:]))
