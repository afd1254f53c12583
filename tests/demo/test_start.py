"""``python app.py`` says where the page is, and what is off."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.browser import serve
from demo.build import said_at_start, with_page
from demo.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120  # a first import on two busy cores


@contextmanager
def started(folder: Path, *options: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The app with its output in a pipe, as when it is redirected."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MFS_", "GRADIO_", "PYTHONUNB"))
    }
    app = subprocess.Popen(
        [sys.executable, "app.py", *options], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment | {"TMPDIR": str(folder), "MOBILEFACESWAP_HOME": str(folder / "home"), "MFS_DETECTOR": "lite", **settings},
    )  # fmt: skip
    try:
        yield app
    finally:
        app.terminate()
        app.communicate(timeout=PATIENCE_S)


def lines_of(app: subprocess.Popen[str], count: int, patience_s: float = PATIENCE_S) -> list[str]:
    """The first lines that it prints while it goes on running; empty ones if it says nothing for long."""
    assert app.stdout is not None
    late = threading.Timer(patience_s, app.kill)
    late.start()
    lines = [app.stdout.readline().rstrip("\n") for _ in range(count)]
    late.cancel()
    return lines


@pytest.mark.slow
def test_the_address_is_printed_at_once_though_redirected(tmp_path: Path) -> None:
    with started(tmp_path, MFS_BROWSER_PAGE="off") as app:
        first, second = lines_of(app, 2)
        address = re.fullmatch(r"MobileFaceSwap is at (http://\S+)( \(port 7860 was taken\))?", first)
        assert address and ("taken" in first) == (":7860/" not in first)
        assert urllib.request.urlopen(address[1], timeout=PATIENCE_S).status == 200
        assert second == "Off: the My browser tab. MFS_BROWSER_PAGE says so."


@pytest.mark.slow
def test_the_first_start_builds_the_page_for_the_visitors_browser_from_what_is_installed(tmp_path: Path) -> None:
    with started(tmp_path) as app:
        first, second = lines_of(app, 2, 4 * PATIENCE_S)  # an export of the networks, too
        assert first.startswith("Building the My browser tab")
        address = second.removeprefix("MobileFaceSwap is at ").split()[0]
        page = urllib.request.urlopen(f"{address}browser/index.html", timeout=PATIENCE_S)
        assert page.status == 200
        network = urllib.request.urlopen(f"{address}browser/models/identity.onnx.gz", timeout=PATIENCE_S)
        assert int(network.headers["content-length"]) > 5e6
    with started(tmp_path) as again:
        assert lines_of(again, 1)[0].startswith("MobileFaceSwap is at "), "built once"


def test_where_the_page_cannot_be_built_it_is_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("a file where a folder should be")
    monkeypatch.setenv("MOBILEFACESWAP_HOME", str(tmp_path / "home"))
    serve.own_folder.cache_clear()
    try:
        problem = with_page(Settings())
    finally:
        serve.own_folder.cache_clear()
    assert problem and "cannot be written" in problem
    assert said_at_start("http://127.0.0.1:7860/", problem=problem)[1] == f"Off: the My browser tab. {problem}"


def test_a_port_that_was_taken_is_named() -> None:
    assert "port 7860 was taken" in said_at_start("http://127.0.0.1:7861/")[0]
    assert "taken" not in said_at_start("http://127.0.0.1:9000/", wanted=9000)[0]


def test_what_is_there_is_not_said_to_be_off(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>built</title>")
    assert with_page(Settings(browser_page=str(tmp_path))) is None
    lines = said_at_start("http://127.0.0.1:7860/", "https://example.org")
    assert lines == ["MobileFaceSwap is at http://127.0.0.1:7860/ and at https://example.org"]
