"""Digests of files and bytes: how weights are verified, results recognised, and embeddings remembered."""

from __future__ import annotations

import hashlib
import os
import zlib


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content as 64 hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_crc32(path: str | os.PathLike[str]) -> str:
    """CRC32 of a file's content as eight hexadecimal digits; tells a damaged file, not a forged one.

    Raises:
        OSError: the file cannot be read.
    """
    value = 0
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return f"{value:08x}"


def bytes_sha256(data: bytes | bytearray | memoryview) -> str:
    """SHA-256 of bytes as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()
