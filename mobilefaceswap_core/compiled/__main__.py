"""Compile the networks: ``python -m mobilefaceswap_core.compiled`` writes the libraries beside their sources."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..files.atomic import write_bytes
from . import BFLOAT16_LEVELS, FOLDER, LEVELS, SOURCES, library_of
from .compiler import digest_of, run_compiler

# Sums of products may be rounded once, as the processor's instruction does; no function of a C library is called.
_FLAGS = ["-target", "x86_64-linux-musl", "-O3", "-ffp-contract=fast", "-ffreestanding", "-fno-builtin",
          "-fno-asynchronous-unwind-tables", "-fPIC", "-fvisibility=hidden", "-Wall", "-Werror"]  # fmt: skip
# What each level is compiled of, and how the compiler calls its processor.
_FLOAT32, _BFLOAT16 = ("student.c", "occlusion.c"), ("student.c",)
_PROCESSORS = {level: f"x86_64_{level}" for level in LEVELS} | {"v4-bf16": "x86_64_v4+avx512bf16"}


def compiled(level: str) -> bytes:
    """The library of a level, with the SHA-256 of all sources at its end.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    # Of AVX-512 the compiler would use half of each vector by itself.
    flags = [*_FLAGS, f"-mcpu={_PROCESSORS[level]}", "-mprefer-vector-width=512"]
    sources = [FOLDER / name for name in (_BFLOAT16 if level in BFLOAT16_LEVELS else _FLOAT32)]
    with tempfile.TemporaryDirectory() as folder:
        made = {source: str(Path(folder) / f"{source.stem}.o") for source in sources}
        for source, out in made.items():
            run_compiler("cc", *flags, "-c", str(source), "-o", out, what=source.name)
        linked = Path(folder) / library_of(level).name
        run_compiler("ld.lld", "-shared", "-s", "--build-id=none", *made.values(), "-o", str(linked), what=linked.name)
        return linked.read_bytes() + digest_of(SOURCES)


if __name__ == "__main__":
    for level in (*LEVELS, *BFLOAT16_LEVELS):
        write_bytes(library_of(level), compiled(level))
