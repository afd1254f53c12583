"""What the page's live swap takes, stage by stage, and how many pictures of a camera a second it shows.

    python -m tests.page_stages [--page FOLDER ...] [--frames 24] [--rounds 3] [--seconds 6]

Needs Playwright and Chromium, as the browser tests do. Several pages, built by ``python -m demo.browser --out FOLDER``, are
measured in turns; without one the page is built. The camera is a portrait that sways, in a picture of 640 x 480.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from demo.browser.build import build
from demo.examples.pairs import portraits
from tests.fakes.built_page import PATIENCE_MS, Isolated, Quiet, chromium, served
from tests.page_speed import HEIGHT, WIDTH

FACE_PX, LEFT, TOP, SWAY_PX, SWAY = 360, 140, 60, 30, 12  # of the portrait's square, as in `page_speed`
APART_MS = 66  # of frames when stages are timed: 15 a second

PREPARE = """async ([frames, width, height]) => {
    const {Swapper} = await import('./swap.js');
    const {STAGES} = await import('./finish.js');
    const bytes = (text) => Uint8ClampedArray.from(atob(text), (c) => c.charCodeAt(0));
    const decode = async (text) => {
        const bitmap = await createImageBitmap(new Blob([bytes(text)]));
        const context = new OffscreenCanvas(width, height).getContext('2d');
        context.drawImage(bitmap, 0, 0);
        return {width, height, data: context.getImageData(0, 0, width, height).data};
    };
    window.frames_ = await Promise.all(frames.map(decode));
    window.swapper = await Swapper.load('wasm');
    await swapper.usePortrait('average_1');
    window.took = {};
    const timed = (name, owner, key) => {
        const whole = owner[key];
        owner[key] = async function (...given) {
            const started = performance.now();
            const result = await whole.apply(this, given);
            (took[name] ??= []).push(performance.now() - started);
            return result;
        };
    };
    const timedNow = (name, owner, key) => {
        const whole = owner[key];
        owner[key] = function (...given) {
            const started = performance.now();
            const result = whole.apply(this, given);
            (took[name] ??= []).push(performance.now() - started);
            return result;
        };
    };
    timed('student', swapper.student, 'swap');
    timedNow('cut out', swapper, 'align');
    const {Follower} = await import('./track.js');
    timed('find', Follower.prototype, 'update');
    for (const stage of STAGES) timed(stage.name, stage, 'run');
    window.at = 0;
}"""
RUN = """async ([count, apart]) => {
    for (const name in took) took[name] = [];
    took['whole frame'] = [];
    for (let i = 0; i < count; i++, at++) {
        const frame = frames_[at % frames_.length];
        const copy = {...frame, data: frame.data.slice()};
        const started = performance.now();
        await swapper.swapFrame(copy, at * apart);
        took['whole frame'].push(performance.now() - started);
    }
    return took;
}"""


def camera_frames(count: int) -> Iterator[np.ndarray]:
    """A portrait that sways on grey, RGB."""
    portrait = cv2.resize(cv2.imread(portraits()[2]), (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)[..., ::-1]
    for number in range(count):
        frame = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        left = LEFT + round(SWAY_PX * np.sin(number / SWAY))
        frame[TOP : TOP + FACE_PX, left : left + FACE_PX] = portrait
        yield frame


def write_camera(path: Path, count: int = 76) -> None:
    """What Chromium's fake camera shows, uncompressed: decoding would take time that a camera does not."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n".encode())
        for frame in camera_frames(count):
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + planes.tobytes())


def stages_of(browser: Any, addresses: list[str], frames: int, rounds: int) -> list[dict[str, list[float]]]:
    """Milliseconds by stage of each page, all on one thread; pages take turns."""
    shown = [base64.b64encode(cv2.imencode(".png", f[..., ::-1])[1]).decode() for f in camera_frames(frames)]
    pages = []
    for address in addresses:
        pages.append(browser.new_context(service_workers="block").new_page())
        pages[-1].set_default_timeout(PATIENCE_MS)
        pages[-1].goto(address)
        pages[-1].evaluate(PREPARE, [shown, WIDTH, HEIGHT])
    took: list[dict[str, list[float]]] = [defaultdict(list) for _ in pages]
    for number in range(rounds + 1):  # the first one warms
        for page, own in zip(pages, took, strict=True):
            for name, times in page.evaluate(RUN, [frames, APART_MS]).items():
                if number:
                    own[name] += times
    for page in pages:
        page.context.close()
    return took


def live_rate(browser: Any, address: str, seconds: float) -> tuple[float, str]:
    """Pictures a second that the page shows, and what it says of where it runs."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.click("#camera")
    page.click("#agree")
    page.wait_for_selector("#result[data-swapped='1']")
    page.evaluate(
        """() => {
            window.shown = 0;
            const put = CanvasRenderingContext2D.prototype.putImageData;
            CanvasRenderingContext2D.prototype.putImageData = function (...given) {
                window.shown += 1;
                return put.apply(this, given);
            };
        }"""
    )
    page.wait_for_timeout(1500)
    before, started = page.evaluate("[shown, performance.now()]")
    page.wait_for_timeout(1000 * seconds)
    after, ended = page.evaluate("[shown, performance.now()]")
    said = page.inner_text("#place")
    context.close()
    return 1000 * (after - before) / (ended - started), said


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, nargs="+", default=[])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pages = given.page or [build(Path(name) / "page")]
        camera = Path(name) / "camera.y4m"
        write_camera(camera)
        flags = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                 f"--use-file-for-fake-video-capture={camera}"]  # fmt: skip
        with chromium(*flags) as browser:
            _print_stages(browser, pages, given)
            _print_rates(browser, pages, given)


def _print_stages(browser: Any, pages: list[Path], given: argparse.Namespace) -> None:
    with ExitStack() as stack:
        addresses = [stack.enter_context(served(page)) for page in pages]
        took = stages_of(browser, addresses, given.frames, given.rounds)
    print("milliseconds a frame on one thread, median and tenth percentile: " + ", ".join(page.name for page in pages))
    for name in took[0]:
        cells = [own[name] for own in took]
        print(
            f"{name:12}"
            + "  ".join(
                f"{statistics.median(times):7.1f} {np.percentile(times, 10):7.1f}" if times else f"{'-':>15}"
                for times in cells
            )
        )


def _print_rates(browser: Any, pages: list[Path], given: argparse.Namespace) -> None:
    for kind in (Quiet, Isolated):
        rates: list[list[float]] = [[] for _ in pages]
        said = ""
        for _ in range(given.rounds):
            for page, own in zip(pages, rates, strict=True):
                with served(page, kind) as address:
                    rate, said = live_rate(browser, address, given.seconds)
                    own.append(rate)
        text = ", ".join(f"{page.name} {statistics.median(own):.1f}" for page, own in zip(pages, rates, strict=True))
        print(f"pictures a second, {'isolated' if kind is Isolated else 'not isolated'} ({said}): {text}")


if __name__ == "__main__":
    main()
