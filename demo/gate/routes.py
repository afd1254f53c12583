"""The allow-list: every route that the page, or a program, uses. Whatever is not here does not exist for a visitor.

Gradio registers some sixty routes more: run without the queue, record the screen, fetch an address, edit the app with a
language model, watch other visitors. A route that a new version of it brings stays shut until it has a line here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from ..settings import Settings

CALL_BYTES = 64 << 10  # the page's largest call is 15 kB: names of files, numbers, words
PICTURE_BYTES = 2 << 20  # a picture as text, which programs of MCP send; 640 x 480 as PNG has below 1 MB
FRAME_BYTES = 512 << 10  # a camera's JPEG of 640 x 480 has some tens of kilobytes
LOGIN_BYTES = 4 << 10


class Body(Enum):
    """What a request brings."""

    NONE = "none"
    CALL = "call"  # JSON
    FORM = "form"  # a name and a password
    FILES = "files"
    FRAME = "frame"  # one picture of a camera, as it is


@dataclass(frozen=True, slots=True)
class Door:
    """One route.

    Attributes:
        methods: allowed ones.
        path: pattern of the whole path, decoded.
        user: who needs it: ``page``, ``client`` (gradio_client, curl), ``login``, ``mcp``, ``browser``.
        body: what its requests bring.
        most_bytes: of the body; files have the host's limit instead.
        is_open: whether it answers before the login.
        cost: how many of an address's requests one counts as.
        joins: whether it asks for a place in the queue.
    """

    methods: frozenset[str]
    path: re.Pattern[str]
    user: str
    body: Body = Body.NONE
    most_bytes: int = 0
    is_open: bool = False
    cost: int = 1
    joins: bool = False


def doors_of(settings: Settings) -> tuple[Door, ...]:
    """The allow-list for a host, in order."""
    wanted = {"page", "client", "browser"}
    wanted |= ({"login"} if settings.login else set()) | ({"mcp"} if settings.mcp else set())
    return tuple(door for door in _ALL if door.user in wanted)


def find(doors: Sequence[Door], method: str, path: str) -> Door | None:
    """The first door that fits a request, or ``None`` where there is none."""
    return next((door for door in doors if method in door.methods and door.path.fullmatch(path)), None)


def _door(methods: str, path: str, user: str, **rules: object) -> Door:
    return Door(frozenset(methods.split()), re.compile(path), user, **rules)  # type: ignore[arg-type]


_API = "/gradio_api"
_NAME = r"[A-Za-z0-9_]{1,64}"
_ID = r"[A-Za-z0-9_-]{1,64}"
_CALL = {"body": Body.CALL, "most_bytes": CALL_BYTES}
_PICTURE = {"body": Body.CALL, "most_bytes": PICTURE_BYTES}
# Costs in milliseconds of a processor, about: the page and its description take some tens, and so does the state of a new
# visit, which a call may bring about; an upload's bytes count besides.
_ALL = (
    _door("GET HEAD", "/", "page", is_open=True, cost=50),
    _door("GET", r"/assets/[\w./@+-]+", "page", is_open=True),
    _door("GET", r"/static/[\w./@+-]+", "page", is_open=True),
    _door("GET", r"(/gradio_api)?/theme\.css", "page", is_open=True),
    _door("GET", r"/(favicon\.ico|pwa_icon|manifest\.json|robots\.txt)", "page", is_open=True),
    _door("GET HEAD", r"/card\.jpg", "page", is_open=True),  # of links; whoever shows one has no login
    _door("GET", f"{_API}/startup-events", "page", is_open=True),  # the server asks this of itself
    _door("POST", f"{_API}/queue/join", "page", **_CALL, cost=50, joins=True),
    _door("GET", f"{_API}/queue/data", "page", cost=2),
    _door("POST", "/live/picture", "page", body=Body.FRAME, most_bytes=FRAME_BYTES),
    _door("GET", rf"{_API}/heartbeat/{_ID}", "page"),
    _door("POST", f"{_API}/upload", "page", body=Body.FILES, cost=20),
    _door("GET", f"{_API}/upload_progress", "page"),
    _door("GET HEAD", rf"{_API}/file=.+", "page"),
    _door("GET", "/config/?", "client", cost=50),
    _door("GET", f"{_API}/info/?", "client", cost=50),
    _door("POST", rf"{_API}/call/{_NAME}/?", "client", **_CALL, cost=50, joins=True),
    _door("GET", rf"{_API}/call/{_NAME}/{_ID}", "client", cost=2),
    _door("POST", f"{_API}/(cancel|reset)/?", "client", **_CALL),
    _door("POST", "/login/?", "login", body=Body.FORM, most_bytes=LOGIN_BYTES, is_open=True, cost=50),
    _door("GET", "/logout", "login"),
    _door("GET POST DELETE", rf"{_API}/mcp/?(http/?)?", "mcp", **_PICTURE, cost=50),
    _door("GET", rf"{_API}/mcp/(sse|schema)", "mcp", cost=50),
    _door("POST", rf"{_API}/mcp/messages/?", "mcp", **_PICTURE, cost=50),
    _door("GET HEAD", r"/browser(/[\w./@+-]*)?", "browser"),
)
