"""Compile the networks: ``python -m mobilefaceswap_core.compiled`` writes the libraries beside their sources."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..files.atomic import write_bytes
from . import LEVELS, SOURCES, library_of
from .compiler import digest_of, run_compiler

# Sums of products may be rounded once, as the processor's instruction does; no function of a C library is called.
_FLAGS = ["-target", "x86_64-linux-musl", "-O3", "-ffp-contract=fast", "-ffreestanding", "-fno-builtin",
          "-fno-asynchronous-unwind-tables", "-fPIC", "-fvisibility=hidden", "-Wall", "-Werror"]  # fmt: skip


def compiled(level: str) -> bytes:
    """The library of a level, with the SHA-256 of its sources at its end.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    # Of AVX-512 the compiler would use half of each vector by itself.
    flags = [*_FLAGS, f"-mcpu=x86_64_{level}", "-mprefer-vector-width=512"]
    with tempfile.TemporaryDirectory() as folder:
        made = {source: str(Path(folder) / f"{source.stem}.o") for source in SOURCES if source.suffix == ".c"}
        for source, out in made.items():
            run_compiler("cc", *flags, "-c", str(source), "-o", out, what=source.name)
        linked = Path(folder) / library_of(level).name
        run_compiler("ld.lld", "-shared", "-s", "--build-id=none", *made.values(), "-o", str(linked), what=linked.name)
        return linked.read_bytes() + digest_of(SOURCES)


if __name__ == "__main__":
    for level in LEVELS:
        write_bytes(library_of(level), compiled(level))
