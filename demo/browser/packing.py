"""Large files of the page are compressed when it is built, and the page unpacks them: a plain static host compresses nothing.

Gzip, which every browser of the last years unpacks itself; the page cannot count on more.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from mobilefaceswap_core.files.atomic import write_bytes

SUFFIX = ".gz"  # after the file's own name


def write(path: Path, data: bytes) -> None:
    """Write a file compressed, under its name with :data:`SUFFIX`; the same bytes give the same file."""
    write_bytes(path.with_name(path.name + SUFFIX), gzip.compress(data, mtime=0))


def replace(path: Path) -> None:
    """Compress a file that is there."""
    write(path, path.read_bytes())
    path.unlink()
