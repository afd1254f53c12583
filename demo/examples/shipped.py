"""Whether what a visitor chose is what the page offers: it shows nobody who would have to be asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mobilefaceswap_core.files.digest import file_sha256

from .clips import clip_digests
from .pairs import photo_digests

_MOST_BYTES = 2 << 20  # nothing that is offered has more; larger files are not read to find that out


def are_examples(files: Iterable[str | None]) -> bool:
    """Whether all of these photos and clips are offered by the page, by their content; empty places do not count."""
    known = photo_digests() | clip_digests()
    try:
        return all(Path(file).stat().st_size <= _MOST_BYTES and file_sha256(file) in known for file in files if file)
    except OSError:  # swept away meanwhile; whoever reads it says so
        return False
