"""What tests of handlers share: services whose models paint, and a photo with one face."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.work.services import Services
from tests.fakes.painted import painted_engine, squares


@pytest.fixture
def services() -> Services:
    return Services.of(painted_engine())


@pytest.fixture
def photo(tmp_path: Path) -> str:
    return squares(tmp_path / "s.png", (200, 30, 30))
