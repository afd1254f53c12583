"""What tests of faults share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .slow_server import slow_server as serving


@pytest.fixture
def slow_server() -> Iterator[str]:
    """The address of a file on a slow host."""
    with serving() as url:
        yield url
