"""Many clients of a real server: ``app.py`` in a process of its own, callers with faces of their own, some of whom leave."""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.endpoints import OFFERED
from mobilefaceswap_core.files.images import read_image, write_image
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.types import Image

from .photos import people

# A call by hand names every value; these are the choices as they stand when nobody chooses.
DEFAULTS = [list(c.default) if isinstance(c.default, tuple) else c.default for c in OFFERED]
_ROOT = Path(__file__).parents[2]
_LEAVES = 0.4  # chance that a caller gives up before the answer, and asks again
_PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """What many clients met.

    Attributes:
        clients: at the same time.
        visits: answered swaps.
        left: times that a caller went away before the answer.
        failed: visits without an answer.
        largest_difference: of any pixel to the same swap asked for alone, of 255.
        own: centred cosine of results and their own sources, mean.
        others: the same with other callers' sources, mean.
        others_deviation: of those.
        nearest: share of results whose most similar source is their own.
        alone_s: median visit of a single client.
        longest_s: longest visit among all clients.
        longest_in_queues: that in times of all swaps asked for, one after another, by a single client.
        stop_s: from the request to end, with swaps under way, until the process was gone.
        exit_code: of the server.
        left_files: in its temporary folder afterwards, uploads and results among them.
    """

    clients: int
    visits: int
    left: int
    failed: int
    largest_difference: int
    own: float
    others: float
    others_deviation: float
    nearest: float
    alone_s: float
    longest_s: float
    longest_in_queues: float
    stop_s: float
    exit_code: int
    left_files: int


class Server:
    """The address of a running page, and calls of its endpoints."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process

    def upload(self, client: Any, path: Path) -> dict[str, Any]:
        """Send a file; what a call passes on."""
        with path.open("rb") as file:
            answer = client.post(f"{self.url}/gradio_api/upload", files={"files": (path.name, file)})
        return {"path": answer.raise_for_status().json()[0], "meta": {"_type": "gradio.FileData"}}

    def ask(self, client: Any, endpoint: str, data: list[Any], session: str | None = None) -> str:
        """Join the queue; the call's number."""
        body = {"data": data, "session_hash": session or secrets.token_hex(6)}
        answer = client.post(f"{self.url}/gradio_api/call/{endpoint}", json=body)
        return str(answer.raise_for_status().json()["event_id"])

    def answer(self, client: Any, endpoint: str, event: str) -> list[Any]:
        """Wait for what an endpoint returns.

        Raises:
            RuntimeError: the page told an error.
        """
        kind = ""
        with client.stream("GET", f"{self.url}/gradio_api/call/{endpoint}/{event}") as lines:
            for line in lines.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    if kind == "error":
                        raise RuntimeError(line)
                    return list(json.loads(line.removeprefix("data: ")))
        raise RuntimeError(f"the answer of {endpoint} ended after {kind!r}")

    def swap(self, client: Any, source: Path, target: Path, session: str | None = None) -> Image:
        """Upload, swap, download."""
        data = [self.upload(client, source), self.upload(client, target), True, "auto", "all", *DEFAULTS]
        result = self.answer(client, "swap_image", self.ask(client, "swap_image", data, session))[0]
        picture = client.get(f"{self.url}/gradio_api/file={result['path']}").raise_for_status().content
        return read_image(picture).image


@contextlib.contextmanager
def served(temporary: Path, **settings: object) -> Iterator[Server]:
    """Start ``app.py`` and wait until it answers; killed at the end if it is still there.

    Args:
        temporary: its temporary folder.
        settings: ``MFS_`` variables, in small letters.
    """
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MFS_", "GRADIO_"))}
    environment |= {
        "TMPDIR": str(temporary),
        "MOBILEFACESWAP_CONFIG": str(temporary.parent / "config"),
        "OMP_NUM_THREADS": "1",
        "PYTHONFAULTHANDLER": "1",  # a crash leaves its threads in the log
    }
    environment |= {"MFS_MODEL": "student", "MFS_DETECTOR": "lite", "MFS_DEVICE": "cpu", "MFS_BROWSER_PAGE": "off"}
    environment |= {f"MFS_{name.upper()}": str(value) for name, value in settings.items()}
    log = temporary.parent / "server.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)],
            cwd=_ROOT, env=environment, stdout=sink, stderr=sink,
        )  # fmt: skip
    server = Server(f"http://127.0.0.1:{port}", process)
    try:
        waited = time.monotonic()
        while True:
            if process.poll() is not None or time.monotonic() - waited > _PATIENCE_S:
                raise RuntimeError(f"the page did not start: {log.read_text(errors='replace')[-1500:]}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{server.url}/theme.css", timeout=30).status_code == 200:
                    break
            time.sleep(0.3)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def measure(clients: int, visits: int) -> Crowd:
    """Serve so many clients at once, each with its own source, ``visits`` times; then stop the server while it works."""
    import httpx

    pipeline = Pipeline.load("student", "lite", "cpu", threads=1)
    faces = people(pipeline, clients)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        temporary = folder / "temporary"
        temporary.mkdir()
        target = write_image(folder / "target.png", _target())
        sources = [write_image(folder / f"{number}.png", face) for number, face in enumerate(faces)]
        with served(
            temporary,
            queue_size=4 * clients,
            queue_share=4 * clients,
            visitor_mb=4000,
            request_rate=10_000,
            concurrency=2,
        ) as server:
            with httpx.Client(timeout=_PATIENCE_S) as client:
                server.swap(client, sources[0], target)  # loads the models
                alone, seconds = [], []
                for source in sources:
                    begun = time.monotonic()
                    alone.append(server.swap(client, source, target))
                    seconds.append(time.monotonic() - begun)
            visited = _all_at_once(server, sources, target, visits)
            stop_s, code = _stop_at_work(server, sources, target)
            if code:
                print((folder / "server.log").read_text(errors="replace")[-4000:])
        results = [visit["image"] for visit in visited if visit["image"] is not None]
        owners = [visit["number"] for visit in visited if visit["image"] is not None]
        differences = [
            int(np.abs(image.astype(int) - alone[n]).max()) for image, n in zip(results, owners, strict=True)
        ]
        longest = max(visit["seconds"] for visit in visited)
        asked = len(visited) + sum(visit["left"] for visit in visited)
        return Crowd(
            clients=clients,
            visits=len(results),
            left=sum(visit["left"] for visit in visited),
            failed=len(visited) - len(results),
            largest_difference=max(differences, default=255),
            **identities(pipeline, results, owners, faces),
            alone_s=statistics.median(seconds),
            longest_s=longest,
            longest_in_queues=longest / (asked * statistics.median(seconds)),
            stop_s=stop_s,
            exit_code=code,
            left_files=sum(1 for path in temporary.rglob("*") if path.is_file()),
        )


def _target() -> Image:
    import skimage.data

    return np.ascontiguousarray(skimage.data.astronaut()[:224, 112:336])  # type: ignore[no-any-return]


def _all_at_once(server: Server, sources: Sequence[Path], target: Path, visits: int) -> list[dict[str, Any]]:
    import httpx

    start = threading.Barrier(len(sources))

    def visit(number: int) -> list[dict[str, Any]]:
        chance = random.Random(number)
        done = []
        with httpx.Client(timeout=_PATIENCE_S) as client:
            start.wait(_PATIENCE_S)
            for _ in range(visits):
                begun, left, image = time.monotonic(), 0, None
                while chance.random() < _LEAVES and left < 3:
                    _leave(server, client, sources[number], target, chance.uniform(0.0, 1.0))
                    left += 1
                with contextlib.suppress(RuntimeError, httpx.HTTPError):
                    image = server.swap(client, sources[number], target)
                done.append({"number": number, "image": image, "left": left, "seconds": time.monotonic() - begun})
        return done

    with ThreadPoolExecutor(len(sources)) as pool:
        return [one for many in pool.map(visit, range(len(sources))) for one in many]


def _leave(server: Server, client: Any, source: Path, target: Path, after_s: float) -> None:
    """Ask for a swap and go away while it waits or runs, as a closed page does."""
    import httpx

    data = [server.upload(client, source), server.upload(client, target), True, "auto", "all", *DEFAULTS]
    session = secrets.token_hex(6)
    event = server.ask(client, "swap_image", data, session)
    with contextlib.suppress(httpx.TimeoutException):
        client.get(f"{server.url}/gradio_api/call/swap_image/{event}", timeout=after_s + 0.05)
    client.post(f"{server.url}/gradio_api/cancel", json={"session_hash": session, "fn_index": 0, "event_id": event})


def _stop_at_work(server: Server, sources: Sequence[Path], target: Path) -> tuple[float, int]:
    """Ask for the end while callers wait; seconds until it came, and the exit code."""
    import httpx

    def last(source: Path) -> None:
        with contextlib.suppress(RuntimeError, httpx.HTTPError, ValueError), httpx.Client(timeout=60) as client:
            server.swap(client, source, target)

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(last, source) for source in sources[:4]]
        time.sleep(0.5)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        code = server.process.wait(_PATIENCE_S)
        stop_s = time.monotonic() - begun
        for one in waiting:
            one.result()
    return stop_s, code


def identities(pipeline: Pipeline, results: Sequence[Image], owners: Sequence[int], faces: Sequence[Image]) -> dict[str, float]:  # fmt: skip
    """How similar results are to their own callers' sources and to others'."""
    from mobilefaceswap_core.faces.geometry import align_face
    from mobilefaceswap_core.identity.encoder import load_identity_encoder
    from mobilefaceswap_core.types import CropSpec

    encoder = load_identity_encoder("cpu")

    def embeddings(images: Sequence[Image]) -> np.ndarray:
        found = encoder.embed([align_face(i, pipeline.detect(i)[0], CropSpec()).image for i in images])
        return np.asarray(found)

    swapped, sources = embeddings(results), embeddings(faces)
    swapped, sources = swapped - swapped.mean(0), sources - sources.mean(0)
    swapped /= np.linalg.norm(swapped, axis=1, keepdims=True)
    sources /= np.linalg.norm(sources, axis=1, keepdims=True)
    cosines = swapped @ sources.T
    own = np.zeros(cosines.shape, bool)
    own[np.arange(len(owners)), owners] = True
    return {
        "own": float(cosines[own].mean()),
        "others": float(cosines[~own].mean()),
        "others_deviation": float(cosines[~own].std()),
        "nearest": float((cosines.argmax(1) == np.asarray(owners)).mean()),
    }


def table(crowd: Crowd) -> list[dict[str, Any]]:
    """A row a figure."""
    return [{"measured": key.replace("_", " "), "value": value} for key, value in asdict(crowd).items()]
