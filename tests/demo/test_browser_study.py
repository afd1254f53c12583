"""The blind study in the page: its maker comes back another day, with answers and key, and reads what people prefer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from demo.build import build_demo, launch_options
from demo.settings import Settings
from demo.texts import load_texts
from demo.work.engine import Engine
from eval.study import write_study
from tests.fakes.built_page import CHROMIUM, PATIENCE_MS, chromium
from tests.fakes.made_runs import made_run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM"),
]


def test_answers_of_a_study_are_read_in_another_visit_with_its_key(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    values = {name: {"pose_error@pnp": np.ones(4)} for name in ("a", "b")}
    write_study(made_run(tmp_path / "run", values, images=True), tmp_path / "study.html", questions=3)
    (key,) = (tmp_path / "run" / "study").glob("*.json")
    settings = Settings(detector="lite", request_rate=1000, browser_page="off")
    demo, words = build_demo(settings, Engine(settings))
    _, url, _ = demo.launch(**launch_options(settings, words), prevent_thread_lock=True, server_name="127.0.0.1")
    with chromium("--disable-gpu") as browser:
        given = browser.new_page()
        given.goto((tmp_path / "study.html").as_uri())
        for _ in range(3):
            given.keyboard.press("1")
        with given.expect_download() as saved:
            given.click("#save")
        answers = tmp_path / saved.value.suggested_filename
        saved.value.save_as(answers)
        page = browser.new_page(viewport={"width": 1280, "height": 844})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{url}?tab=evaluate")
        page.get_by_text(load_texts("en")["study_title"]).click()
        page.wait_for_selector("#study-missing")
        assert not page.is_visible("#study-make")  # of what: nothing was evaluated in this visit
        page.set_input_files("#study-answers input[type=file]", [str(answers), str(key)])
        page.get_by_text(".json").first.wait_for()
        page.click("#study-read")
        page.wait_for_selector("#study-preferences li")
        assert "of 3 decided answers" in page.inner_text("#study-preferences")
    demo.close()
