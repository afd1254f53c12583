"""How the page looks as a link and in a browser's list of tabs: title, description, preview picture, icon, language.

Gradio writes its own name and picture there, and nothing that a page hands to it changes that. So its page is rewritten on
the way out.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .examples.pairs import CARD
from .texts import language_of, say

_HERE = Path(__file__).parent
ICON = _HERE / "icon.svg"
PICTURE_URL = "card.jpg"  # below the app's own address
_CHARSET = '<meta charset="utf-8" />'  # comes first; readers of links give up after some kilobytes
_THEIRS = re.compile(r"""<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*""")


def routes() -> list[Any]:
    """What the app's server adds: the preview picture."""

    async def picture(_: Request) -> Response:
        return FileResponse(CARD, media_type="image/jpeg", headers={"cache-control": "public, max-age=3600"})

    return [Route(f"/{PICTURE_URL}", picture, methods=["GET", "HEAD"], name="card")]


class Card:
    """Writes what the page says of itself into its head.

    Args:
        app: Gradio's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; the page itself is held back until it is whole."""
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        begun: dict[str, Any] = {}
        body = bytearray()

        async def rewritten(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.update(message)
                if not _is_page(message):
                    await send(message)
            elif not _is_page(begun):
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    page = with_card(body.decode("utf-8"), Request(scope)).encode()
                    MutableHeaders(raw=begun["headers"])["content-length"] = str(len(page))
                    await send(begun)
                    await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, rewritten)


def _is_page(start: Message) -> bool:
    return MutableHeaders(raw=start["headers"]).get("content-type", "").startswith("text/html")


def with_card(page: str, request: Request) -> str:
    """The page with our title, description and picture in the place of Gradio's, in the visitor's language.

    Args:
        page: HTML.
        request: tells the address, which pictures of links need, and the language.
    """
    language = language_of(request.headers.get("accept-language"))
    title, description = say("card_title", language), say("card_description", language)
    address = str(request.base_url)
    said = {
        "og:title": title, "og:description": description, "og:type": "website", "og:url": address,
        "og:image": f"{address}{PICTURE_URL}", "og:image:width": "1200", "og:image:height": "630",
        "og:image:alt": say("card_alt", language),
    }  # fmt: skip
    lines = [
        f"<title>{escape(title)}</title>",
        f'<meta name="description" content="{escape(description)}">',
        *(f'<meta property="{name}" content="{escape(value)}">' for name, value in said.items()),
        '<meta name="twitter:card" content="summary_large_image">',
        '<link rel="icon" type="image/svg+xml" href="favicon.ico">',
    ]
    page = re.sub(r'(<html\s+lang=")en(")', rf"\g<1>{language}\g<2>", page, count=1)
    return _THEIRS.sub("", page).replace(_CHARSET, _CHARSET + "\n\t\t" + "\n\t\t".join(lines), 1)
