"""The built page for tests: what serves it, what its fake camera sees, and Chromium to open it in."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from demo.build import EXAMPLES
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from mobilefaceswap_core.files.images import read_image

CHROMIUM = os.environ.get("MOBILEFACESWAP_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_MS = 60_000  # two busy cores
PORTRAITS = {number: EXAMPLES / f"average_{number}.webp" for number in range(1, 7)}


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static host without any header of its own: what the page must be content with."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *_: Any) -> None:
        pass


class Isolated(Quiet):
    """A static host that sends the two headers with which WebAssembly may use threads."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()


@contextmanager
def served(folder: Path, host: type[http.server.SimpleHTTPRequestHandler] = Quiet) -> Iterator[str]:
    """The address of the page in a folder."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(host, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def swaying(frames: int) -> list[np.ndarray]:
    """A portrait that sways a little on grey, 480 x 360."""
    portrait = cv2.resize(read_image(PORTRAITS[3]).image, (300, 300), interpolation=cv2.INTER_AREA)
    shifts = [np.float32([[1, 0, 90 + 8 * np.sin(n / 6)], [0, 1, 30]]) for n in range(frames)]
    return [cv2.warpAffine(portrait, shift, (480, 360), borderValue=(120, 120, 120)) for shift in shifts]


def write_frames(path: Path, frames: list[np.ndarray], codec: str, pixels: str, container: str) -> Path:
    """RGB frames as a clip of 15 a second."""
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=15)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = pixels, 4_000_000
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return path


def write_camera(path: Path) -> Path:
    """What Chromium's fake camera shows, as a file."""
    return write_frames(path, swaying(38), "mjpeg", "yuvj420p", "mjpeg")


def rims(landmarks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Where glasses sit that are drawn over a face: ``(H, W)`` bool; rims and the bridge between them."""
    drawn = np.zeros(shape[:2], np.uint8)
    eyes = np.stack([landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)])
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    thickness = max(2, round(0.06 * apart))
    centres = np.round(eyes + [[-0.02 * apart], [0.02 * apart]] * np.array([1, 0])).astype(int)
    for centre in centres:
        cv2.ellipse(drawn, centre.tolist(), (round(0.42 * apart), round(0.33 * apart)), 0, 0, 360, 1, thickness)
    across = np.round(eyes + (eyes[::-1] - eyes) * 0.41).astype(int)
    cv2.line(drawn, across[0].tolist(), across[1].tolist(), 1, thickness)
    return drawn > 0


def with_glasses(photo: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The photo with dark glasses of clear lenses drawn over its face."""
    return np.where(rims(landmarks, photo.shape)[..., None], np.uint8([24, 20, 22]), photo)


@contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *flags])
        yield opened
        opened.close()
