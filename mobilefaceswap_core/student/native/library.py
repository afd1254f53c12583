"""The compiled network, where this machine can run it."""

from __future__ import annotations

import ctypes
import platform
import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError
from ...runtime.devices import cpu_features
from . import LIBRARY, SOURCES
from .compiler import digest_of

Array = NDArray[np.float32]
_NEEDED = {"avx2", "fma"}
_ALIGNED = 64  # bytes that a processor reads at once


def missing_for_native() -> str:
    """What keeps the compiled network from running here, as a clause; ``""`` for nothing."""
    machine = f"{platform.system()} on {platform.machine()}"
    if (sys.platform, platform.machine()) != ("linux", "x86_64") or sys.maxsize < 2**32:
        return f"compiled for Linux on x86_64, this is {machine}"
    if lacks := _NEEDED - cpu_features():
        return f"this processor lacks {' and '.join(sorted(lacks))}"
    try:
        _opened(LIBRARY)
    except OSError as error:  # not installed with the package, or in a folder nothing may be run from
        return f"{LIBRARY.name} cannot be loaded ({error})"
    return ""


class NativeNetwork:
    """The network's two functions.

    Raises:
        BackendError: it cannot run here.
    """

    def __init__(self) -> None:
        if reason := missing_for_native():
            raise BackendError(f"The backend 'native' cannot be used: {reason}. Choose another backend, such as auto.")
        self._library = _opened(LIBRARY)

    def room_floats(self, side_px: int) -> int:
        """Size of :meth:`room`."""
        return int(self._library.room_floats(side_px))

    def room(self, side_px: int) -> Array:
        """Memory for one frame at a time, of crops with this side."""
        return _empty(self.room_floats(side_px))

    def swap(self, crop: Array, source: Array, heads: Array, room: Array, *, face: Array, mask: Array) -> None:
        """Swap one crop on one thread; other threads of Python run meanwhile.

        Args:
            crop: ``(3, S, S)`` float32 in [0, 1], S a multiple of 32.
            source, heads: of :mod:`~.packing`.
            room: of :meth:`room` for this S.
            face: takes the face ``(3, S, S)`` before it is blended, in [0, 1].
            mask: takes the mask ``(S, S)`` in [0, 1].
        """
        arrays = [array.ctypes.data for array in (source, heads, face, mask, room)]
        self._library.swap(crop.ctypes.data, crop.shape[-1], *arrays)


def aligned(values: Array) -> Array:
    """A flat copy that begins where the processor's reads do."""
    own = _empty(values.size)
    own[:] = values.reshape(-1)
    return own


def _empty(count: int) -> Array:
    spare = _ALIGNED // np.float32().itemsize
    room = np.empty(count + spare, np.float32)
    start = -(room.ctypes.data // room.itemsize) % spare
    return room[start : start + count]


@cache
def _opened(path: Path) -> ctypes.CDLL:
    # The system's loader crashes with a file that ends too early.
    if not path.read_bytes().endswith(digest_of(SOURCES)):
        raise OSError("it is incomplete, or its sources were changed since it was compiled")
    library = ctypes.CDLL(str(path))
    pointer, whole = ctypes.c_void_p, ctypes.c_int
    library.room_floats.argtypes, library.room_floats.restype = [whole], whole
    library.swap.argtypes, library.swap.restype = [pointer, whole, *[pointer] * 5], None
    return library
