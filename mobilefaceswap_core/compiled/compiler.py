"""The compiler of this project's C: Clang as the package ``ziglang`` brings it. Only who changes a source needs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import BackendError
from ..files.digest import bytes_sha256

VERSION = "0.13.0"  # of ziglang, the version that wrote what ships


def run_compiler(*arguments: str, what: str) -> None:
    """Run one of its programs, ``cc`` or ``ld.lld``.

    Args:
        what: is compiled, for the message.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    done = subprocess.run([sys.executable, "-m", "ziglang", *arguments], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip()[-300:]
        raise BackendError(f"{what} was not compiled ({said}). Install ziglang=={VERSION} and try again.")


def digest_of(sources: Sequence[Path]) -> bytes:
    """SHA-256 of some sources in hexadecimal, with which what is compiled of them ends."""
    return bytes_sha256(b"".join(source.read_bytes() for source in sources)).encode()
