"""Bodies are counted while they come, whatever their type says, and refused at their limit before they are held."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import refuse
from .callers import caller_of
from .room import Room
from .routes import CALL_BYTES, Body, Door

_MAX_DEPTH = 64
_MOST_VALUES = 20_000  # brackets, braces and commas of a call; parsing as many takes some milliseconds
_OVERHEAD_BYTES = 64 << 10  # boundaries and names of files around an upload's bytes
_SILENCE_S = 30.0  # between two pieces of a body
_SLOWEST_BYTES_S = 20_000  # a body that comes slower for long is refused
_PICTURE = b"data:image/"


class Bodies:
    """Reads calls whole and counts files while they go by.

    Args:
        app: what is behind it.
        most_file_bytes: of all files of one upload together.
        most_files: of one upload.
        room: the disk quota.
        roots: folders whose files a call may name; called for each call, since the app's folders are made when needed.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most_file_bytes: int,
        most_files: int,
        room: Room | None = None,
        roots: Callable[[], Sequence[Path]] = tuple,
    ) -> None:
        self._app = app
        self._most_file_bytes, self._most_files = most_file_bytes, most_files
        self._room, self._roots = room, roots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 400 (no such call), 408 (too slow), 413 (too large), 507 (no room)."""
        door: Door = scope["mfs.door"]
        if door.body is Body.NONE or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
        elif door.body is Body.FILES:
            await self._files(scope, receive, send)
        else:
            await self._whole(door, scope, receive, send)

    async def _whole(self, door: Door, scope: Scope, receive: Receive, send: Send) -> None:
        is_frame = door.body is Body.FRAME  # nothing of it is kept, and it is no call
        if self._room is not None and not is_frame and not await self._room.has_room():
            await refuse(scope, receive, send, 507, "The page's disk is full. Try again in some minutes.", wait_s=60)
            return
        try:
            body = await read(scope, receive, door.most_bytes)
        except TimeoutError:
            await refuse(scope, receive, send, 408, "The body came too slowly.")
            return
        if body is None:
            detail = f"This call has at most {door.most_bytes} bytes. Upload files and pass their paths."
            await refuse(scope, receive, send, 413, detail)
            return
        if len(body) > CALL_BYTES and not is_frame and _PICTURE not in body:
            detail = (
                f"A call without a camera's picture has at most {CALL_BYTES} bytes. Upload files and pass their paths."
            )
            await refuse(scope, receive, send, 413, detail)
            return
        if door.body is Body.CALL:
            problem, value = await asyncio.to_thread(understood, body, self._roots())
            if problem is not None:
                await refuse(scope, receive, send, 400, problem)
                return
            if door.joins and isinstance(value, dict):
                scope["mfs.call"] = value
                if not value.get("session_hash"):
                    value["session_hash"] = secrets.token_hex(8)  # so that what it leaves is known to be this caller's
                    body = json.dumps(value).encode()
        await self._app(scope, _once(body, receive), send)

    async def _files(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, who = Headers(scope=scope), caller_of(scope)
        kind, options = parse_options_header(headers.get("content-type", ""))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
            await refuse(scope, receive, send, 415, "An upload is multipart/form-data with a boundary.")
            return
        most = self._most_file_bytes + _OVERHEAD_BYTES
        if (declared := _declared(headers)) > most:
            await refuse(
                scope, receive, send, 413, f"The files of an upload have at most {self._most_file_bytes} bytes."
            )
            return
        if self._room is not None and (problem := await self._room.problem_of(who, max(0, declared))) is not None:
            await refuse(scope, receive, send, 507, problem, wait_s=60)
            return
        counted = _Parts(boundary, self._most_files)
        size, is_done, started = 0, False, asyncio.get_running_loop().time()

        async def counting() -> Message:
            nonlocal size, is_done
            if is_done:
                return await receive()
            try:
                message = await _in_time(receive, size, started)
            except TimeoutError:
                raise MultiPartException("The upload came too slowly.") from None
            if message["type"] != "http.request":
                raise MultiPartException("The caller went away.")
            data = message.get("body", b"")
            size += len(data)
            if size > most:
                raise MultiPartException(f"The upload exceeded the maximum allowed size of {most} bytes.")
            if data and self._room is not None and not self._room.take(who, len(data)):
                raise MultiPartException("The upload exceeded the maximum allowed size of what one visitor may keep.")
            counted.feed(data)
            is_done = not message.get("more_body", False)
            return message

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and not is_done:  # what still comes is not wanted
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        # Gradio answers a MultiPartException with 400 or 413, and deletes what has come.
        await self._app(scope, counting, closing)


async def read(scope: Scope, receive: Receive, most_bytes: int) -> bytes | None:
    """A whole body, or ``None`` as soon as it is larger than allowed.

    Raises:
        TimeoutError: it came too slowly.
    """
    if _declared(Headers(scope=scope)) > most_bytes:
        return None
    parts, size, started = [], 0, asyncio.get_running_loop().time()
    while True:
        message = await _in_time(receive, size, started)
        if message["type"] != "http.request":
            return b""  # the caller is gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


def understood(body: bytes, roots: Sequence[Path] = ()) -> tuple[str | None, Any]:
    """Why a call is refused, if it is, and what it says. A body that is no JSON is left to Gradio, whose answer says so.

    Args:
        body: of the call.
        roots: folders whose files it may name; any file if there are none.
    """
    if sum(body.count(mark) for mark in (b"[", b"{", b",")) > _MOST_VALUES:
        return f"The call has more than {_MOST_VALUES} values.", None
    try:
        value = json.loads(body)
    except RecursionError:
        return "The call is nested too deeply.", None
    except ValueError:
        return None, None
    waiting = [(value, 0)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            return "The call is nested too deeply.", None
        if isinstance(item, dict):
            path = item.get("path")
            if is_address(path):
                return "Addresses are not fetched here. Upload the file and pass its path, as gradio_client does.", None
            if roots and isinstance(path, str) and path and "meta" in item and not is_below(path, roots):
                return "The call names a file that was not uploaded. Upload it first, as gradio_client does.", None
            waiting += [(inner, depth + 1) for inner in item.values()]
        elif isinstance(item, list):
            waiting += [(inner, depth + 1) for inner in item]
    return None, value


def is_address(text: object) -> bool:
    """Whether a text names something to fetch instead of a file."""
    if not isinstance(text, str):
        return False
    start = text.strip().lower()
    return start.startswith(("http:", "https:", "ftp:", "file:", "data:", "//"))


def is_below(path: str, roots: Sequence[Path]) -> bool:
    """Whether a file lies in one of the folders once links are followed."""
    try:
        found = Path(path).resolve()
        return found.is_file() and any(found.is_relative_to(root.resolve()) for root in roots)
    except (OSError, RuntimeError, ValueError):  # a name too long, links in a circle, a NUL in the name
        return False


class _Parts:
    """Counts the parts of an upload while they go by; files only, and not too many."""

    def __init__(self, boundary: bytes, most: int) -> None:
        self._most, self._files, self._headers = most, 0, bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_value": lambda data, start, end: self._headers.extend(data[start:end] + b";"),
                "on_headers_finished": self._part,
            },
        )

    def feed(self, data: bytes) -> None:
        """Count what a piece begins.

        Raises:
            MultiPartException: too many files, or something that is no file. Gradio answers it and deletes what came.
        """
        try:
            self._parser.write(data)
        except MultiPartException:
            raise
        except Exception as error:  # the parser's own errors share no class that it exports
            raise MultiPartException("The upload cannot be read.") from error

    def _part(self) -> None:
        if b"filename" not in self._headers.lower():
            raise MultiPartException("An upload holds files only.")
        self._files += 1
        if self._files > self._most:
            raise MultiPartException(f"Too many files. At most {self._most} are uploaded at once.")


def _declared(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else -1


async def _in_time(receive: Receive, size: int, started: float) -> Message:
    left_s = started + _SILENCE_S + size / _SLOWEST_BYTES_S - asyncio.get_running_loop().time()
    return await asyncio.wait_for(receive(), max(0.01, min(left_s, _SILENCE_S)))


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
