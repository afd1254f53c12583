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

_HIDDEN = re.compile(rf"\.(?P<stem>[^/\n]*?)\.[0-9a-f]{{8}}-\d+-[0-9a-f]{{8}}\.{_MARK}(?P<suffix>\.[\w]+)?")

# What a full or limited disk raises; the last is a file-size limit of the process or file system.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], *, once: bool = False, replacing: bool = False) -> Iterator[Path]:
    """A path to write to; it becomes ``path`` when the block ends, and is removed when the block fails.

    What a killed process left is removed by :func:`remove_leftovers`, which programs call for each folder they write to.

    Args:
        path: a file or folder to come; the folder it lies in must be there. An empty folder may be there already.
        once: leave a file that another process wrote in the meantime.
        replacing: a folder with files in it is replaced, not refused.

    Yields:
        A hidden name in the same folder, with the same extension. Write a file there, or make a folder. A block that
        writes nothing leaves ``path`` as it is.

    Raises:
        OutputError: ``path`` is a folder with something in it or lies in none, no permission, or no space; nothing is
            left behind.
    """
    path = Path(path)
    if not path.parent.is_dir():
        check_folder_of(path)
    part = hidden_name(path)
    try:
        if not replacing and path.is_dir() and any(path.iterdir()):
            raise OutputError(f"{path} is a folder with files in it; they are not overwritten. Choose a new name.")
        yield part
        if part.exists():
            _put(part, path, once=once, replacing=replacing)
    except OSError as error:
        raise refused(path, error) from error
    finally:
        with contextlib.suppress(
            OSError
        ):  # a read-only disk refuses this too, and its first refusal is the one to tell
            remove(part)


def _put(part: Path, path: Path, *, once: bool, replacing: bool) -> None:
    if part.is_file() and path.is_dir():
        raise OutputError(f"{path} is a folder; wanted a file name to write to.")
    if once:
        try:
            os.link(part, path)  # fails if the other process was first
            return
        except FileExistsError:
            return
        except OSError:  # file systems without hard links
            pass
    if part.is_dir() and path.is_dir():  # not every system renames over a folder
        shutil.rmtree(path) if replacing else path.rmdir()
    os.replace(part, path)


def write_bytes(path: str | os.PathLike[str], data: bytes, *, private: bool = False, once: bool = False) -> None:
    """Write a file in one step; see :func:`written_whole`.

    Args:
        private: only its owner may read it.
        once: as there.

    Raises:
        OutputError: as there.
    """

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600 if private else 0o666)

    with written_whole(path, once=once) as part, open(part, "xb", opener=create) as stream:
        stream.write(data)


def check_file_place(path: Path) -> None:
    """Refuse a place for a file before the work for it begins.

    Raises:
        OutputError: it is a folder, it lies in none, or nothing may be written there.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; wanted a file name to write to. Name a file inside it.")
    check_folder_of(path)


def check_folder_of(path: Path) -> None:
    """Refuse a place for a file or folder whose own folder is missing, is a file, or may not be written to.

    Raises:
        OutputError: as said.
    """
    folder = path.absolute().parent
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{path}: {path.parent} is a file; wanted a folder. Choose another place.")
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {path.parent}. Choose another place.")


def check_new_folder(path: Path) -> None:
    """Refuse a place for a folder that could not be made, without making it: what it lies in is a file or locked.

    Raises:
        OutputError: as said.
    """
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise OutputError(f"{path}: {there.name} is a file; wanted a folder. Choose another place.")
    if not os.access(there, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {there}. Choose another place.")


def make_folder(path: Path) -> None:
    """Make a folder for results, with those above it; one that is there is fine.

    Raises:
        OutputError: a file has its name, or it cannot be made.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file; wanted a folder for the results. Choose another name.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> OutputError:
    """The error of a file that the system would not take."""
    advice = "Free some space." if error.errno in FULL_DISK else "Check the permissions or choose another place."
    return OutputError(f"{path}: could not be written ({error.strerror or error}); nothing was left behind. {advice}")


def hidden_name(path: Path) -> Path:
    """A hidden name in the folder of ``path``, with its extension, that says which process writes there."""
    return path.with_name(f".{path.stem[:80]}.{_host()}-{os.getpid()}-{secrets.token_hex(4)}.{_MARK}{path.suffix}")


def with_own_names(text: str) -> str:
    """A message about hidden files, with the names that they were to have."""
    return _HIDDEN.sub(lambda found: found["stem"] + (found["suffix"] or ""), text)


def remove_leftovers(folder: Path, *, deep: bool = False) -> list[Path]:
    """Remove what killed jobs of this machine left in a folder; files of running jobs and other machines stay.

    Args:
        folder: may be missing.
        deep: look into its sub-folders too.
    """
    removed = []
    for path in list((folder.rglob if deep else folder.glob)(f".*.{_MARK}*")):
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
