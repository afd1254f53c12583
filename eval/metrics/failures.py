"""Failures: swaps that were not made, and swapped images in which the judge finds no face."""

from __future__ import annotations

from .base import Metric, MetricSpec

FAILED = Metric(
    MetricSpec(
        key="failed",
        label="failed",
        unit="%",
        higher_is_better=False,
        worst=100.0,
        definition=(
            "Share of pairs for which the method made no image, or an image in which the judges' detector finds no face at the "
            "target's face. Each counts at the worst value in every other column. Pairs in whose source or target that detector "
            "finds no face are the data's fault and count in no column."
        ),
        source="protocol: failed pairs count as misses",
        scale=100.0,
        is_rate=True,
        decimals=1,
    ),
    lambda sample: is_failed(sample.status != "failed", sample.status == "ok"),
    needs=(),
)


def is_failed(swapped: bool, face_found: bool) -> float:
    """1.0 unless an image was made and a face found in it."""
    return 0.0 if swapped and face_found else 1.0
