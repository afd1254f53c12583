"""Networks in C of this project's own, compiled for processors that compute eight numbers at a time.

``student.c`` and ``student_layers.h`` have the per-frame network, ``occlusion.c`` the one that sees what hides a face, ``layers.h``
what they share, ``vectors.h`` what all of it computes with. What was compiled of them ships beside them, for Linux on x86-64 with
AVX2 and FMA (Intel since 2013, AMD since 2015): some forty kB that need no other library. Everywhere else ONNX Runtime computes
the same.
``python -m mobilefaceswap_core.compiled`` makes the file again, byte by byte the same.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "networks.linux-x86_64.so"
SOURCES = tuple(FOLDER / name for name in ("student.c", "occlusion.c", "student_layers.h", "layers.h", "vectors.h"))
