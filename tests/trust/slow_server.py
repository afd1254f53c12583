"""A host that sends a file slowly, and goes on where it was left."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from mobilefaceswap_core.weights.download import DownloadSpec

CONTENT = np.random.default_rng(0).bytes(3_000_000)


@contextmanager
def slow_server() -> Iterator[str]:
    """Serves ``CONTENT`` in small pieces and honours ranges; an odd header says how long it is."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
            if self.path == "/odd":
                self.send_header("Content-Length", "many")
            self.end_headers()
            try:
                for at in range(start, len(CONTENT), 60_000):
                    self.wfile.write(CONTENT[at : at + 60_000])
                    time.sleep(0.01)
            except OSError:
                pass  # the client was killed

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/weights.bin"
    server.shutdown()
    server.server_close()


def pinned(url: str) -> DownloadSpec:
    return DownloadSpec("weights.bin", url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "MIT")
