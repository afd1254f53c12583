"""The one way to write a file: whole or not at all, under a hidden name that is cleaned up when its process was killed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ..errors import OutputError

_MARK = "mfs-part"
_PART = re.compile(rf"\..*\.(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-[0-9a-f]{{8}}\.{_MARK}(\..+)?")


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path to write to; it becomes ``path`` when the block ends, and is removed when the block fails.

    What a killed process left is removed by :func:`remove_leftovers`, which programs call for each folder they write to.

    Args:
        path: a file or folder to come; its folder must be there.

    Yields:
        A hidden name in the same folder, with the same extension. Write a file there, or make a folder.

    Raises:
        OutputError: ``path`` is a folder or lies in none, no permission, or no space; nothing is left behind.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; wanted a file name to write to.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    part = hidden_name(path)
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        with contextlib.suppress(
            OSError
        ):  # a read-only disk refuses this too, and its first refusal is the one to tell
            remove(part)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file in one step; see :func:`written_whole`.

    Raises:
        OutputError: as there.
    """
    with written_whole(path) as part, part.open("xb") as stream:
        stream.write(data)


def refused(path: Path, error: OSError) -> OutputError:
    """The error of a file that the system would not take."""
    advice = "Free some space." if error.errno == errno.ENOSPC else "Check the permissions or choose another place."
    return OutputError(f"{path}: could not be written ({error.strerror or error}). {advice}")


def hidden_name(path: Path) -> Path:
    """A hidden name in the folder of ``path``, with its extension, that says which process writes there."""
    return path.with_name(f".{path.stem[:80]}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{_MARK}{path.suffix}")


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed jobs of this machine left in a folder; files of running jobs and other machines stay."""
    removed = []
    for path in folder.glob(f".*.{_MARK}*"):
        match = _PART.fullmatch(path.name)
        if match and match["host"] == _host() and not _is_running(int(match["pid"])):
            remove(path)
            removed.append(path)
    return removed


def remove(path: Path) -> None:
    """Remove a file or a folder with everything in it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@cache
def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
