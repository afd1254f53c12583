"""Results that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import OutputError, VideoError
from ..files.atomic import FULL_DISK, refused, remove_leftovers, written_whole


@contextlib.contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """:func:`~mobilefaceswap_core.files.atomic.written_whole`, after clearing away what killed jobs left beside it.

    Raises:
        OutputError: as there; without permission before the block begins, for jobs are long.
    """
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: no permission to write into {path.parent}. Choose another place.")
    remove_leftovers(path.parent)
    with written_whole(path) as part:
        yield part


def disk_error(error: OSError, path: Path) -> OutputError:
    """What an operating system's refusal means for the user."""
    return refused(path, error)


def encode_error(error: Exception, codec: str) -> OutputError | VideoError:
    """What to raise when an encoder fails: of a full disk, or of the encoder."""
    number = getattr(error, "errno", None)
    if number in FULL_DISK:
        return OutputError("The disk is full or a size limit was reached while writing the clip. Free some space.")
    return VideoError(
        f"The encoder {codec} failed ({getattr(error, 'strerror', None) or error}). Try the default codec."
    )
