"""Who calls: the address, and when a proxy's word for it is believed."""

from __future__ import annotations

import ipaddress

from starlette.types import ASGIApp, Receive, Scope, Send

_FORWARDED = (b"forwarded", b"x-forwarded-", b"x-real-ip")


class Callers:
    """Sets the caller's address, and takes away what only a trusted proxy may say.

    Args:
        app: what is behind it.
        trust_proxy: whether everything comes through a proxy of the host's, whose headers are true. The address that it
            added last counts: those before it were written by the caller.
    """

    def __init__(self, app: ASGIApp, *, trust_proxy: bool) -> None:
        self._app = app
        self._trust_proxy = trust_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every request on."""
        if self._trust_proxy:
            said = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            if (address := _address(said.rpartition(b",")[2].decode("latin-1"))) is not None:
                scope["client"] = (address, 0)
            protocol = next((value for name, value in scope["headers"] if name == b"x-forwarded-proto"), b"")
            if protocol.strip() in (b"http", b"https"):
                scope["scheme"] = protocol.strip().decode()
        else:
            scope["headers"] = [pair for pair in scope["headers"] if not pair[0].startswith(_FORWARDED)]
        await self._app(scope, receive, send)


def network_of(host: str) -> str:
    """What counts as one caller: an address, or the 64 bits of an IPv6 address that name a connection."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def caller_of(scope: Scope) -> str:
    """The caller of a request, after :class:`Callers`."""
    return network_of(str((scope.get("client") or ("unknown", 0))[0]))


def _address(text: str) -> str | None:
    """An address as proxies write it, with or without a port."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
