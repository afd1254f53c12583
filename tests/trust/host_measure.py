"""Every attack on a public host, measured against a server: the table of ``python -m tests.trust host``."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from . import host_bodies, host_doors  # noqa: F401  # their attacks register themselves
from .host import ATTACKS, PASSWORD, PER_MINUTE, PHOTO, Host, Row
from .visitors import served


@contextlib.contextmanager
def hosts() -> Iterator[tuple[Host, Host]]:
    """A server as a public host would set it, and one with a login; both warmed up."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, contextlib.ExitStack() as stack:
        made = []
        for place, settings in ((one, {"per_minute": PER_MINUTE}), (two, {"auth": f"me:{PASSWORD}"})):
            (Path(place) / "temporary").mkdir()
            server = stack.enter_context(
                served(Path(place) / "temporary", max_upload_mb=10, visitor_mb=20, disk_mb=200, **settings)
            )
            made.append(Host(server, Path(place) / "temporary"))
        with made[0].client("127.0.0.99") as client:
            made[0].server.swap(client, PHOTO, PHOTO)
        yield made[0], made[1]


def measure() -> list[Row]:
    """Every attack, one after another."""
    rows = []
    with hosts() as (public, private):
        for item, (what, before, bound, with_login, run_attack) in ATTACKS.items():
            host = private if with_login else public
            at_first, peak, stop = host.memory_mb(), [0.0], threading.Event()

            def watch(host: Host = host, peak: list[float] = peak, stop: threading.Event = stop) -> None:
                while not stop.wait(0.02):
                    peak[0] = max(peak[0], host.memory_mb())

            watcher = threading.Thread(target=watch)
            watcher.start()
            begun = time.monotonic()
            try:
                now, held = run_attack(host)
            except (httpx.HTTPError, LookupError, RuntimeError) as error:
                now, held = f"{type(error).__name__}: {error}", False
            seconds = time.monotonic() - begun
            stop.set()
            watcher.join()
            grown = max(0.0, peak[0] - at_first)
            rows.append(Row(item, what, before, now, bound, held and grown < 150, round(seconds, 1), round(grown)))
    return rows


def table(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as a table shows them."""
    return [asdict(row) | {"held": "yes" if row.held else "NO"} for row in rows]
