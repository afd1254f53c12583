"""Networks in C of this project's own, compiled for processors that compute eight or sixteen numbers at a time.

``student.c``, ``student_layers.h`` and ``enlarged.h`` have the per-frame network, ``occlusion.c`` the one that sees what hides a face,
``layers.h`` what they share, ``vectors.h`` and ``arithmetic.h`` what all of it computes with. What was compiled of them ships beside them,
for Linux on x86-64: some fifty kB each for :data:`LEVELS` of what processors can do, which need no other library, and the per-frame
network once more in bfloat16. Everywhere else ONNX Runtime computes the same.
``python -m mobilefaceswap_core.compiled`` makes the files again, byte by byte the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent
# Levels of x86-64 (its psABI), the best first, with those of their features that the code is written for: AVX-512 (servers of Intel since
# 2017, AMD since 2022), and AVX2 with FMA (Intel since 2013, AMD since 2015).
LEVELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "v4": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
        "v3": frozenset({"avx2", "fma"}),
    }
)
# The same of what computes pointwise layers in bfloat16 (servers of Intel since 2023, AMD since 2022).
BFLOAT16_LEVELS: Mapping[str, frozenset[str]] = MappingProxyType({"v4-bf16": LEVELS["v4"] | {"avx512_bf16"}})
SOURCES = tuple(
    FOLDER / name
    for name in ("student.c", "occlusion.c", "student_layers.h", "enlarged.h", "layers.h", "vectors.h", "arithmetic.h")
)


def library_of(level: str) -> Path:
    """The file that was compiled for a level."""
    return FOLDER / f"networks.linux-x86_64-{level}.so"
