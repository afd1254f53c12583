"""A page with a login: in Chromium, for programs, and for everybody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.build import build_demo, launch_options
from tests.fakes.painted import painted_engine, squares

CHROMIUM = os.environ.get("MOBILEFACESWAP_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    engine = painted_engine(auth="me:right")
    demo, words = build_demo(engine.settings, engine)
    _, address, _ = demo.launch(
        **launch_options(engine.settings, words), prevent_thread_lock=True, server_name="127.0.0.1"
    )
    yield address
    demo.close()


def test_a_program_logs_in_as_documented(url: str, tmp_path: Path) -> None:
    from gradio_client import Client, handle_file

    source, target = squares(tmp_path / "s.png", (200, 40, 40)), squares(tmp_path / "t.png", (128, 128, 128))
    client = Client(url, auth=("me", "right"), verbose=False, httpx_kwargs={"timeout": 120})
    _, facts = client.predict(
        source=handle_file(source), target=handle_file(target), consent=True, api_name="/swap_image"
    )
    assert facts["faces_swapped"] == 1


@pytest.mark.parametrize("path", ["config", "gradio_api/info", "gradio_api/file=/etc/passwd", "browser/index.html"])
def test_nothing_else_answers_without_the_login(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code == 401
    assert httpx.get(url + path, cookies={"access-token-x": "a"}).status_code == 401


@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install the package or set MOBILEFACESWAP_CHROMIUM")
def test_a_visitor_logs_in_on_the_page(url: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if "Policy" in message.text else None)
        page.goto(url)
        for password in ("wrong", "right"):
            page.get_by_label("username").fill("me")  # Gradio empties it after a wrong password
            page.get_by_label("password").fill(password)
            page.get_by_role("button", name="Login").click()
            if password == "wrong":
                page.get_by_text("Incorrect credentials").wait_for()
        page.wait_for_selector("#swap")
        page.locator("#examples tbody tr").first.click()
        page.wait_for_selector("#status p")  # an event went through
        chromium.close()
    assert said == []
