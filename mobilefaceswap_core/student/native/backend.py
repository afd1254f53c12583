"""The compiled network as a backend."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import ImageError
from ...runtime.graphs import Arrays, arrays_of
from ...runtime.threads import default_threads
from ..graph import constants_of
from .library import NativeNetwork
from .packing import packed_heads, packed_source

if TYPE_CHECKING:
    from ..idn import Idn, IdnWeights

Array = NDArray[np.float32]
_SIDE_PX = 32  # crops are halved five times


class NativeBackend:
    """C of this project's own on the CPU; a source takes a copy of its kernels, and nothing has to be written or opened for it.

    One crop keeps one thread busy; several crops in one call share ``threads``.

    Args:
        idn: the two heads: the module, or its tensors by the names of its state.
        threads: all processors that this process may use if not given.

    Raises:
        BackendError: it cannot run here.
    """

    def __init__(self, idn: Idn | Arrays, *, threads: int | None = None) -> None:
        self._network, self._heads = NativeNetwork(), packed_heads(arrays_of(idn))
        self._threads = threads or default_threads()
        self._free: list[
            Array
        ] = []  # rooms that nobody uses just now; taking and giving back are one step of Python each
        self.label = "cpu / native"

    def bake(self, weights: IdnWeights | Arrays) -> NativeRunner:
        """A runner for one source: its kernels, or what :func:`~mobilefaceswap_core.student.graph.source_constants` makes of them."""
        return NativeRunner(self, packed_source(constants_of(weights)))

    def swap(self, crops: Array, source: Array) -> tuple[Array, Array]:
        """Faces ``(N, 3, S, S)`` and masks ``(N, 1, S, S)`` of crops ``(N, 3, S, S)``, all float32 in [0, 1].

        Raises:
            ImageError: crops of another shape.
        """
        count, channels, height, side = crops.shape
        if channels != 3 or height != side or side % _SIDE_PX or side == 0:
            raise ImageError(
                f"The per-frame network reads (N, 3, S, S) with S a multiple of {_SIDE_PX}, got {crops.shape}; resize the crops."
            )
        crops = np.ascontiguousarray(crops, np.float32)
        faces, masks = np.empty_like(crops), np.empty((count, 1, side, side), np.float32)

        def one(i: int) -> None:
            with self._room(side) as room:
                self._network.swap(crops[i], source, self._heads, room, face=faces[i], mask=masks[i])

        if count == 1 or self._threads == 1:
            for i in range(count):
                one(i)
        else:
            with ThreadPoolExecutor(min(self._threads, count)) as pool:
                list(pool.map(one, range(count)))
        return faces, masks

    @contextmanager
    def _room(self, side_px: int) -> Iterator[Array]:
        try:
            room: Array | None = self._free.pop()
        except IndexError:
            room = None
        if room is None or room.size != self._network.room_floats(side_px):
            room = self._network.room(side_px)
        try:
            yield room
        finally:
            self._free.append(room)


class NativeRunner:
    """The network with one source's kernels; see :class:`~mobilefaceswap_core.student.backends.IdnRunner`."""

    def __init__(self, backend: NativeBackend, source: Array) -> None:
        self._backend, self._source = backend, source

    def __call__(self, crops: Array) -> tuple[Array, Array]:
        return self._backend.swap(crops, self._source)
