"""The per-frame network's layers as WebAssembly: what ships, and how it is made.

ONNX Runtime's kernels for WebAssembly took more than twice as long for the per-frame network on the same machine, most of it
for depthwise convolutions and resizing. ``layers.c`` has the few layers that this network has. Two builds: with the fused
multiply-adds of relaxed SIMD, which Chromium and Firefox have, and without.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "layers.c"
BUILDS = {
    "layers.wasm": ("-msimd128",),
    "layers.relaxed.wasm": ("-msimd128", "-mrelaxed-simd"),
}  # and their compiler's flags


def digest() -> bytes:
    """SHA-256 of the source in hexadecimal, with which the builds end."""
    return hashlib.sha256(SOURCE.read_bytes()).hexdigest().encode()
