"""Nothing is kept longer than the host says: results and uploads are deleted after a time, and when the page stops."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

_APP = "mobilefaceswap-"  # how the folders of running apps begin
_MOST_S = 60.0  # between two looks; Gradio looks after its own files in the same rhythm
_own: dict[tuple[int, str], Path] = {}  # by process and temporary folder


def own_folder() -> Path:
    """The folder of this process, with a name that nobody can guess and for its user alone; made when first asked for.

    Everything that the app writes lies in it and goes with it: uploads, results, temporary files.
    """
    place = tempfile.gettempdir()
    for (process, _), folder in _own.items():
        if process == os.getpid() and Path(place).is_relative_to(folder):
            return folder  # temporary files are in ours already
    key = (os.getpid(), place)
    if key not in _own or not _own[key].is_dir():
        _own[key] = Path(tempfile.mkdtemp(prefix=f"{_APP}{os.getpid()}-", dir=place))  # 0700
        atexit.register(shutil.rmtree, _own[key], ignore_errors=True)
    return _own[key]


def output_folder() -> Path:
    """Where results are written; the only folder the app serves besides its own uploads."""
    return _part("results")


def example_folder() -> Path:
    """Where the clips lie that the page offers to try; they stay as long as the process."""
    return _part("examples")


def new_folder(parent: Path) -> Path:
    """A folder for one result, so that two visitors never write the same file."""
    return Path(tempfile.mkdtemp(dir=parent))


def own_uploads() -> Path:
    """Where this process keeps uploads, unless the host names a folder: the usual one is shared by all apps."""
    return _part("uploads")


def use_own_folder() -> None:
    """Have this process and those it starts write into its own folder only; to be called before Gradio is imported.

    Files are for the user of the process alone, whoever writes them.
    """
    os.umask(0o077)
    os.environ.setdefault("GRADIO_TEMP_DIR", str(own_uploads()))
    os.environ["TMPDIR"] = tempfile.tempdir = str(_part("temporary"))


def _part(name: str) -> Path:
    folder = own_folder() / name
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def sweep_abandoned(older_than_s: float) -> None:
    """Delete the folders of processes that were killed; those of other users and links are left alone."""
    for folder in own_folder().parent.glob(f"{_APP}*"):
        number = folder.name.removeprefix(_APP).partition("-")[0]
        if number.isdecimal() and _is_ours(folder) and not _is_running(int(number)):
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


def keeping(keep_s: float, also: Callable[[Any], None] | None = None) -> Callable[[Any], Any]:
    """What runs beside the page: looks for old files from start to end, and takes its own away at the end.

    Args:
        keep_s: age at which a file is old.
        also: called with Gradio's app before the first request.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        from gradio.utils import get_upload_folder

        if also is not None:
            also(app)
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

    return lifespan


def forget_own() -> None:
    """Delete everything that this process wrote: results, uploads, temporary files."""
    for (process, _), folder in list(_own.items()):
        if process == os.getpid():
            for part in _entries(folder):
                for entry in _entries(part):
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
    for folder in _own.values():
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


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
