"""Hidden names for files that are being written, and the removal of those that a killed process left."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
from functools import cache
from pathlib import Path

_MARK = "mfs-part"
_PART = re.compile(rf"\..*\.(?P<host>[0-9a-f]{{8}})-(?P<pid>\d+)-[0-9a-f]{{8}}\.{_MARK}(\..+)?")


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
