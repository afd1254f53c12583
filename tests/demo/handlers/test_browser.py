"""The answer of the tab for the visitor's own browser."""

from __future__ import annotations

import pytest

from demo.handlers import browser
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import BackendError

VISIT = Visit(session="me")


def test_a_swapper_that_only_has_the_students_name_makes_no_network(services: Services, photo: str) -> None:
    with pytest.raises(BackendError, match="The model student is a Painter here"):
        browser.prepare(services, VISIT, source=photo, consented=True)
