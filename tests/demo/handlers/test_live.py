"""The Live tab's answers, without a browser; and what it shares with the tab that prepares a network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.handlers import browser, live
from demo.messages import Visit
from demo.work.services import Services
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.video import LiveStats
from tests.fakes.painted import SIDE, colour_of, is_near, painted_engine, squares

RED = (200, 30, 30)
VISIT = Visit(session="me")


@pytest.mark.parametrize("prepare", [partial(live.prepare, session=None, model="student", choices={}), browser.prepare])
def test_a_face_is_prepared_with_consent_and_a_photo_only(prepare: Any, services: Services, photo: str) -> None:
    assert prepare(services, VISIT, source=photo, consented=False) == {}
    with pytest.raises(OptionError, match="face to use"):
        prepare(services, VISIT, source=None, consented=True)


def test_a_camera_picture_gets_the_prepared_face(photo: str) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000))
    made = live.prepare(services, VISIT, source=photo, session=None, model="student", choices={}, consented=True)
    assert "Ready" in made["status"]
    picture = np.full((SIDE, SIDE, 3), 127, np.uint8)
    shown = live.step(services, VISIT, camera=picture, session=made["session"])
    assert is_near(colour_of(shown["shown"]), RED) and "ms a picture" in shown["stats"]
    corner = shown["shown"][-8:, -60:]
    assert corner.min() < 80  # the label that says what it is
    assert live.step(services, VISIT, camera=None, session=made["session"]) == {}
    assert "Choose a face" in live.step(services, VISIT, camera=picture, session=None)["stats"]


def test_what_is_chosen_meanwhile_holds_for_the_picture_that_runs(photo: str, tmp_path: Path) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000))
    given = {"source": photo, "model": "student", "choices": {}, "consented": True}
    key = live.prepare(services, VISIT, session=None, **given)["session"]
    other = squares(tmp_path / "other.png", (30, 30, 200))
    assert live.adjust(services, VISIT, session=key, **given | {"source": other, "consented": False}) == {}
    assert live.adjust(services, VISIT, session=None, **given) == {} and len(services.live) == 1
    assert "Ready" in live.adjust(services, VISIT, session=key, **given | {"source": other})["status"]
    shown = live.step(services, VISIT, camera=np.full((SIDE, SIDE, 3), 127, np.uint8), session=key)
    assert is_near(colour_of(shown["shown"]), (30, 30, 200)) and len(services.live) == 1
    with pytest.raises(OptionError, match="not available here"):
        live.adjust(services, VISIT, session=key, **given | {"model": "nobody"})


def test_a_picture_without_a_face_says_so() -> None:
    how = LiveStats(False, 0, 50.0, 52.4, 90.0, 3, 0, 9.96)
    assert live.in_words(how, "en") == "52 ms a picture · 10.0 pictures a second · no face in view"
    assert live.in_words(replace(how, faces=1), "zh-CN") == "每张 52 毫秒 · 每秒 10.0 张"
