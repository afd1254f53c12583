"""The login comes before anything else: before a body is read, on every route but those of the login page itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import refuse
from .callers import caller_of
from .routes import Door

_FREE = 5  # wrong passwords of one address before it must wait
_FIRST_WAIT_S, _LONGEST_WAIT_S = 2.0, 900.0
_PAUSE_S = 0.25  # after each wrong password, one at a time: four guesses a second for all addresses together
_MOST_WAITING = 16
_MOST_ADDRESSES = 10_000
_LOGIN = "/login"


class Login:
    """Lets in who has logged in, from the page's own site.

    Args:
        app: what is behind it.
        page: Gradio's app, which knows the sessions that logged in.
    """

    def __init__(self, app: ASGIApp, page: object) -> None:
        self._app = app
        self._page = page
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 401 (no login), 403 (another site) or 429 (too many guesses)."""
        door: Door = scope["mfs.door"]
        headers = Headers(scope=scope)
        if not is_same_site(headers):
            await refuse(scope, receive, send, 403, "Another website sent this. Open the page itself.")
        elif scope["path"].rstrip("/") == _LOGIN:
            await self._guess(scope, receive, send)
        elif door.is_open or self._is_known(headers):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, 401, "Log in first.")

    def _is_known(self, headers: Headers) -> bool:
        cookies = cookie_parser(headers.get("cookie", ""))
        name = self._page.cookie_id  # type: ignore[attr-defined]
        tokens = (cookies.get(f"access-token-{name}"), cookies.get(f"access-token-unsecure-{name}"))
        return any(token in self._page.tokens for token in tokens if token)  # type: ignore[attr-defined]

    async def _guess(self, scope: Scope, receive: Receive, send: Send) -> None:
        who = caller_of(scope)
        if (wait_s := self._guesses.wait_s(who)) > 0:
            detail = f"Too many wrong passwords. Wait {wait_s:.0f} seconds."
            await refuse(scope, receive, send, 429, detail, wait_s=wait_s)
            return
        if self._guesses.waiting >= _MOST_WAITING:
            await refuse(scope, receive, send, 429, "Too many logins at once. Try again in a minute.", wait_s=60)
            return

        async def judged(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] < 400:
                    self._guesses.right(who)
                else:
                    self._guesses.wrong(who)
                    await asyncio.sleep(_PAUSE_S)
            await send(message)

        async with self._guesses.turn():
            if (wait_s := self._guesses.wait_s(who)) > 0:  # others of the same address were wrong meanwhile
                detail = f"Too many wrong passwords. Wait {wait_s:.0f} seconds."
                await refuse(scope, receive, send, 429, detail, wait_s=wait_s)
            else:
                await self._app(scope, receive, judged)


@dataclass(eq=False)
class Guesses:
    """Wrong passwords by address; an address that guesses on waits twice as long each time."""

    waiting: int = 0
    _wrong: dict[str, tuple[int, float]] = field(default_factory=dict)  # how many; when the next may come
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    def wait_s(self, who: str) -> float:
        """Seconds until an address may guess again."""
        return self._wrong.get(who, (0, 0.0))[1] - time.monotonic()

    def wrong(self, who: str) -> None:
        """Count a wrong password."""
        count = self._wrong.pop(who, (0, 0.0))[0] + 1
        wait_s = min(_FIRST_WAIT_S * 2 ** (count - _FREE), _LONGEST_WAIT_S) if count >= _FREE else 0.0
        self._wrong[who] = (count, time.monotonic() + wait_s)
        while len(self._wrong) > _MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]

    def right(self, who: str) -> None:
        """Forget an address's wrong ones."""
        self._wrong.pop(who, None)

    def turn(self) -> _Turn:
        """One guess at a time."""
        return _Turn(self)


class _Turn:
    def __init__(self, guesses: Guesses) -> None:
        self._guesses = guesses

    async def __aenter__(self) -> None:
        self._guesses.waiting += 1
        try:
            await self._guesses._one.acquire()
        except BaseException:
            self._guesses.waiting -= 1
            raise

    async def __aexit__(self, *_: object) -> None:
        self._guesses.waiting -= 1
        self._guesses._one.release()


def is_same_site(headers: Headers) -> bool:
    """Whether a request comes from the page itself, or from no website at all.

    Browsers name the site that asks in ``Origin``; programs name none. Behind a proxy the name that the visitor typed is
    the proxy's ``X-Forwarded-Host``, which is there only if the proxy is trusted.
    """
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    own = {headers.get("host", ""), headers.get("x-forwarded-host", "").partition(",")[0].strip()} - {""}
    return urlsplit(origin).netloc in own
