"""The per-frame network in C, as a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..compiled.library import Compiled, check_crops, for_each
from ..runtime.graphs import Arrays, arrays_of
from ..runtime.threads import default_threads
from .graph import constants_of
from .native_kernels import packed_heads, packed_source

if TYPE_CHECKING:
    from .idn import Idn, IdnWeights

Array = NDArray[np.float32]


class NativeBackend:
    """C of this project's own on the CPU; a source takes a copy of its kernels, and nothing has to be written or opened for it.

    One crop keeps one thread busy; several crops in one call share ``threads``.

    Args:
        idn: the two heads: the module, or its tensors by the names of its state.
        threads: all processors that this process may use if not given.
        bfloat16: pointwise layers multiply in it and add in float32, where the processor has instructions for that: seven tenths of the time.

    Raises:
        BackendError: it cannot run here.
    """

    def __init__(self, idn: Idn | Arrays, *, threads: int | None = None, bfloat16: bool = False) -> None:
        self._network, self._bfloat16 = Compiled("student", bfloat16=bfloat16), bfloat16
        self._heads = packed_heads(arrays_of(idn), bfloat16=bfloat16)
        self._threads = threads or default_threads()
        self.label = "cpu / native-bf16" if bfloat16 else "cpu / native"

    def bake(self, weights: IdnWeights | Arrays) -> NativeRunner:
        """A runner for one source: its kernels, or what :func:`~mobilefaceswap_core.student.graph.source_constants` makes of them."""
        return NativeRunner(self, packed_source(constants_of(weights), bfloat16=self._bfloat16))

    def swap(self, crops: Array, source: Array) -> tuple[Array, Array]:
        """Faces ``(N, 3, S, S)`` and masks ``(N, 1, S, S)`` of crops ``(N, 3, S, S)``, all float32 in [0, 1].

        Raises:
            ImageError: crops of another shape.
        """
        side = check_crops(crops)
        crops = np.ascontiguousarray(crops, np.float32)
        faces, masks = np.empty_like(crops), np.empty((len(crops), 1, side, side), np.float32)

        def one(i: int) -> None:
            self._network(crops[i], source, self._heads, faces[i], masks[i])

        for_each(len(crops), one, threads=self._threads)
        return faces, masks


class NativeRunner:
    """The network with one source's kernels; see :class:`~mobilefaceswap_core.student.backends.IdnRunner`."""

    def __init__(self, backend: NativeBackend, source: Array) -> None:
        self._backend, self._source = backend, source

    def __call__(self, crops: Array) -> tuple[Array, Array]:
        return self._backend.swap(crops, self._source)
