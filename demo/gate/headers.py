"""What every answer tells the browser: what the page may load, who may show it, and that no other site may read it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio starts from scripts inside its page and makes functions of text (`js=`), styles likewise; the clip player loads
# a WebAssembly program and works on blobs. Everything comes from this server.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"
_FILE = "/gradio_api/file="
_ASSETS = "/assets/"  # Gradio's scripts and styles, some hundred; their names change with what is in them


class Headers:
    """Adds the security headers, and takes away those that let other sites read an answer.

    Args:
        app: what is behind it.
        frame_ancestors: sites that may show the page in a frame, as the policy writes them.
    """

    def __init__(self, app: ASGIApp, *, frame_ancestors: str) -> None:
        self._app = app
        self._ancestors = f"frame-ancestors {frame_ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass every request on."""
        is_file = scope["path"].startswith(_FILE)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name in [name for name in headers if name.lower().startswith("access-control-")]:
                    del headers[name]
                # A policy of the page for the visitor's own browser is narrower and stays.
                policy = headers.get("content-security-policy", FILE_POLICY if is_file else POLICY)
                headers["content-security-policy"] = f"{policy}; {self._ancestors}"
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "same-origin"
                headers["permissions-policy"] = "geolocation=(), payment=(), usb=()"
                headers.setdefault("cross-origin-resource-policy", "same-origin")
                if scope["path"].startswith(_ASSETS) and message["status"] == 200:
                    headers["cache-control"] = "public, max-age=31536000, immutable"
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, with_headers)
