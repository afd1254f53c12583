"""Results that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError, VideoError
from ..files.atomic import hidden_name, remove, remove_leftovers

# What a full or limited disk raises; the last is a file-size limit of the process or file system.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """A hidden name in the folder of ``path`` to write to; it becomes ``path`` when the block ends without an error.

    A file or a folder may be written there. Whatever a failed, cancelled or interrupted block wrote is removed. A killed
    process cannot clean up: its hidden leftovers are removed by the next job that writes into the same folder.

    Raises:
        OutputError: the folder is missing, the name is that of a folder with something in it, or the disk refuses.
    """
    check_output(path)
    remove_leftovers(path.parent)
    part = hidden_name(path)
    try:
        yield part
        if part.exists():
            os.replace(part, path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        remove(part)


def check_output(path: Path) -> None:
    """Raise OutputError when nothing can be written under this name."""
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist. Create it first.")
    if path.is_dir() and any(path.iterdir()):
        raise OutputError(f"{path} is a folder with files in it; they are not overwritten. Choose a new name.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {path.parent}. Choose another place.")


def disk_error(error: OSError, path: Path) -> OutputError:
    """What an operating system's refusal means for the user."""
    advice = "Free some space." if error.errno in FULL_DISK else "Check the permissions or choose another place."
    return OutputError(f"{path}: could not be written ({error.strerror or error}); nothing was left behind. {advice}")


def encode_error(error: Exception, codec: str) -> OutputError | VideoError:
    """What to raise when an encoder fails: of a full disk, or of the encoder."""
    number = getattr(error, "errno", None)
    if number in FULL_DISK:
        return OutputError("The disk is full or a size limit was reached while writing the clip. Free some space.")
    return VideoError(
        f"The encoder {codec} failed ({getattr(error, 'strerror', None) or error}). Try the default codec."
    )
