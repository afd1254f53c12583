"""What the page runs as WebAssembly beside ONNX Runtime: its C, what was compiled of it, and how that is made again.

``layers.c`` has the few layers of the per-frame network. ONNX Runtime's kernels for WebAssembly took more than twice as long
for it, most of it for depthwise convolutions and resizing. There are two builds: with the fused multiply-adds of relaxed SIMD,
which Chromium and Firefox have, and without. ``unxz.c`` unpacks ONNX Runtime itself, whose binary is 40 % smaller as xz than
as gzip, which is what browsers unpack.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mobilefaceswap_core.files.digest import file_sha256

FOLDER = Path(__file__).parent


class Build(NamedTuple):
    """One compiled file."""

    source: Path
    flags: tuple[str, ...]  # of its compiler, besides those of all

    def digest(self) -> bytes:
        """SHA-256 of the source in hexadecimal, with which the compiled file ends."""
        return file_sha256(self.source).encode()


BUILDS = {
    "layers.wasm": Build(FOLDER / "layers.c", ("-msimd128",)),
    "layers.relaxed.wasm": Build(FOLDER / "layers.c", ("-msimd128", "-mrelaxed-simd")),
    "unxz.wasm": Build(FOLDER / "unxz.c", ()),
}
