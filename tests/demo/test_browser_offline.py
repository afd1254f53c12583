"""The page as an installed app, in headless Chromium: without a network, after a new build, and isolated by itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.browser.offline import SERVICE_WORKER, write_service_worker
from tests.fakes.built_page import PATIENCE_MS, PORTRAITS, chromium, served

pytestmark = pytest.mark.browser


@pytest.fixture
def site(page_folder: Path, tmp_path: Path) -> Path:
    """A copy of the page whose files a test may replace (not write into: they are links)."""
    return shutil.copytree(page_folder, tmp_path / "site", copy_function=os.link)


@pytest.fixture
def context() -> Iterator[Any]:
    with chromium("--disable-gpu") as browser:
        yield browser.new_context()


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.unlink()
    path.write_text(text.replace(old, new), encoding="utf-8")


def swap(page: Any) -> None:
    page.set_input_files("#photo", str(PORTRAITS[2]))
    page.click("#agree")
    page.get_by_text("1 of 1 faces swapped").wait_for()


def test_a_plain_host_is_enough_for_threads_for_visits_without_network_and_for_new_builds(
    site: Path, context: Any
) -> None:
    with served(site) as url:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        page.wait_for_selector("html[data-ready][data-isolated=true]")  # loaded again by itself
        swap(page)
        context.set_offline(True)
        page.goto(f"{url}?theme=dark")
        page.wait_for_selector("html[data-ready]")
        swap(page)
        page.set_input_files("#source-photos", str(PORTRAITS[4]))  # needs what no swap has needed before
        page.get_by_text("could not be fetched (identity.onnx)").wait_for()
        context.set_offline(False)
        replace(site / "texts" / "en.json", "Start camera", "Begin")
        (site / SERVICE_WORKER).unlink()
        write_service_worker(site)
        page.goto(url)
        page.get_by_text("Begin", exact=True).wait_for()
        kept = page.evaluate(
            "async () => (await (await caches.open((await caches.keys())[0])).keys()).map(({url}) => url.split('?')[0])"
        )
        assert len(kept) == len(set(kept))  # nothing of the old build
        assert {f"{url.removesuffix('index.html')}{name}" for name in ("models/average_1.kernels.gz", "main.js")} < set(
            kept
        )
