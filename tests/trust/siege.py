"""64 hostile visitors beside 8 orderly ones: do the orderly ones still get their swaps?

The hostile ones share eight addresses and do, over and over, what ``host.py`` does once. The orderly ones have an address
each, upload a photo, ask for a swap, fetch it, and look at it for a moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from .host import PHOTO, Host
from .visitors import _ROOT, DEFAULTS, Server, served

HOSTILE, ORDERLY, ADDRESSES = 64, 8, 8
_LOOKS_S = 3.0  # between two swaps of an orderly visitor


@dataclass(frozen=True, slots=True)
class Siege:
    """What the orderly visitors and the server went through.

    Attributes:
        seconds: under attack.
        swaps_before: of the orderly visitors without hostile ones.
        usual_s: one of these, median.
        swaps: under attack.
        failed: of the orderly visitors' swaps under attack.
        under_attack_s: one of them, median.
        slowest_s: 95th percentile of them.
        times_usual: median under attack to median before.
        hostile_answers: by status; 0 is a closed connection.
        memory_mb: the most that the server held.
        exit_code: of the server.
        left_files: in its temporary folder afterwards.
    """

    seconds: float
    swaps_before: int
    usual_s: float
    swaps: int
    failed: int
    under_attack_s: float
    slowest_s: float
    times_usual: float
    hostile_answers: str
    memory_mb: float
    exit_code: int
    left_files: int


def measure(seconds: float) -> Siege:
    """Serve the orderly visitors alone for a fifth of the time, at most a minute, then besieged for all of it."""
    with TemporaryDirectory() as place:
        temporary = Path(place) / "temporary"
        temporary.mkdir()
        with served(temporary, keep_minutes=1, max_upload_mb=10) as server:
            host, answers = Host(server, temporary), Counter[int]()
            with host.client("127.0.1.1") as client:
                server.swap(client, PHOTO, PHOTO)  # loads the models
            usual, _ = _orderly(host, min(60.0, seconds / 5))
            over, peak = threading.Event(), [host.memory_mb()]

            def watch() -> None:
                while not over.wait(0.1):
                    peak[0] = max(peak[0], host.memory_mb())

            watcher = threading.Thread(target=watch)
            watcher.start()
            with hostile(server.url, answers):
                besieged, failed = _orderly(host, seconds)
            over.set()
            watcher.join()
            server.process.terminate()
            code = server.process.wait(60)
        left = sum(1 for path in temporary.rglob("*") if path.is_file())
        median, usual_s = statistics.median(besieged or [float("inf")]), statistics.median(usual)
        slowest = sorted(besieged)[int(0.95 * len(besieged))] if besieged else float("inf")
        said = ", ".join(f"{status}: {count}" for status, count in sorted(answers.items()))
        return Siege(seconds, len(usual), usual_s, len(besieged), failed, median, slowest, median / usual_s, said, peak[0], code, left)  # fmt: skip


def _orderly(host: Host, seconds: float) -> tuple[list[float], int]:
    """Seconds of each swap of all orderly visitors, and how many failed."""
    until, done, failed = time.monotonic() + seconds, [], []

    def visit(number: int) -> None:
        with host.client(f"127.0.2.{number + 1}") as client:
            time.sleep(_LOOKS_S * number / ORDERLY)
            while time.monotonic() < until:
                begun = time.monotonic()
                try:
                    host.server.swap(client, PHOTO, PHOTO)
                    done.append(time.monotonic() - begun)
                except (RuntimeError, httpx.HTTPError) as error:
                    failed.append(error)
                time.sleep(_LOOKS_S)

    with ThreadPoolExecutor(ORDERLY) as pool:
        list(pool.map(visit, range(ORDERLY)))
    return done, len(failed)


@contextlib.contextmanager
def hostile(url: str, answers: Counter[int]) -> Iterator[None]:
    """The hostile visitors in a process of their own with a low priority: their processors are not the server's.

    Args:
        url: of the page.
        answers: filled with what they were answered.
    """
    command = [sys.executable, "-c", f"from tests.trust.siege import besiege; besiege({url!r})"]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        said, _ = process.communicate("enough", timeout=120)  # they go on until they read something
        answers.update({int(status): count for status, count in json.loads(said).items()})


def besiege(url: str) -> None:
    """Attack until a word comes on the standard input; then print the answers' statuses."""
    os.nice(10)
    host, answers = Host(Server(url, None), Path()), Counter[int]()  # type: ignore[arg-type]
    for number in range(HOSTILE):
        threading.Thread(target=_attack, args=(host, number, answers), daemon=True).start()
    sys.stdin.read()
    print(json.dumps(dict(answers.copy())), flush=True)
    os._exit(0)  # in the middle of whatever they do


def _attack(host: Host, number: int, answers: Counter[int]) -> None:
    chance = random.Random(number)
    with host.client(f"127.0.3.{number % ADDRESSES + 1}") as client:
        client.timeout = httpx.Timeout(20)
        while True:
            try:
                status = chance.choice(_WAYS)(host, client)
            except (httpx.HTTPError, RuntimeError):
                status = 0
            answers[status] += 1


def _run(host: Host, client: httpx.Client) -> int:
    return client.post(f"{host.url}/gradio_api/run/swap_image", json={"data": [], "fn_index": 36}).status_code


def _brackets(host: Host, client: httpx.Client) -> int:
    return client.post(f"{host.url}/gradio_api/queue/join", content=b"[" * (8 << 20)).status_code


def _brackets_below_the_limit(host: Host, client: httpx.Client) -> int:
    return client.post(f"{host.url}/gradio_api/queue/join", content=b'{"data":[' + b"[]," * 6000 + b"[]]}").status_code


def _large_picture(host: Host, client: httpx.Client) -> int:
    return client.post(f"{host.url}/live/picture", content=b"\xff\xd8" + bytes(500 << 10)).status_code


def _field(host: Host, client: httpx.Client) -> int:
    return client.post(f"{host.url}/gradio_api/upload", data={"a": "x" * (4 << 20)}, files={"b": b""}).status_code


def _files(host: Host, client: httpx.Client) -> int:
    files = [("files", (f"{n}.png", secrets.token_bytes(1 << 20))) for n in range(5)]
    return client.post(f"{host.url}/gradio_api/upload", files=files).status_code


def _pages(host: Host, client: httpx.Client) -> int:
    return client.get(host.url).status_code


def _sessions(host: Host, client: httpx.Client) -> int:
    body = {"data": [None], "fn_index": 0, "session_hash": secrets.token_hex(5)}
    return client.post(f"{host.url}/gradio_api/queue/join", json=body).status_code


def _swaps_left(host: Host, client: httpx.Client) -> int:
    """Ask for a swap and go away."""
    photo = host.server.upload(client, PHOTO)
    body: dict[str, Any] = {"data": [photo, photo, True, "auto", "all", *DEFAULTS]}
    return client.post(f"{host.url}/gradio_api/call/swap_image", json=body).status_code


def _connections(host: Host, client: httpx.Client) -> int:
    """Hold a connection open for a while."""
    with contextlib.suppress(httpx.TimeoutException), client.stream(
        "GET", f"{host.url}/gradio_api/heartbeat/{secrets.token_hex(5)}", timeout=2
    ) as answer:  # fmt: skip
        for _ in answer.iter_lines():
            pass
    return 200


_WAYS = (_run, _brackets, _brackets_below_the_limit, _large_picture, _field, _files, _pages, _sessions, _swaps_left, _connections)  # fmt: skip
