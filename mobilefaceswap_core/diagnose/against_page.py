"""The page of one tree for ``bench --against``: its memory after one swap, and many visitors who want theirs at once.

The page is started and asked as a visitor's program would, over HTTP by the standard library alone: an older revision needs to
know nothing of this file, and the core imports nothing of the page.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ..errors import BackendError

VISITORS = 16
_SECONDS = 600.0  # of a start or of one visit
_ENDPOINT = "swap_image"
# Given by name, whatever else an endpoint of a revision takes is left as it stands there.
_CHOSEN: Mapping[str, object] = {"consent": True}


class Page:
    """A page that runs.

    Args:
        host: that it listens on.
        port: that it listens on.
        process: that serves it.
        chosen: for every swap, by the names of the endpoint's parameters.
    """

    def __init__(
        self, host: str, port: int, process: subprocess.Popen[bytes], *, chosen: Mapping[str, object] = _CHOSEN
    ) -> None:
        self._host, self._port, self.process, self._chosen = host, port, process, chosen

    def swap(self, source: Path, target: Path, number: int = 0) -> bytes:
        """Upload, swap, download, as the visitor of that number; each has an address of this machine, ``127.0.1.number``.

        Returns:
            The picture's file.

        Raises:
            BackendError: the page refused it, with its words.
        """
        place = f"127.0.1.{number + 1}"
        files = {"source": self._upload(place, source), "target": self._upload(place, target)}
        body = {"data": self._values(place, {**self._chosen, **files}), "session_hash": secrets.token_hex(6)}
        event = json.loads(self._ask(place, "POST", f"/gradio_api/call/{_ENDPOINT}", json.dumps(body).encode()))[
            "event_id"
        ]
        said = self._ask(place, "GET", f"/gradio_api/call/{_ENDPOINT}/{event}").decode()
        end = said.rstrip().split("event: ")[-1]
        if not end.startswith("complete"):
            raise BackendError(f"The page did not swap: {end.strip()[-300:]}")
        result = json.loads(end.split("data: ", 1)[1])[0]
        return self._ask(place, "GET", f"/gradio_api/file={result['path']}")

    def answers(self) -> bool:
        """Whether it can be visited."""
        with suppress(OSError, http.client.HTTPException, BackendError):
            return bool(self._ask("127.0.0.1", "GET", "/"))
        return False

    def memory_mb(self, *, most: bool = False) -> float:
        """Resident memory of its process now, or the most so far."""
        said = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        return int(said.split("VmHWM:" if most else "VmRSS:")[1].split()[0]) / 1024

    def cpu_s(self) -> float:
        """Seconds of all processors that its process took so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def _values(self, place: str, given: Mapping[str, object]) -> list[object]:
        """What the endpoint takes, in its order: a call by hand names every value."""
        described = json.loads(self._ask(place, "GET", "/gradio_api/info"))["named_endpoints"][f"/{_ENDPOINT}"]
        return [given.get(one["parameter_name"], one.get("parameter_default")) for one in described["parameters"]]

    def _upload(self, place: str, path: Path) -> dict[str, Any]:
        line = secrets.token_hex(16)
        head = f'--{line}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n\r\n'
        body = head.encode() + path.read_bytes() + f"\r\n--{line}--\r\n".encode()
        said = self._ask(place, "POST", "/gradio_api/upload", body, f"multipart/form-data; boundary={line}")
        return {"path": json.loads(said)[0], "meta": {"_type": "gradio.FileData"}}

    def _ask(
        self, place: str, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_SECONDS, source_address=(place, 0))
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body is not None else {})
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise BackendError(f"{urlsplit(path).path} of the page answered {answer.status}: {said[:300]!r}")
        return said


@contextmanager
def served(
    tree: Path, environment: Mapping[str, str], *, chosen: Mapping[str, object] = MappingProxyType({})
) -> Iterator[Page]:
    """The page of a tree in a process of its own, ready to be visited; gone afterwards.

    Args:
        tree: root of a checkout.
        environment: of the process.
        chosen: options of its swaps, by their names.

    Raises:
        BackendError: it did not start, with the end of its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(prefix="mobilefaceswap-page-") as place:
        log = Path(place) / "log"
        # The tab of the visitor's own browser is built at a first start by one tree and never by another: an empty one is there.
        (Path(place) / "index.html").write_text("<title>none</title>", encoding="ascii")
        own = {"TMPDIR": place, "MOBILEFACESWAP_CONFIG": f"{place}/config", "MFS_BROWSER_PAGE": place}
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)],
                cwd=tree, env={**environment, **own, "GRADIO_ANALYTICS_ENABLED": "False"}, stdout=sink, stderr=sink,
            )  # fmt: skip
        page, until = Page("127.0.0.1", port, process, chosen={**_CHOSEN, **chosen}), time.monotonic() + _SECONDS
        try:
            while not page.answers():
                if process.poll() is not None or time.monotonic() > until:
                    raise BackendError(f"The page of {tree} did not start: {log.read_text(errors='replace')[-300:]}")
                time.sleep(0.2)
            yield page
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


def page_readings(
    tree: Path, photo: Path, environment: Mapping[str, str], *, visitors: int = VISITORS,
    chosen: Mapping[str, object] = MappingProxyType({}),
) -> dict[str, float]:  # fmt: skip
    """Memory of the page after one swap; then so many visitors at once, each with a swap of its own.

    Args:
        tree: root of a checkout.
        photo: shows a face; source and target of everybody.
        environment: of the page.
        visitors: at once.
        chosen: options of their swaps, by their names.

    Raises:
        BackendError: the page did not start, or refused somebody.
    """
    found: dict[str, float] = {}
    with served(tree, environment, chosen=chosen) as page:
        page.swap(photo, photo)
        found["memory of the page after one swap"] = page.memory_mb()
        spent, begun = page.cpu_s(), time.perf_counter()
        with ThreadPoolExecutor(visitors) as pool:
            list(pool.map(lambda number: page.swap(photo, photo, number), range(visitors)))
        found[f"{visitors} visitors at once, per swap"] = 1e3 * (time.perf_counter() - begun) / visitors
        found[f"{visitors} visitors, processor time per swap"] = 1e3 * (page.cpu_s() - spent) / visitors
        found[f"most memory of the page with {visitors} visitors"] = page.memory_mb(most=True)
    return found
