"""What is refused before Gradio sees it: calls that are too large, and addresses for the host to fetch.

Gradio downloads a file that a call names by a public address, and hands on what ``file=http...`` names. This page needs
neither: visitors upload their files. So the host never opens a connection because a visitor asked for it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

MAX_CALL_BYTES = 8 << 20  # the largest call is a camera's picture as text, of some hundred kilobytes; files are uploads
_MAX_DEPTH = 64

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_log = logging.getLogger(__name__)


class Gate:
    """ASGI middleware around the page."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, max_bytes: int = MAX_CALL_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Pass a request on or answer it with a refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if is_fetch(scope.get("raw_path") or scope["path"].encode()):
            await _refuse(send, 404, "Addresses are not fetched here. Upload the file.")
            return
        if scope["method"] != "POST" or _header(scope, b"content-type").startswith(b"multipart/"):
            await self._app(scope, receive, send)  # uploads have Gradio's limit on bytes
            return
        body = await self._read(receive)
        if body is None:
            await _refuse(send, 413, f"A call has at most {self._max_bytes} bytes. Upload files and pass their paths.")
        elif (problem := problem_of(body)) is not None:
            await _refuse(send, 400, problem)
        else:
            await self._app(scope, _once(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b""  # the caller is gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def is_fetch(path: bytes) -> bool:
    """Whether a request asks the host to fetch an address: ``/file=http://...`` or ``/proxy=...``."""
    text = unquote(path.decode("latin-1")).lower()
    named = text.partition("/file=")[2]
    return "/proxy=" in text or _is_address(named)


def problem_of(body: bytes) -> str | None:
    """Why a call is refused, or ``None``. A body that is no JSON is left to Gradio, whose answer says so."""
    try:
        value = json.loads(body)
    except RecursionError:
        return "The call is nested too deeply."
    except ValueError:
        return None
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            return "The call is nested too deeply."
        if isinstance(item, dict):
            if _is_address(item.get("path")):
                return "Addresses are not fetched here. Upload the file and pass its path, as gradio_client does."
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
    return None


def _is_address(text: object) -> bool:
    if not isinstance(text, str):
        return False
    start = text.strip().lower()
    return start.startswith(("http:", "https:", "ftp:", "file:", "data:", "//"))


def _header(scope: MutableMapping[str, Any], name: bytes) -> bytes:
    return next((bytes(value).lower() for key, value in scope["headers"] if key.lower() == name), b"")


def _once(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever else arrives, such as the caller leaving."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, status: int, detail: str) -> None:
    _log.info("refused a request: %s", detail)
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
