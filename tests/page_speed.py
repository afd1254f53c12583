"""How long the page takes to be ready on a warm server, and how many live pictures a second one visitor gets.

    python -m tests.page_speed [--visits 7] [--seconds 20]

Needs Playwright and Chromium, as the browser tests do. Server and browser share this machine; the camera is a portrait that sways.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from playwright import sync_api

from demo.examples.pairs import portraits
from tests.fakes.built_page import CHROMIUM

WIDTH, HEIGHT, RATE = 640, 480, 30
PATIENCE_S = 120


def write_camera(path: Path) -> None:
    """Four seconds of a portrait that sways, as Chromium's fake camera wants them."""
    portrait = cv2.resize(cv2.imread(portraits()[2]), (360, 360), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number in range(4 * RATE):
            frame = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
            left = 140 + round(30 * np.sin(number / 12))
            frame[60:420, left : left + 360] = portrait
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def started(log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The app in a process of its own, and its address."""
    with log.open("wb") as said:
        server = subprocess.Popen([sys.executable, "-u", "app.py"], stdout=said, stderr=said)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        if address := re.search(r"http://\S+", log.read_text(encoding="utf-8")):
            return server, address[0]
        time.sleep(0.2)
    server.kill()
    raise SystemExit(f"The app said no address: {log.read_text(encoding='utf-8')}")


def seconds_to_ready(page: Any, address: str) -> float:
    """From asking for the page to a button that can be pressed."""
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#swap")
    return time.perf_counter() - began


def live_readout(page: Any, address: str, seconds: float) -> str:
    """What the Live tab says of its own speed after a while."""
    seconds_to_ready(page, address)
    page.get_by_role("tab", name="Live", exact=True).click()
    page.locator("#live-portraits button").first.click()
    page.get_by_text("Ready. Start your camera.").wait_for()
    page.click("#live-start")
    page.wait_for_timeout(1000 * seconds)
    said = re.search(r"\d+ ms a picture.*second", page.inner_text("#live-stats"))
    return said[0] if said else "no live picture came"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--visits", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        camera = Path(folder) / "camera.mjpeg"
        write_camera(camera)
        flags = ["--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                 f"--use-file-for-fake-video-capture={camera}"]  # fmt: skip
        server, address = started(Path(folder) / "log")
        try:
            with sync_api.sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
                new, again = [], []
                for _ in range(given.visits + 1):  # the first one warms the server
                    context = chromium.new_context()
                    new.append(seconds_to_ready(context.new_page(), address))
                    again.append(seconds_to_ready(context.new_page(), address))
                    context.close()
                new, again = new[1:], again[1:]
                print(
                    f"ready after {statistics.median(new):.2f} s for a new visitor, {statistics.median(again):.2f} s again"
                )
                print(f"live: {live_readout(chromium.new_context().new_page(), address, given.seconds)}")
                chromium.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
