"""Failures: swaps that were not made, and swapped images in which the judge finds no face."""

from __future__ import annotations

from .base import MetricSpec

FAILED = MetricSpec(
    "failed",
    "failed",
    "%",
    False,
    100.0,
    "none",
    "Share of pairs for which the method made no image, or an image in which the judge's detector finds no face. Each counts "
    "at its worst value in every other column.",
    "protocol: failed pairs count as misses",
    100.0,
    1,
)


def is_failed(swapped: bool, face_found: bool) -> float:
    """1.0 unless an image was made and a face found in it."""
    return 0.0 if swapped and face_found else 1.0
