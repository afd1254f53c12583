"""The answer of the tab for the visitor's own browser."""

from __future__ import annotations

import pytest

from demo.examples.pairs import portraits
from demo.handlers import browser
from demo.messages import Visit
from demo.settings import Settings
from demo.work.engine import Engine
from demo.work.export import prepare_network
from demo.work.services import Services
from mobilefaceswap_core.diagnose.bench import aligned_target
from mobilefaceswap_core.errors import BackendError
from mobilefaceswap_core.models import load_swapper

VISIT = Visit(session="me")


def test_a_swapper_that_only_has_the_students_name_makes_no_network(services: Services, photo: str) -> None:
    with pytest.raises(BackendError, match="The model student is a Painter here"):
        browser.prepare(services, VISIT, source=photo, consented=True)


def test_a_prepared_network_tells_the_page_how_blue_the_eyes_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobilefaceswap_core.pipeline.blueness_of_eyes", lambda image, landmarks: 0.75)
    made = prepare_network(Engine(Settings(detector="lite")), portraits()[0])
    assert load_swapper(str(made)).swap([aligned_target()], [])[0].blue_eyes == 0.75
