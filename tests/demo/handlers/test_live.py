"""The Live tab's answers, without a browser; and what it shares with the tab that prepares a network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from demo.handlers import browser, live
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError
from tests.fakes.painted import SIDE, colour_of, is_near, painted_engine

RED = (200, 30, 30)
VISIT = Visit(session="me")


@pytest.mark.parametrize("prepare", [partial(live.prepare, session=None, choices={}), browser.prepare])
def test_a_face_is_prepared_with_consent_and_a_photo_only(prepare: Any, services: Services, photo: str) -> None:
    assert prepare(services, VISIT, source=photo, consented=False) == {}
    with pytest.raises(OptionError, match="face to use"):
        prepare(services, VISIT, source=None, consented=True)


def test_a_camera_picture_gets_the_prepared_face(photo: str) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000))
    made = live.prepare(services, VISIT, source=photo, session=None, choices={}, consented=True)
    assert "Ready" in made["status"]
    picture = np.full((SIDE, SIDE, 3), 127, np.uint8)
    shown = live.step(services, VISIT, camera=picture, session=made["session"])
    assert is_near(colour_of(shown["shown"]), RED) and "1 pictures swapped" in shown["stats"]
    assert live.step(services, VISIT, camera=None, session=made["session"]) == {}
    assert "Choose a face" in live.step(services, VISIT, camera=picture, session=None)["stats"]
