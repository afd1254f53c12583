"""A local server of files that does what a bad network does, and says what it was asked for."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_HELD_AFTER = 100_000


@dataclass
class Served:
    """What the server has, what it does, and what it saw.

    Attributes:
        url: address of its root.
        files: content by path, without the first slash.
        cut: by path, bytes to send before the connection closes, one entry per request.
        statuses: by path, a status to answer with.
        held: by path, what is waited for after the first 100,000 bytes of the first request.
        moved: by path, where a redirect leads to.
        requests: ``(path, Range header)`` of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: dict[str, list[int]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    held: dict[str, threading.Event] = field(default_factory=dict)
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def asked_for(self, path: str) -> list[str | None]:
        """Range headers of the requests for a path."""
        return [asked for name, asked in self.requests if name == path]


@contextmanager
def serving() -> Iterator[Served]:
    """A server on a free port of this machine."""
    served = Served()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, asked = self.path.lstrip("/"), self.headers.get("Range")
            served.requests.append((path, asked))
            if path in served.moved:
                self.send_response(302)
                self.send_header("Location", served.moved[path])
                self.end_headers()
                return
            status = served.statuses.get(path, 200 if path in served.files else 404)
            if status != 200:
                self.send_error(status)
                return
            content = served.files[path]
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            if held := served.held.pop(path, None):
                self.wfile.write(content[:_HELD_AFTER])
                held.wait(timeout=60)
                return
            cuts = served.cut.get(path)
            self.wfile.write(content[start:][: cuts.pop(0)] if cuts else content[start:])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
