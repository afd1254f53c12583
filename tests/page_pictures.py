"""Take the pictures of the app that README and docs/demo.md show.

    python -m tests.page_pictures [--out docs/images]

The app runs in a process of its own; Chromium, with a fake camera that shows a portrait of nobody, does what a visitor would.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.fakes.built_page import PATIENCE_MS, chromium
from tests.page_speed import started, write_camera

WIDTH = 1280
_QUALITY = 66  # of WebP: letters stay crisp, and a picture below 100 kB
_OUT = Path(__file__).parents[1] / "docs" / "images"


def image(page: Any) -> None:
    page.locator("#examples tbody tr").first.click()
    page.wait_for_selector("#near img")
    page.wait_for_selector("#status p")


def compare(page: Any) -> None:
    page.locator("#compare-examples tbody tr").first.click()
    page.click("#compare-run")
    page.wait_for_selector("#compare-status p")


def video(page: Any) -> None:
    page.locator("#video-examples tbody tr").first.click()
    page.wait_for_selector("#clip-status p")
    page.wait_for_selector("#clip-result video")


def live(page: Any) -> None:
    page.locator("#live-portraits button").first.click()
    page.get_by_text("Ready. Start your camera.").wait_for()
    page.click("#live-start")
    page.wait_for_timeout(6_000)


# Name of the picture, tab, what a visitor does there, and the height of his window in px.
PICTURES: tuple[tuple[str, str, Callable[[Any], None], int], ...] = (
    ("demo_image", "Image", image, 960),
    ("demo_compare", "Compare", compare, 1800),
    ("demo_video", "Video", video, 1060),
    ("demo_live", "Live", live, 960),
)


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=_OUT)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as folder:
        camera, shot = Path(folder) / "camera.mjpeg", Path(folder) / "shot.png"
        write_camera(camera)
        server, address = started(Path(folder) / "log")
        try:
            with chromium("--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                          f"--use-file-for-fake-video-capture={camera}") as browser:  # fmt: skip
                for name, tab, visit, height in PICTURES:
                    page = browser.new_context(viewport={"width": WIDTH, "height": height}, locale="en-US").new_page()
                    page.set_default_timeout(PATIENCE_MS)
                    page.goto(address)
                    page.wait_for_selector("#swap")
                    page.get_by_role("tab", name=tab, exact=True).click()
                    visit(page)
                    page.wait_for_timeout(2_000)  # pictures fade in
                    page.evaluate("window.scrollTo(0, 0)")
                    page.screenshot(path=str(shot))
                    Image.open(shot).convert("RGB").save(out / f"{name}.webp", quality=_QUALITY, method=6)
                    page.context.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
