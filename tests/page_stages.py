"""What the page's live swap takes, stage by stage, and how many pictures of a camera a second it shows.

    python -m tests.page_stages [--page FOLDER ...] [--frames 24] [--rounds 3] [--apart 66] [--seconds 6] [--cores 1 2]

Needs Playwright and Chromium, as the browser tests do. Several pages, built by ``python -m demo.browser --out FOLDER``, are
measured in turns; without one the page is built. The camera is a portrait that sways, in a picture of 640 x 480.

Three things are printed:

* milliseconds of each stage for a frame, all stages one after the other in one thread, and the frames a second that this gives;
* pictures a second of the camera's loop as a visitor has it, with the student in a thread of its own, for browsers that may use
  so many processors (``--cores``); ``--isolated`` sends the two headers with which WebAssembly may have threads besides;
* processor time of the whole browser for such a picture, by thread. On a machine that others use pictures a second say little:
  of that time every processor has 1000 ms a second, and no thread more than one of them.
"""

from __future__ import annotations

import argparse
import base64
import os
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from demo.browser.build import build
from demo.examples.pairs import portraits
from tests.fakes.built_page import PATIENCE_MS, Isolated, Quiet, chromium, served
from tests.page_speed import HEIGHT, WIDTH

FACE_PX, LEFT, TOP, SWAY_PX, SWAY = 360, 140, 60, 30, 12  # of the portrait's square, as in `page_speed`
APART_MS = 66  # of frames when stages are timed, unless told otherwise: 15 a second
WHOLE = "whole frame"
WARM_MS = 6000  # until the browser has compiled what it runs often
SHOWN_MS = 0.5  # threads that work less for a picture are summed only

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
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F60:1 Ip A1:1 C420jpeg\n".encode())
        for frame in camera_frames(count):
            planes = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420)
            file.write(b"FRAME\n" + planes.tobytes())


def stages_of(browser: Any, addresses: list[str], frames: int, rounds: int, apart: int) -> list[dict[str, list[float]]]:
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
            for name, times in page.evaluate(RUN, [frames, apart]).items():
                if number:
                    own[name] += times
    for page in pages:
        page.context.close()
    return took


@dataclass(frozen=True)
class Live:
    """What the camera's loop showed."""

    rate: float  # pictures a second
    threads_ms: dict[str, float]  # processor time of each busy thread of the browser for a picture, largest first
    said: str  # what the page says of where it runs

    @property
    def picture_ms(self) -> float:
        """Processor time of the whole browser for a picture."""
        return sum(self.threads_ms.values())


def live(browser: Any, address: str, seconds: float) -> Live:
    """Run the camera and count what is shown."""
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
    page.wait_for_timeout(WARM_MS)
    worked = _worked_ms()
    before, started = page.evaluate("[shown, performance.now()]")
    page.wait_for_timeout(1000 * seconds)
    after, ended = page.evaluate("[shown, performance.now()]")
    shown = max(after - before, 1)
    threads = {name: (ms - worked.get(name, 0)) / shown for name, ms in _worked_ms().items()}
    said = page.inner_text("#place")
    context.close()
    busy = dict(sorted(threads.items(), key=lambda one: -one[1]))
    return Live(1000 * (after - before) / (ended - started), busy, said)


def _worked_ms() -> dict[str, float]:
    """Milliseconds that each thread below this process has worked, by its name and number: a busy machine does not change them."""
    parents, found = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parents[int(stat.parent.name)] = int(_fields(stat)[1])
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above != os.getpid() or process == os.getpid():
            continue
        for stat in Path(f"/proc/{process}/task").glob("*/stat"):
            with suppress(OSError):
                fields = _fields(stat)
                name = stat.read_text().split("(", 1)[1].rsplit(")", 1)[0]
                ticks = int(fields[11]) + int(fields[12])
                found[f"{name} {stat.parent.name}"] = 1000 * ticks / os.sysconf("SC_CLK_TCK")
    return found


def _fields(stat: Path) -> list[str]:
    """What stands behind a task's name."""
    return stat.read_text().rsplit(")", 1)[1].split()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, nargs="+", default=[])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--apart", type=int, default=APART_MS, help="milliseconds between frames when stages are timed")
    parser.add_argument("--cores", type=int, nargs="*", default=[1, 2], help="of the browser while its camera runs")
    parser.add_argument("--isolated", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        pages = given.page or [build(Path(name) / "page")]
        camera = Path(name) / "camera.y4m"
        write_camera(camera)
        flags = ["--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                 f"--use-file-for-fake-video-capture={camera}"]  # fmt: skip
        with chromium(*flags) as browser:
            _print_stages(browser, pages, given)
        every = os.sched_getaffinity(0)
        for cores in given.cores:
            os.sched_setaffinity(0, sorted(every)[:cores])  # the browser inherits it
            with chromium(*flags) as browser:
                _print_rates(browser, pages, given)
        os.sched_setaffinity(0, every)


def _print_stages(browser: Any, pages: list[Path], given: argparse.Namespace) -> None:
    with ExitStack() as stack:
        addresses = [stack.enter_context(served(page)) for page in pages]
        took = stages_of(browser, addresses, given.frames, given.rounds, given.apart)
    print("milliseconds a frame on one thread, mean and median: " + ", ".join(page.name for page in pages))
    for own in took:
        parts = [times for name, times in own.items() if name != WHOLE]
        frames = len(own[WHOLE])
        own["paste, rest"] = [statistics.mean(own[WHOLE]) - sum(map(sum, parts)) / frames]
    for name in took[0]:
        cells = [(sum(own[name]) / (len(own[WHOLE]) if len(own[name]) > 1 else 1), own[name]) for own in took]
        print(f"{name:12}" + "  ".join(f"{mean:7.1f} {statistics.median(times or [0]):7.1f}" for mean, times in cells))
    for name, own in zip(pages, took, strict=True):
        print(f"{name.name}: {1000 / statistics.mean(own[WHOLE]):.1f} frames a second on one thread")


def _print_rates(browser: Any, pages: list[Path], given: argparse.Namespace) -> None:
    seen: list[list[Live]] = [[] for _ in pages]
    for _ in range(given.rounds):
        for page, own in zip(pages, seen, strict=True):
            with served(page, Isolated if given.isolated else Quiet) as address:
                own.append(live(browser, address, given.seconds))
    for page, own in zip(pages, seen, strict=True):
        lives = sorted(own, key=lambda one: one.rate)
        middle, least = lives[len(lives) // 2], min(own, key=lambda one: one.picture_ms)
        threads = [f"{name.rsplit(' ', 1)[0]} {ms:.1f}" for name, ms in least.threads_ms.items() if ms >= SHOWN_MS]
        print(f"{page.name}, camera, {len(os.sched_getaffinity(0))} processors ({middle.said}): {middle.rate:.1f} pictures a "
              f"second ({lives[0].rate:.1f} to {lives[-1].rate:.1f}); processor time for one: {least.picture_ms:.0f} ms at "
              f"least: {', '.join(threads)}")  # fmt: skip


if __name__ == "__main__":
    main()
