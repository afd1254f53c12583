"""Whether what a visitor chose is what the page offers: it shows nobody who would have to be asked."""

from __future__ import annotations

from collections.abc import Iterable

from mobilefaceswap_core.files.digest import file_sha256

from .clips import clip_digests
from .pairs import photo_digests


def are_examples(files: Iterable[str | None]) -> bool:
    """Whether all of these photos and clips are offered by the page, by their content; empty places do not count."""
    try:
        return all(file_sha256(file) in photo_digests() | clip_digests() for file in files if file)
    except OSError:  # swept away meanwhile; whoever reads it says so
        return False
