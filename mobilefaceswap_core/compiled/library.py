"""The compiled networks, where this machine can run them."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, ImageError
from ..runtime.devices import cpu_features
from . import BFLOAT16_LEVELS, LEVELS, SOURCES, library_of
from .compiler import digest_of

Array = NDArray[np.float32]
_ALIGNED = 64  # bytes that a processor reads at once
_STRIDE = 32  # both networks halve a crop five times


def missing_for_native(*, bfloat16: bool = False) -> str:
    """What keeps the compiled networks from running here, or the one in bfloat16, as a clause; ``""`` for nothing."""
    machine = f"{platform.system()} on {platform.machine()}"
    if (sys.platform, platform.machine()) != ("linux", "x86_64") or sys.maxsize < 2**32:
        return f"compiled for Linux on x86_64, this is {machine}"
    levels = _levels(bfloat16)
    level = _best(levels)
    if level is None:
        return f"this processor lacks {' and '.join(sorted(list(levels.values())[-1] - cpu_features()))}"
    try:
        _opened(level)
    except OSError as error:  # not installed with the package, or in a folder nothing may be run from
        return f"{library_of(level).name} cannot be loaded ({error})"
    return ""


def _levels(bfloat16: bool) -> Mapping[str, frozenset[str]]:
    return BFLOAT16_LEVELS if bfloat16 else LEVELS


def _best(levels: Mapping[str, frozenset[str]]) -> str | None:
    """The best of some levels that this processor has."""
    features = cpu_features()
    return next((level for level, needed in levels.items() if needed <= features), None)


class Compiled:
    """One of the library's networks: a function on one thread, and the memory that it works in.

    Args:
        name: of the function; beside it lies ``{name}_floats``, which says how much memory a crop's side needs.
        bfloat16: the one whose pointwise layers multiply in it; their kernels are packed by
            :func:`~mobilefaceswap_core.compiled.kernels.paired`.

    Raises:
        BackendError: it cannot run here.
    """

    def __init__(self, name: str, *, bfloat16: bool = False) -> None:
        if reason := missing_for_native(bfloat16=bfloat16):
            backend = "native-bf16" if bfloat16 else "native"
            raise BackendError(
                f"The backend {backend!r} cannot be used: {reason}. Choose another backend, such as auto."
            )
        level = _best(_levels(bfloat16))
        assert level is not None  # something would be missing
        library = _opened(level)
        self._run, self._floats = getattr(library, name), getattr(library, f"{name}_floats")
        self._run.restype, self._floats.argtypes, self._floats.restype = None, [ctypes.c_int], ctypes.c_int
        # Memory that nobody uses just now; taking and giving back are one step of Python each.
        self._free: list[Array] = []

    def floats(self, side_px: int) -> int:
        """How much memory it needs for crops of this side."""
        return int(self._floats(side_px))

    def __call__(self, crop: Array, *others: Array, room: Array | None = None) -> None:
        """Run it; other threads of Python go on meanwhile.

        Args:
            crop: ``(3, S, S)`` in [0, 1], S a multiple of 32.
            others: what the function reads and writes besides, in its order.
            room: ``(floats(S),)`` from :func:`aligned_room`; kept memory if not given.

        All arrays are float32 and lie row by row.

        Raises:
            ImageError: a crop of another shape.
        """
        side = check_crops(crop[None])
        for array in (crop, *others):
            assert array.dtype == np.float32 and array.flags.c_contiguous
        own = self._taken(side) if room is None else room
        try:
            pointers = [ctypes.c_void_p(array.ctypes.data) for array in (crop, *others, own)]
            self._run(pointers[0], ctypes.c_int(side), *pointers[1:])
        finally:
            if room is None:
                self._free.append(own)

    def _taken(self, side_px: int) -> Array:
        try:
            room: Array | None = self._free.pop()
        except IndexError:
            room = None
        wanted = self.floats(side_px)
        return room if room is not None and room.size == wanted else aligned_room(wanted)


def for_each(count: int, one: Callable[[int], None], *, threads: int) -> None:
    """Call a function with the numbers from 0, some at the same time."""
    if count == 1 or threads == 1:
        for i in range(count):
            one(i)
    else:
        with ThreadPoolExecutor(min(threads, count)) as pool:
            list(pool.map(one, range(count)))  # raises what a call raised


def check_crops(crops: Array) -> int:
    """The side of crops that a network can read.

    Raises:
        ImageError: they are not ``(N, 3, S, S)``, or S is no multiple of 32.
    """
    if (
        crops.ndim != 4
        or crops.shape[1] != 3
        or crops.shape[2] != crops.shape[3]
        or crops.shape[3] % _STRIDE
        or not crops.shape[3]
    ):
        raise ImageError(
            f"The network reads (N, 3, S, S) with S a multiple of {_STRIDE}, got {crops.shape}; resize the crops."
        )
    return int(crops.shape[3])


def aligned(values: Array) -> Array:
    """A flat copy that begins where the processor's reads do."""
    own = aligned_room(values.size)
    own[:] = values.reshape(-1)
    return own


def aligned_room(count: int) -> Array:
    """So many floats, of any value, that begin there."""
    spare = _ALIGNED // np.float32().itemsize
    room = np.empty(count + spare, np.float32)
    start = -(room.ctypes.data // room.itemsize) % spare
    return room[start : start + count]


@cache
def _opened(level: str) -> ctypes.CDLL:
    path = library_of(level)
    # The system's loader crashes with a file that ends too early.
    if not path.read_bytes().endswith(digest_of(SOURCES)):
        raise OSError("it is incomplete, or its sources were changed since it was compiled")
    return ctypes.CDLL(str(path))
