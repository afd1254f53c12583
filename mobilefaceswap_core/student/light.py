"""The student that ships, on a CPU and without PyTorch: whoever swaps one photo need not load it first."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.tensors import to_planes
from ..swapper import SwapperInfo
from ..types import AlignedFace
from ..weights.load import load_arrays
from .backends import graph_backend
from .swapper import Student, StudentCondition, student_network

if TYPE_CHECKING:
    import torch

    from ..identity.encoder import IdentityEncoder
    from ..runtime.graphs import Array, Arrays
    from .idn import IdnWeights
    from .network import MobileFaceSwapNet


class LightStudent(Student):
    """A :class:`Student` whose kernels ONNX Runtime predicts; its modules are made when they are first asked for.

    Args:
        info: description; its device is replaced by the one really in use.
        backend: ``onnxruntime`` or ``openvino``.
        threads: CPU threads of the backend.
    """

    def __init__(self, info: SwapperInfo, *, backend: str, threads: int | None = None) -> None:
        arrays = load_arrays("student_224")
        self.backend = graph_backend(backend, _part(arrays, "idn"), threads=threads)
        self._injection, self._threads = _part(arrays, "injection"), threads
        self._info = replace(info, device=self.backend.label)
        self._lock = threading.Lock()

    @cached_property
    def network(self) -> MobileFaceSwapNet:  # type: ignore[override]
        """The network as a PyTorch module."""
        return student_network().eval().requires_grad_(False)

    @cached_property
    def encoder(self) -> IdentityEncoder:  # type: ignore[override]
        """The recogniser as a PyTorch module."""
        from ..identity.encoder import load_identity_encoder

        return load_identity_encoder()

    @cached_property
    def device(self) -> torch.device:  # type: ignore[override]
        """The CPU."""
        import torch

        return torch.device("cpu")

    def condition(self, sources: Sequence[AlignedFace]) -> StudentCondition:
        """See :meth:`Student.condition`."""
        from .graph import constant_shapes

        kernels, embedding, feature_map = self._predicted(to_planes(self._photos(sources)))
        shapes = constant_shapes()
        ends = np.cumsum([np.prod(shape) for shape in shapes.values()])
        parts = np.split(kernels, ends[:-1])
        constants = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        vector = embedding[0].copy()
        vector.setflags(write=False)
        return StudentCondition(lambda: self._weights(vector, feature_map), vector, self.backend.bake(constants))

    def _predicted(self, photos: Array) -> list[NDArray[np.float32]]:
        """Kernels ``(K,)``, embedding ``(1, 512)`` and feature map ``(1, 512, 7, 7)`` of one person's photos."""
        with self._lock:  # the network is made once, for the first person
            session = self._identity
        return session.run(["kernels", "embedding", _feature_map()], {"photos": photos})  # type: ignore[no-any-return]

    @cached_property
    def _identity(self) -> Any:
        from onnx import TensorProto, helper

        from ..runtime.sessions import open_session
        from .identity_graph import identity_graph
        from .layout import EMBEDDING

        model = identity_graph(load_arrays("encoder_mobilefacenet"), self._injection)
        shape = (1, EMBEDDING, 7, 7)
        model.graph.output.append(helper.make_tensor_value_info(_feature_map(), TensorProto.FLOAT, shape))
        return open_session(model.SerializeToString(), threads=self._threads, spinning=False)

    def _weights(self, embedding: NDArray[np.float32], feature_map: NDArray[np.float32]) -> IdnWeights:
        import torch

        with torch.inference_mode():
            vector = torch.from_numpy(embedding.copy())[None]
            return self.network.condition(vector, torch.from_numpy(feature_map))


def _feature_map() -> str:
    from .identity_graph import FEATURE_MAP

    return FEATURE_MAP


def _part(arrays: Arrays, name: str) -> Arrays:
    return {key.removeprefix(f"{name}."): array for key, array in arrays.items() if key.startswith(f"{name}.")}
