"""Metrics with known values, named by tests as ``tests.fakes.added_metrics:...``."""

from __future__ import annotations

from eval.metrics import AddedMetric, MetricSpec, Sample
from mobilefaceswap_core.errors import NoFaceError


def _spec(key: str, **values) -> MetricSpec:
    given = {"label": key, "unit": "", "higher_is_better": False, "worst": 9.0, "judge_kind": "none"}
    return MetricSpec(**{"key": key, "definition": "Known.", "source": "tests", **given, **values})


def _even(sample: Sample) -> float:
    """A quarter, or no value where the target's pixels sum to an even number."""
    if int(sample.target.astype(int).sum()) % 2 == 0:
        raise NoFaceError("this target is even")
    return 0.25


def _shapes(sample: Sample) -> float:
    """How many of the promised shapes hold."""
    return float(
        (sample.swapped.shape == sample.target.shape)
        + (sample.region.shape == sample.target.shape[:2])
        + (sample.source.ndim == 3)
        + (sample.target_face.landmarks.shape == sample.swapped_face.landmarks.shape == (68, 2))
    )


CHANGE = AddedMetric(
    _spec("change", label="pixels touched", unit="%", scale=100.0),
    lambda sample: float((sample.swapped != sample.target).any(2).mean()),
)
SHAPES = AddedMetric(_spec("shapes"), _shapes)
EVEN = AddedMetric(_spec("even"), _even)
NOTHING = AddedMetric(_spec("nothing"), lambda sample: float("nan"))
TAKEN = AddedMetric(_spec("ssim_frame"), lambda sample: 0.0)
JUDGED = AddedMetric(_spec("judged", judge_kind="pose"), lambda sample: 0.0)
SPACED = AddedMetric(_spec("two words"), lambda sample: 0.0)
