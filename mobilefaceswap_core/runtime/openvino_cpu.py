"""The one place that compiles graphs with OpenVINO, an optional extra."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, WeightsError
from .threads import default_threads

# As ONNX Runtime calls them, so that a graph's inputs read the same whoever runs it.
_TYPES = {"f32": "tensor(float)", "f16": "tensor(float16)", "f64": "tensor(double)"}


class OpenVinoCpu:
    """OpenVINO on the CPU with its settings.

    Args:
        threads: all processors that this process may use if not given.
        bfloat16: compute in it where the processor does so by itself; float32 everywhere otherwise.

    Attributes:
        label: library, device and precision in use.

    Raises:
        BackendError: OpenVINO is not installed.
    """

    def __init__(self, *, threads: int | None = None, bfloat16: bool = False) -> None:
        if find_spec("openvino") is None:
            raise BackendError(
                "The backend 'openvino' is not installed. Run `pip install openvino`, or choose another backend."
            )
        import openvino

        self._core = openvino.Core()
        # "BF16" is listed only for processors with AMX or AVX-512 BF16, where it is the faster type.
        fast = bfloat16 and "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
            "INFERENCE_NUM_THREADS": threads or default_threads(),
            "PERFORMANCE_HINT": "LATENCY",
        }
        self.label = f"cpu / openvino {'bf16' if fast else 'f32'}"

    def compile(self, model: Path | bytes) -> Any:
        """A compiled model of an ONNX graph; a request of its own per call keeps it free of shared state."""
        return self._core.compile_model(self._core.read_model(model), "CPU", self._config)


class OpenVinoSession:
    """A compiled file that answers as a session of ONNX Runtime does: inputs, outputs, ``run``.

    Args:
        path: an ONNX file.
        threads: see :class:`OpenVinoCpu`.
        remedy: what to do about a file that cannot be loaded, as a sentence.

    Raises:
        BackendError: OpenVINO is not installed.
        WeightsError: the file is no network it can load.
    """

    def __init__(self, path: Path, *, threads: int | None = None, remedy: str = "Restore the file.") -> None:
        cpu = OpenVinoCpu(threads=threads)
        try:
            self._model = cpu.compile(path)
        except Exception as error:  # OpenVINO raises RuntimeError and others for what a damaged file holds
            raise WeightsError(f"{path} is not a network that OpenVINO can load ({error}). {remedy}") from error
        self.label = cpu.label

    def get_inputs(self) -> list[OpenVinoValue]:
        """The graph's inputs, in order."""
        return [OpenVinoValue(port) for port in self._model.inputs]

    def get_outputs(self) -> list[OpenVinoValue]:
        """The graph's outputs, in order."""
        return [OpenVinoValue(port) for port in self._model.outputs]

    def run(self, names: None, feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs, in order; ``names`` is there because ONNX Runtime wants it."""
        ports = {OpenVinoValue(port).name: port for port in self._model.inputs}
        given = {ports[name]: value for name, value in feeds.items()}
        result = self._model.create_infer_request().infer(given, share_outputs=False)
        return [np.asarray(result[port]) for port in self._model.outputs]


class OpenVinoValue:
    """An input or output: ``name``, ``shape`` (``None`` for what the file leaves open) and ``type``."""

    def __init__(self, port: Any) -> None:
        shape = port.get_partial_shape()
        sides = [] if shape.rank.is_dynamic else list(shape)
        # A value may have several names, where a layer does nothing to it; that of its node is the one in the file.
        self.name: str = port.get_node().get_friendly_name()
        self.shape = [None if side.is_dynamic else side.get_length() for side in sides]
        self.type = _TYPES.get(port.get_element_type().get_type_name(), "other")
