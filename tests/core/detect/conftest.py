"""Detectors that need no download, loaded once."""

from __future__ import annotations

import pytest

from mobilefaceswap_core.detect import Detector, load_detector
from mobilefaceswap_core.types import Face

OFFLINE = ("lite", "dlib")


@pytest.fixture(scope="session")
def detectors() -> dict[str, Detector]:
    return {name: load_detector(name, device="cpu") for name in OFFLINE}


@pytest.fixture(scope="session")
def lite(detectors) -> Detector:
    return detectors["lite"]


@pytest.fixture(scope="session")
def group_faces(detectors, group) -> dict[str, list[Face]]:
    return {name: detector.detect(group) for name, detector in detectors.items()}
