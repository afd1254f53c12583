"""The camera's pictures of the Live tab: one JPEG in, one JPEG out, nothing kept, nothing on disk.

A route of the app's own, because a picture of Gradio's stream is text in JSON on the way there and an event of its own on the
way back. The key that consent and a face gave names the visit's swapper.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .handlers import live as handlers
from .messages import Visit, spoken_error

PATH = "/live/picture"
KEY = "x-live-key"  # a form of another site cannot send such a header, and the gate answers no preflight
_SAID = "x-live-said"
_LATER, _REFUSED = 202, 409  # the page asks again after the first: a turn comes, a face is made ready


def routes(live_concurrency: int) -> list[Any]:
    """What the app's server adds.

    Args:
        live_concurrency: streams that the host swaps at the same time; one thread more reads the next picture meanwhile.
    """
    pool = ThreadPoolExecutor(live_concurrency + 1, thread_name_prefix="live")

    async def picture(request: Request) -> Response:
        arrived = time.monotonic()
        data, key = await request.body(), request.headers.get(KEY)
        services = request.app.get_blocks().services
        visit = Visit.of(request)
        step = partial(handlers.step, services, visit, picture=data, session=key, arrived=arrived)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(pool, step)
        except Exception as error:
            return JSONResponse({"detail": spoken_error(error, "step", visit.language).message}, _REFUSED)
        if answer.picture is None:
            return JSONResponse({"detail": answer.said}, _LATER)
        headers = {_SAID: quote(answer.said), "cache-control": "no-store"}
        return Response(answer.picture, media_type="image/jpeg", headers=headers)

    return [Route(PATH, picture, methods=["POST"], name="live picture")]
