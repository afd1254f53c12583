"""Metrics with known values, named by tests as ``tests.fakes.added_metrics:...``."""

from __future__ import annotations

import numpy as np

from eval.metrics import Metric, MetricSpec, Sample
from mobilefaceswap_core.errors import NoFaceError, OptionError


def _spec(key: str, **values) -> MetricSpec:
    given = {"label": key, "unit": "", "higher_is_better": False, "worst": 9.0, "judge_kind": "none"}
    return MetricSpec(**{"key": key, "definition": "Known.", "source": "tests", **given, **values})


def _even(sample: Sample) -> float:
    """A quarter, or no value where the target's pixels sum to an even number."""
    if int(sample.target.astype(int).sum()) % 2 == 0:
        raise NoFaceError("this target is even")
    return 0.25


def _broken(sample: Sample) -> float:
    raise OptionError("this metric was set up wrongly")


def _shapes(sample: Sample) -> float:
    """How many of the promised shapes hold."""
    return float(
        (sample.swapped.shape == sample.target.shape)
        + (sample.region.shape == sample.target.shape[:2])
        + (sample.source.ndim == 3)
        + (sample.target_face.landmarks.shape == sample.swapped_face.landmarks.shape == (68, 2))
    )


CHANGE = Metric(
    _spec("change", label="pixels touched", unit="%", scale=100.0),
    lambda sample: float((sample.swapped != sample.target).any(2).mean()),
)
SHAPES = Metric(_spec("shapes"), _shapes)
EVEN = Metric(_spec("even"), _even)
NOTHING = Metric(_spec("nothing"), lambda sample: float("nan"))
TAKEN = Metric(_spec("ssim_frame"), lambda sample: 0.0)
TURNED = Metric(
    _spec("turned", judge_kind="pose"),
    lambda sample: float(np.abs(sample.swapped_vector - sample.target_vector).max()),
    needs=("target_vector", "swapped_vector"),
)
UNKNOWN_KIND = Metric(_spec("judged", judge_kind="taste"), lambda sample: 0.0)
UNKNOWN_NEED = Metric(_spec("needy"), lambda sample: 0.0, needs=("weather",))
BROKEN = Metric(_spec("broken"), _broken)
SPACED = Metric(_spec("two words"), lambda sample: 0.0)
