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

from demo.build import said_at_start
from demo.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120  # a first import on two busy cores


@contextmanager
def started(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The app with its output in a pipe, as when it is redirected."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("MFS_", "GRADIO_", "PYTHONUNB"))
    }
    app = subprocess.Popen(
        [sys.executable, "app.py", *options], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment | {"TMPDIR": str(folder), "MFS_DETECTOR": "lite"},
    )  # fmt: skip
    try:
        yield app
    finally:
        app.terminate()
        app.communicate(timeout=PATIENCE_S)


def lines_of(app: subprocess.Popen[str], count: int) -> list[str]:
    """The first lines that it prints while it goes on running; empty ones if it says nothing for long."""
    assert app.stdout is not None
    late = threading.Timer(PATIENCE_S, app.kill)
    late.start()
    lines = [app.stdout.readline().rstrip("\n") for _ in range(count)]
    late.cancel()
    return lines


@pytest.mark.slow
def test_the_address_is_printed_at_once_though_redirected(tmp_path: Path) -> None:
    with started(tmp_path) as app:
        first, second = lines_of(app, 2)
        address = re.fullmatch(r"MobileFaceSwap is at (http://\S+)( \(port 7860 was taken\))?", first)
        assert address and ("taken" in first) == (":7860/" not in first)
        assert urllib.request.urlopen(address[1], timeout=PATIENCE_S).status == 200
        assert second.startswith("Off: the My browser tab") and "python -m demo.browser" in second


def test_a_port_that_was_taken_is_named() -> None:
    assert "port 7860 was taken" in said_at_start(Settings(), "http://127.0.0.1:7861/")[0]
    assert "taken" not in said_at_start(Settings(), "http://127.0.0.1:9000/", wanted=9000)[0]


def test_what_is_there_is_not_said_to_be_off(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>built</title>")
    lines = said_at_start(Settings(browser_page=str(tmp_path)), "http://127.0.0.1:7860/", "https://example.org")
    assert lines == ["MobileFaceSwap is at http://127.0.0.1:7860/ and at https://example.org"]
