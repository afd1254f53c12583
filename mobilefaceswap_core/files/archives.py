"""Zip archives that somebody else made: their list of files is bounded before Python reads it."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Iterator

MOST_DIRECTORY_BYTES = 8 << 20  # an entry takes at least 47 bytes there and about 1 kB once it is read


@contextlib.contextmanager
def open_zip(
    path: str | os.PathLike[str], *, most_directory_bytes: int = MOST_DIRECTORY_BYTES
) -> Iterator[zipfile.ZipFile]:
    """Open an archive for reading.

    A zip says in several places how long its list of files is, and Python has rules of its own about which to believe. So
    it is not asked: the file itself gives out no more than the limit at a time while the list is read.

    Args:
        path: the archive.
        most_directory_bytes: of the list of files.

    Raises:
        zipfile.BadZipFile: no archive, or one with a longer list.
        OSError: it cannot be read.
    """
    with _Bounded(path, most_directory_bytes) as file, zipfile.ZipFile(file) as archive:
        file.most = None
        yield archive


class _Bounded(io.FileIO):
    """A file that refuses large reads until ``most`` is taken away."""

    def __init__(self, path: str | os.PathLike[str], most: int) -> None:
        super().__init__(path, "rb")
        self.most: int | None = most

    def read(self, size: int | None = -1, /) -> bytes:
        """See :meth:`io.RawIOBase.read`; a regular file gives everything that is asked for and there."""
        wanted = -1 if size is None else size
        if self.most is not None:
            left = os.fstat(self.fileno()).st_size - self.tell()
            asked = left if wanted < 0 else min(wanted, left)
            if asked > self.most:
                raise zipfile.BadZipFile(f"its list of files has {asked} bytes; at most {self.most} are read")
        return super().read(wanted) or b""
