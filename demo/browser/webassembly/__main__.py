"""Compile the page's WebAssembly: ``python -m demo.browser.webassembly`` writes all builds beside their sources.

The compiler is Clang as Zig ships it, from the package ``ziglang``; only who changes a source needs it. What is written
says which text it was made from, and a test compares that.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from mobilefaceswap_core.compiled.compiler import run_compiler
from mobilefaceswap_core.files.atomic import write_bytes

from . import BUILDS, FOLDER, Build

_FLAGS = ["-target", "wasm32-freestanding", "-O3", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=__heap_base",
          "-Wl,--strip-all"]  # fmt: skip
_SECTION = b"made-from"


def compiled(build: Build) -> bytes:
    """One build, with the SHA-256 of its source at its end.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.wasm"
        texts = [str(source) for source in build.sources if source.suffix == ".c"]
        run_compiler("cc", *_FLAGS, *build.flags, *texts, "-o", str(out), what=build.sources[0].name)
        return out.read_bytes() + _custom_section(build.digest())


def _custom_section(content: bytes) -> bytes:
    body = bytes([len(_SECTION)]) + _SECTION + content
    return bytes([0, len(body)]) + body  # lengths below 128 are one byte


if __name__ == "__main__":
    for name, build in BUILDS.items():
        write_bytes(FOLDER / name, compiled(build))
