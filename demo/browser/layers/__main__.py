"""Compile the layers: ``python -m demo.browser.layers`` writes both builds beside ``layers.c``.

The compiler is Clang as Zig ships it, from the package ``ziglang``; only who changes the file needs it. What is written
says which text it was made from, and a test compares that.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mobilefaceswap_core.errors import BackendError
from mobilefaceswap_core.files.atomic import write_bytes

from . import BUILDS, FOLDER, SOURCE, digest

_COMPILER = "0.13.0"  # of ziglang, the version that wrote what ships
_FLAGS = ["-target", "wasm32-freestanding", "-O3", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=__heap_base",
          "-Wl,--strip-all"]  # fmt: skip
_SECTION = b"made-from"


def compiled(flags: Sequence[str]) -> bytes:
    """One build, with the SHA-256 of the source at its end.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "layers.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *flags, str(SOURCE), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BackendError(
                f"layers.c was not compiled ({done.stderr.strip()[-300:]}). Install ziglang=={_COMPILER} and try again."
            )
        return out.read_bytes() + _custom_section(digest())


def _custom_section(content: bytes) -> bytes:
    body = bytes([len(_SECTION)]) + _SECTION + content
    return bytes([0, len(body)]) + body  # lengths below 128 are one byte


if __name__ == "__main__":
    for name, own in BUILDS.items():
        write_bytes(FOLDER / name, compiled(own))
