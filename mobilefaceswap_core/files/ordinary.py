"""Pipes, sockets and devices: opening one may wait for ever, reading one may never end, and a result would take its place."""

from __future__ import annotations

import os
import stat

from ..errors import SwapError


def is_special(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to something that is there and is neither a file nor a folder; links are followed."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # missing, or a name that no disk takes
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def check_ordinary(path: str | os.PathLike[str], *, error: type[SwapError], wanted: str) -> None:
    """Refuse a pipe, a socket or a device before it is opened; whoever opens the path refuses what else it may be.

    Args:
        path: that will be read.
        error: class to raise.
        wanted: what it should have been, such as ``"a video file"``.

    Raises:
        SwapError: ``error``.
    """
    if is_special(path):
        raise error(f"{os.fspath(path)} is no ordinary file; wanted {wanted}. Save it to one first.")
