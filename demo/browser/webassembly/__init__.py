"""What the page runs as WebAssembly beside ONNX Runtime: its C, what was compiled of it, and how that is made again.

``layers.c`` has the few layers of the per-frame network, ``blocks.c`` those of the networks that see what hides a face and where
its landmarks are, ``mark.c`` what the hidden mark is worked out with. ONNX Runtime's kernels for WebAssembly took more than twice as long for the first, most of it for depthwise
convolutions and resizing. There are two builds: with the fused multiply-adds of relaxed SIMD, which Chromium and Firefox have,
and without. ``pixels.c`` has the loops over pixels of the finish; it comes with the page's numbers. ``unxz.c`` unpacks ONNX
Runtime itself, whose binary is 40 % smaller as xz than as gzip, which is what browsers unpack.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from mobilefaceswap_core.compiled.compiler import digest_of

FOLDER = Path(__file__).parent


class Build(NamedTuple):
    """One compiled file."""

    sources: tuple[Path, ...]  # with their headers
    flags: tuple[str, ...]  # of its compiler, besides those of all

    def digest(self) -> bytes:
        """SHA-256 of the sources in hexadecimal, with which the compiled file ends."""
        return digest_of(self.sources)


INLINED = "pixels.wasm"  # stands in the page's constants, as its loops run before anything is fetched

_LAYERS = (FOLDER / "layers.c", FOLDER / "blocks.c", FOLDER / "mark.c", FOLDER / "numbers.h")
BUILDS = {
    "layers.wasm": Build(_LAYERS, ("-msimd128",)),
    "layers.relaxed.wasm": Build(_LAYERS, ("-msimd128", "-mrelaxed-simd")),
    INLINED: Build((FOLDER / "pixels.c", FOLDER / "numbers.h"), ("-msimd128", "-mnontrapping-fptoint")),
    "unxz.wasm": Build((FOLDER / "unxz.c",), ()),
}
