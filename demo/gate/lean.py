"""What Gradio makes anew for every visitor, and need not."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..texts import language_of

_MOST_KEPT = 16  # a page has two megabytes; hosts are called by few names
_INFO = ("/gradio_api/info", "/gradio_api/info/")
_MATTERS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server", "accept-encoding")  # and the language


class Pages:
    """Keeps what is the same for everybody: the page, which costs 50 ms of a processor to write, and the description of its
    endpoints, which programs ask for before each call and which costs 10; compressed to a tenth.

    The page names the address by which it is asked for and speaks the visitor's language, so what is kept is kept by these. A query is for the page's own
    script alone: Gradio reads only ``deep_link`` of it, which the allow-list does not serve.

    Args:
        app: what is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: OrderedDict[tuple[str | None, ...], tuple[Message, Message]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what is kept, or pass on and keep the answer."""
        path = scope["path"]
        is_kept = path == "/" or (path in _INFO and not scope.get("query_string"))
        if not is_kept or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        language = language_of(headers.get("accept-language"))
        key = (path, scope.get("scheme"), scope.get("root_path"), language, *(headers.get(name) for name in _MATTERS))
        if key not in self._kept:
            start, body = await self._made({**scope, "query_string": b""}, receive)
            if start["status"] != 200:
                await send(start)
                await send(body)
                return
            self._kept[key] = start, body
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        for message in self._kept[key]:
            # Whoever is outside adds to the headers: each answer has a list of its own.
            await send({**message, "headers": list(message["headers"])} if "headers" in message else message)

    async def _made(self, scope: Scope, receive: Receive) -> tuple[Message, Message]:
        start: dict[str, Any] = {}
        parts: list[bytes] = []

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, collect)
        body = b"".join(parts)
        headers = MutableHeaders(raw=start["headers"])
        if "gzip" in Headers(scope=scope).get("accept-encoding", "") and "content-encoding" not in headers:
            body = gzip.compress(body, mtime=0)
            headers["content-encoding"], headers["content-length"] = "gzip", str(len(body))
            headers.add_vary_header("Accept-Encoding")
        return start, {"type": "http.response.body", "body": body}


def without_deep_links(blocks: Any) -> Any:
    """What Gradio makes a visit's state from, without the description of every component that only deep links need.

    Args:
        blocks: the page.

    Returns:
        A stand-in for ``StateHolder.blocks``: a visit then costs a millisecond to begin instead of thirty.
    """
    return SimpleNamespace(default_config=blocks.default_config, blocks={})
