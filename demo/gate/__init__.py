"""What stands before the page: strangers meet these classes first, and Gradio only what they let through.

In this order: who calls, headers of the answer, the allow-list, the caller's share of requests, the login, the body, the
caller's share of the queue, files that may be served. Each is an ASGI middleware.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder
from starlette.types import ASGIApp, Receive, Scope, Send

from ..keeping import output_folder, own_folder
from ..settings import Settings
from .answers import refuse
from .bodies import Bodies, is_below
from .callers import Callers
from .headers import Headers
from .lean import Pages, without_deep_links
from .login import Login
from .room import Room
from .routes import doors_of, find
from .shares import Places, Requests

_FILE = "/gradio_api/file="


def enclose(page: Any, settings: Settings) -> None:
    """Put the gate around Gradio's app, outside of the middleware that Gradio adds itself.

    Args:
        page: the app; its middleware is built already, as it is whenever its lifespan runs.
        settings: the host's.
    """
    room = Room(
        lambda: (own_folder(), Path(get_upload_folder())),
        most_bytes=settings.disk_mb << 20,
        visitor_bytes=settings.visitor_mb << 20,
        keep_s=60 * settings.keep_minutes,
    )
    page.state_holder.blocks = without_deep_links(page.get_blocks())
    app: ASGIApp = Files(page.middleware_stack if settings.login else Pages(page.middleware_stack), settings)
    app = Places(app, page, places=settings.queue_size, share=settings.queue_share)
    app = Bodies(
        app, most_file_bytes=settings.max_bytes, most_files=settings.most_files, room=room, roots=named_folders
    )
    if settings.login:
        app = Login(app, page)
    app = AllowList(Requests(app, rate=settings.request_rate), settings)
    app = Headers(app, frame_ancestors=settings.ancestors)
    page.middleware_stack = Outermost(Callers(app, trust_proxy=settings.believes_proxy))


def named_folders() -> Sequence[Path]:
    """Where the files lie that a call may name: uploads and results."""
    return Path(get_upload_folder()), output_folder()


class Outermost:
    """Lets HTTP and the server's own start and end through, and marks what came this way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; sockets are closed, the page uses none."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http":
            scope["mfs.gate"] = True
            await self._app(scope, receive, send)


class OnlyThroughTheGate:
    """Inside of Gradio's own middleware: nothing is served unless the gate stands."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 503."""
        if scope["type"] == "http" and not scope.get("mfs.gate"):
            await refuse(scope, receive, send, 503, "The page is starting. Try again in some seconds.")
        elif scope["type"] != "websocket":
            await self._app(scope, receive, send)


class AllowList:
    """Answers 404 to everything that has no door."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._doors = app, doors_of(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 404."""
        door = find(self._doors, scope["method"], scope["path"])
        if door is None:
            await refuse(scope, receive, send, 404, "There is nothing here.")
            return
        scope["mfs.door"] = door
        await self._app(scope, receive, send)


class Files:
    """Serves files of the app's own folders and of the host's reports, wherever links lead."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 404."""
        path: str = scope["path"]
        if path.startswith(_FILE):
            reports = [Path(self._settings.reports)] if self._settings.reports else []
            if not is_below(path.removeprefix(_FILE), [*named_folders(), *reports]):
                await refuse(scope, receive, send, 404, "There is no such file. It may have been deleted.")
                return
        await self._app(scope, receive, send)
