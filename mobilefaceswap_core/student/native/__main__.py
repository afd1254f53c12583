"""Compile the per-frame network: ``python -m mobilefaceswap_core.student.native`` writes the library beside its sources."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...files.atomic import write_bytes
from . import LIBRARY, SOURCES
from .compiler import digest_of, run_compiler

# Sums of products may be rounded once, as the processor's instruction does; no function of a C library is called.
_FLAGS = ["-target", "x86_64-linux-musl", "-mcpu=x86_64_v3", "-O3", "-ffp-contract=fast", "-ffreestanding", "-fno-builtin",
          "-fno-asynchronous-unwind-tables", "-fPIC", "-fvisibility=hidden", "-Wall", "-Werror"]  # fmt: skip


def compiled() -> bytes:
    """The library, with the SHA-256 of its sources at its end.

    Raises:
        BackendError: the compiler is missing or refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        made, out = Path(folder) / "network.o", Path(folder) / "network.so"
        run_compiler("cc", *_FLAGS, "-c", str(SOURCES[0]), "-o", str(made), what=SOURCES[0].name)
        run_compiler("ld.lld", "-shared", "-s", "--build-id=none", str(made), "-o", str(out), what=SOURCES[0].name)
        return out.read_bytes() + digest_of(SOURCES)


if __name__ == "__main__":
    write_bytes(LIBRARY, compiled())
