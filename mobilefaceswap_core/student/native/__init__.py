"""The per-frame network in C of its own, compiled for processors that compute eight numbers at a time.

``network.c`` has the network, ``layers.h`` its layers, ``vectors.h`` what those compute with. What was compiled of them ships beside
them, for Linux on x86-64 with AVX2 and FMA (Intel since 2013, AMD since 2015): 26 kB that need no other library. Everywhere else
other backends run. ``python -m mobilefaceswap_core.student.native`` makes the file again, byte by byte the same.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / "network.linux-x86_64.so"
SOURCES = (FOLDER / "network.c", FOLDER / "layers.h", FOLDER / "vectors.h")
