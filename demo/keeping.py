"""Nothing is kept longer than the host says: results and uploads are deleted after a time, and when the page stops."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from mobilefaceswap_core.errors import OutputError

_OWN = f"{os.getpid()}-"  # start of the names of this process's results
_UPLOADS = "mobilefaceswap-uploads-"
_MOST_S = 60.0  # between two looks; Gradio looks after its own files in the same rhythm


def output_folder() -> Path:
    """Where results are written; the only folder the app serves besides its own uploads.

    Raises:
        OutputError: somebody else's folder, or a link, has that name.
    """
    folder = Path(tempfile.gettempdir()) / "mobilefaceswap-results"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        raise OutputError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own and start again.")
    return folder


def new_folder(parent: Path) -> Path:
    """A folder for one result, so that two visitors never write the same file."""
    return Path(tempfile.mkdtemp(prefix=_OWN, dir=parent))


def own_uploads() -> Path:
    """Where this process keeps uploads, unless the host names a folder: the usual one is shared by all apps."""
    return Path(tempfile.gettempdir()) / f"{_UPLOADS}{os.getpid()}"


def use_own_uploads() -> None:
    """Have Gradio use that folder; to be called before Gradio is imported."""
    os.environ.setdefault("GRADIO_TEMP_DIR", str(own_uploads()))


def sweep_abandoned(older_than_s: float) -> None:
    """Delete the upload folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_UPLOADS}*"):
        number = folder.name.removeprefix(_UPLOADS)
        if number.isdecimal() and not _is_running(int(number)):
            sweep_uploads(folder, older_than_s)
            with contextlib.suppress(OSError):  # not empty yet
                folder.rmdir()


def sweep(folder: Path, older_than_s: float) -> int:
    """Delete results that are too old; how many there were."""
    oldest = time.time() - older_than_s
    swept = 0
    for entry in _entries(folder):
        with contextlib.suppress(FileNotFoundError):  # another request swept it first
            if entry.lstat().st_mtime < oldest:
                _remove(entry)
                swept += 1
    return swept


def sweep_uploads(folder: Path, older_than_s: float, keep: Collection[str] = ()) -> int:
    """Delete uploaded files that are too old, and folders without a file; how many files there were.

    Args:
        folder: Gradio's.
        older_than_s: since they were written.
        keep: paths that stay, such as those of examples.
    """
    oldest, kept = time.time() - older_than_s, set(keep)
    swept = 0
    for root, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(root, name)
            with contextlib.suppress(OSError):
                if path not in kept and os.lstat(path).st_ctime < oldest:
                    os.remove(path)
                    swept += 1
        with contextlib.suppress(OSError):  # not empty, or somebody writes there just now
            if root != str(folder) and os.lstat(root).st_mtime < oldest:
                os.rmdir(root)
    return swept


def keeping(keep_s: float) -> Callable[[Any], Any]:
    """What runs beside the page: looks for old files from start to end, and takes its own away at the end."""

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        from gradio.utils import get_upload_folder

        uploads = Path(get_upload_folder())
        own = uploads == own_uploads()  # a folder that the host named may hold the files of other apps too

        def look() -> None:
            sweep(output_folder(), keep_s)
            sweep_abandoned(keep_s)
            if own:
                blocks = app.get_blocks().blocks.values()
                examples = {path for block in blocks for path in getattr(block, "keep_in_cache", ())}
                sweep_uploads(uploads, keep_s, examples)

        async def watch() -> None:
            while True:
                await asyncio.to_thread(look)
                await asyncio.sleep(min(_MOST_S, keep_s / 2))

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            forget_own()
            if own:
                shutil.rmtree(uploads, ignore_errors=True)

    return lifespan


def forget_own() -> None:
    """Delete every result of this process."""
    for entry in _entries(output_folder()):
        if entry.name.startswith(_OWN):
            _remove(entry)


def stop_in_order() -> None:
    """End on a termination request as on the keyboard's interrupt: the server closes and files are taken away."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def leave() -> NoReturn:
    """End the process once the server is closed, without tearing the interpreter down.

    Exit handlers run and output is written. The interpreter is left as it is because a swap may still be under way in a
    native library. If that swap came back to an interpreter that is ending, Python would end its thread in the middle of C++
    code, and the whole process would abort (exit code -6 under load). Files that such a swap wrote after the server was
    closed are deleted first.
    """
    atexit._run_exitfuncs()
    forget_own()
    shutil.rmtree(own_uploads(), ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or a number that no process can have
        return True
    return True


def _entries(folder: Path) -> Iterable[Path]:
    with contextlib.suppress(FileNotFoundError):
        return list(folder.iterdir())
    return []


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
