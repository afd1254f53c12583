"""Results that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import OptionError, OutputError, VideoError
from ..files.atomic import FULL_DISK, check_file_place, check_folder_of, refused, remove_leftovers, written_whole
from ..files.formats import WRITABLE_CLIP_SUFFIXES, format_of


@contextlib.contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """:func:`~mobilefaceswap_core.files.atomic.written_whole`, after clearing away what killed jobs left beside it.

    Raises:
        OutputError: as there; without permission before the block begins, for jobs are long.
    """
    check_folder_of(path)
    remove_leftovers(path.parent)
    with written_whole(path) as part:
        yield part


def check_recording(path: Path) -> None:
    """Refuse a place for a recording before the camera starts.

    Raises:
        OptionError: no H.264 is written under such an extension.
        OutputError: no file can be written there.
    """
    row = format_of(path)
    if row is None or not row.muxer or row.codec != "libx264":
        wanted = [
            s for s in WRITABLE_CLIP_SUFFIXES if (row := format_of(f"x{s}")) is not None and row.codec == "libx264"
        ]
        raise OptionError(
            f"{path}: cannot record {path.suffix.lower() or 'without an extension'}; wanted {', '.join(wanted)}."
        )
    check_file_place(path)


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
