"""The answers that the gate gives itself."""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

_log = logging.getLogger(__name__)


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, detail: str, *, wait_s: float = 0.0) -> None:
    """Answer with an error and end the connection, so that a body that still comes is not read.

    Args:
        status: of HTTP.
        detail: what was wrong and what to do.
        wait_s: told as ``Retry-After``; 0 for none.
    """
    _log.info("refused %s %.80r: %s", scope["method"], scope["path"], detail)
    headers = {"connection": "close"} | ({"retry-after": str(max(1, round(wait_s)))} if wait_s else {})
    await JSONResponse({"detail": detail}, status, headers)(scope, receive, send)
