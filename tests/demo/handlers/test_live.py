"""The Live tab's answers, without a browser; and what it shares with the tab that prepares a network."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demo.examples.pairs import portraits
from demo.handlers import browser, live
from demo.messages import Visit
from demo.texts import say
from demo.work.services import Services
from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.files.codecs import encode
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.video import LiveStats
from tests.fakes.painted import GREY, SIDE, colour_of, is_near, painted_engine, squared, squares

RED = (200, 30, 30)
VISIT = Visit(session="me")


@pytest.mark.parametrize("prepare", [partial(live.prepare, session=None, model="student", choices={}), browser.prepare])
def test_a_face_is_prepared_with_consent_and_a_photo_only(prepare: Any, services: Services, photo: str) -> None:
    assert prepare(services, VISIT, source=photo, consented=False) == {}
    with pytest.raises(OptionError, match="face to use"):
        prepare(services, VISIT, source=None, consented=True)


def jpeg_of(picture: np.ndarray) -> bytes:
    return encode(picture, "RGB", "JPEG", icc_profile=None, quality=95, text={})


CAMERA = jpeg_of(squared(GREY))


def shown(services: Services, session: str) -> np.ndarray:
    answer = live.step(services, VISIT, picture=CAMERA, session=session)
    assert answer.picture is not None
    return read_image(answer.picture).image


def test_a_portrait_that_ships_needs_no_consent(services: Services) -> None:
    assert live.prepare(
        services, VISIT, source=portraits()[0], session=None, model="student", choices={}, consented=False
    )


@pytest.mark.parametrize(("glasses", "said"), [("", ""), ("left out", "glasses"), ("covered", "average")])
def test_what_was_done_about_the_photos_glasses_is_said(
    glasses: str, said: str, photo: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = SimpleNamespace(source=SimpleNamespace(glasses=glasses))
    monkeypatch.setattr(live, "live_swapper", lambda *args, **kwargs: prepared)
    status = live.prepare(services, VISIT, source=photo, session=None, model="student", choices={}, consented=True)[
        "status"
    ]
    assert said in status and (glasses != "" or status == say("live_prepared"))


def test_a_camera_picture_gets_the_prepared_face(photo: str) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000))
    made = live.prepare(services, VISIT, source=photo, session=None, model="student", choices={}, consented=True)
    assert "Ready" in made["status"] and made["stage"] == {"key": made["session"]}
    answer = live.step(services, VISIT, picture=CAMERA, session=made["session"])
    assert "ms a picture" in answer.said and answer.picture is not None
    picture = read_image(answer.picture).image
    assert is_near(colour_of(picture), RED)
    assert picture[-8:, -60:].min() < 80  # the label that says what it is
    assert live.step(services, VISIT, picture=CAMERA, session=None) == live.Answer(say("live_first"))
    with pytest.raises(ImageError, match="1500 x 1000"):
        live.step(services, VISIT, picture=jpeg_of(np.zeros((1000, 1500, 3), np.uint8)), session=made["session"])
    for what in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF\n", b""):
        with pytest.raises(ImageError):
            live.step(services, VISIT, picture=what, session=made["session"])


def test_who_comes_second_is_told_how_many_are_before(photo: str) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000, live_sessions=8))
    given = {"source": photo, "session": None, "model": "student", "choices": {}, "consented": True}
    first, second = (live.prepare(services, Visit(caller=name), **given)["session"] for name in "ab")
    assert shown(services, first).shape == (SIDE, SIDE, 3)
    waits = live.step(services, VISIT, picture=CAMERA, session=second)
    assert waits == live.Answer(say("live_waits", count=1))


def test_what_is_chosen_meanwhile_holds_for_the_picture_that_runs(photo: str, tmp_path: Path) -> None:
    services = Services.of(painted_engine(live_budget_ms=60_000))
    given = {"source": photo, "model": "student", "choices": {}, "consented": True}
    key = live.prepare(services, VISIT, session=None, **given)["session"]
    other = squares(tmp_path / "other.png", (30, 30, 200))
    assert live.adjust(services, VISIT, session=key, **given | {"source": other, "consented": False}) == {}
    assert live.adjust(services, VISIT, session=None, **given) == {} and len(services.live) == 1
    assert "Ready" in live.adjust(services, VISIT, session=key, **given | {"source": other})["status"]
    assert is_near(colour_of(shown(services, key)), (30, 30, 200)) and len(services.live) == 1
    with pytest.raises(OptionError, match="not available here"):
        live.adjust(services, VISIT, session=key, **given | {"model": "nobody"})


def test_a_picture_without_a_face_says_so() -> None:
    how = LiveStats(False, 0, 50.0, 52.4, 90.0, 3, 0, 9.96)
    assert live.in_words(how, "en") == "52 ms a picture · 10.0 pictures a second · no face in view"
    assert live.in_words(replace(how, faces=1), "zh-CN") == "每张 52 毫秒 · 每秒 10.0 张"
