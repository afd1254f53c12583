"""An app behind the gate, and one request to it, without a server."""

from __future__ import annotations

import asyncio
from typing import Any

from demo.gate.routes import doors_of, find
from demo.settings import Settings


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Reads what comes and says so."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    scope["read"] = body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"access-control-allow-origin", b"*")]})
    await send({"type": "http.response.body", "body": b""})


def asked(
    app: Any, *, path: str, method: str = "GET", body: list[bytes] | None = None, **scope: Any
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Send one request; the start of the answer, the scope, and how many pieces of the body were taken."""
    pieces, taken, sent = list(body or [b""]), 0, []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken >= len(pieces):
            return {"type": "http.disconnect"}
        taken += 1
        return {"type": "http.request", "body": pieces[taken - 1], "more_body": taken < len(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    door = find(doors_of(Settings(auth="a:b", mcp=True)), method, path)
    whole = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [],
        "client": ("192.0.2.1", 1),
        "mfs.door": door,
    } | scope
    asyncio.run(app(whole, receive, send))
    return sent[0], whole, taken


def status_of(app: Any, **request: Any) -> int:
    return int(asked(app, **request)[0]["status"])
