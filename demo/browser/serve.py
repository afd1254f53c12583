"""The page within the app's server: where it lies, and what is served of it."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import mobilefaceswap_core
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.digest import bytes_sha256, file_sha256
from mobilefaceswap_core.files.folders import cache_folder
from mobilefaceswap_core.student.export_pair import IDENTITY_FILE

from ..settings import Settings
from . import packing

URL = "browser"  # below the app's own address
OFF = "off"  # in the place of a folder: no such page
_DEMO = Path(__file__).parents[1]
# What the page is made of; the weights are named by their SHA-256 in the core's code.
_MADE_OF = (
    (Path(mobilefaceswap_core.__file__).parent, "**/*.py"),
    (_DEMO / "browser", "*.py"),
    (_DEMO / "browser" / "page", "**/*"),
    (_DEMO / "browser" / "onnxruntime_web", "*"),
    (_DEMO / "examples" / "portraits", "*"),
    (_DEMO / "texts", "*.md"),
    (_DEMO, "icon.svg"),
)
# The first two isolate the page from others, which browsers ask for before they give WebAssembly more than one thread
# (only when the page is opened on its own: inside the app, the app would have to be isolated as well). The policy says
# the same as the page's own tag, and reaches its worker too.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' blob: data:; media-src 'self' blob:",
    "X-Content-Type-Options": "nosniff",
    # The page's service worker keeps what it needs; what a browser keeps beside it would hide a new build.
    "Cache-Control": "no-cache",
}


@cache
def own_folder() -> Path:
    """Where the app keeps the page that it built: in the user's cache, under a name that is new when its parts change."""
    parts = [
        f"{path.relative_to(folder).as_posix()} {file_sha256(path)}"
        for folder, pattern in _MADE_OF
        for path in sorted(folder.glob(pattern))
        if path.is_file() and path.name != "constants.js"  # written from the core, for work on the page
    ]
    return cache_folder() / "browser" / bytes_sha256("\n".join(parts).encode())[:16]


def page_folder(settings: Settings) -> Path | None:
    """The built page, or ``None`` where there is none.

    Raises:
        OptionError: the host named a folder that holds no page.
    """
    if settings.browser_page == OFF:
        return None
    folder = Path(settings.browser_page) if settings.browser_page else own_folder()
    if (folder / "index.html").is_file():
        return folder
    if settings.browser_page:
        raise OptionError(
            f"MFS_BROWSER_PAGE is {settings.browser_page}, which holds no page. Build one there with "
            f"`python -m demo.browser --out {settings.browser_page}`, or set {OFF}."
        )
    return None


def build_page() -> str | None:
    """Build the app's own page, in a process of its own: what the export takes of memory is given back.

    Returns:
        Why it could not be built, or ``None``.
    """
    command = [sys.executable, "-m", "demo.browser"]
    done = subprocess.run(command, cwd=_DEMO.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return said[-1].removeprefix("python -m demo.browser: ") if done.returncode else None


def prepares_itself(settings: Settings) -> bool:
    """Whether the host must see every source: it protects people, or keeps a log."""
    return bool(settings.blocklist or settings.audit)


def routes(settings: Settings) -> list[Any]:
    """What the app's server adds to serve the page; empty where it was not built."""
    folder = page_folder(settings)
    if folder is None:
        return []
    identity = f"models/{IDENTITY_FILE}"  # as it is, too: a folder built elsewhere may not be compressed
    hidden = frozenset({identity, identity + packing.SUFFIX}) if prepares_itself(settings) else frozenset()
    return [Mount(f"/{URL}", PageFiles(folder, hidden=hidden), name="browser page")]


class PageFiles(StaticFiles):
    """Static files with the headers the page wants.

    Args:
        folder: the built page.
        hidden: paths that are not served.
    """

    def __init__(self, folder: Path, *, hidden: frozenset[str] = frozenset()) -> None:
        super().__init__(directory=folder, html=True)
        self._hidden = hidden

    async def get_response(self, path: str, scope: Any) -> Response:
        if Path(path).as_posix() in self._hidden:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response
