"""Where the IDN runs: C of this project's own, PyTorch, ONNX Runtime or OpenVINO.

A backend bakes one source's kernels into a runner once; a runner is an immutable function of crops and may be called from
several threads.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ..compiled.library import missing_for_native
from ..errors import BackendError
from ..runtime.devices import computes_bfloat16, device_name, is_cpu
from ..runtime.openvino_cpu import OpenVinoCpu
from ..runtime.threads import default_threads

if TYPE_CHECKING:
    import onnx
    import torch

    from ..runtime.graphs import Arrays
    from .idn import Idn, IdnWeights

Array = NDArray[np.float32]
BACKENDS = ("native", "native-bf16", "onnxruntime", "openvino", "torch")


class IdnRunner(Protocol):
    """Crops ``(N, 3, S, S)`` float32 in [0, 1] -> face ``(N, 3, S, S)`` and mask ``(N, 1, S, S)``, in [0, 1]."""

    def __call__(self, crops: Array) -> tuple[Array, Array]: ...


class IdnBackend(Protocol):
    """Owns what all sources share; ``label`` names the library and device really in use."""

    label: str

    def bake(self, weights: IdnWeights) -> IdnRunner:
        """A runner for one source."""
        ...


class LightBackend(Protocol):
    """A backend that needs no PyTorch."""

    label: str

    def bake(self, weights: IdnWeights | Arrays) -> IdnRunner:
        """A runner for one source: its kernels, or what :func:`~.graph.source_constants` makes of them."""
        ...


class TorchBackend:
    """PyTorch on any device; channels-last, kernels of one source shared by the whole batch."""

    def __init__(self, idn: Idn, *, device: torch.device | str = "cpu") -> None:
        import torch

        self.device = torch.device(device)
        own: Idn = idn.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.idn = own.eval().requires_grad_(False)
        self.label = f"{self.device} / torch"

    def bake(self, weights: IdnWeights) -> IdnRunner:
        import torch

        own = weights.to(self.device)

        def run(crops: Array) -> tuple[Array, Array]:
            with torch.inference_mode():
                x = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device, memory_format=torch.channels_last)
                face, logits = self.idn.face_and_mask_logits(x, own)
                return face.cpu().numpy(), torch.sigmoid(logits).cpu().numpy()

        return run


class BakedGraph:
    """The IDN's graph, written once; a source only puts its kernels in.

    Args:
        heads: tensors of the two heads, by the names of their state.
    """

    def __init__(self, heads: Arrays) -> None:
        self._heads, self._lock = heads, threading.Lock()
        self._written: onnx.ModelProto | None = None

    def of(self, weights: IdnWeights | Arrays) -> bytes:
        """The model of one source, with outputs ``face`` and ``mask``."""
        import onnx

        from .graph import constants_of, idn_graph

        constants = constants_of(weights)
        with self._lock:  # written for the first source, whose kernels the next ones replace
            if self._written is None:
                self._written = idn_graph(self._heads, constants, output="face")
        model = onnx.ModelProto()
        model.CopyFrom(self._written)
        for tensor in model.graph.initializer:
            if tensor.name in constants:
                tensor.raw_data = np.ascontiguousarray(constants[tensor.name], np.float32).tobytes()
        return model.SerializeToString()


class OnnxRuntimeBackend:
    """ONNX Runtime on the CPU, one session per source."""

    def __init__(self, idn: Idn | Arrays, *, threads: int | None = None) -> None:
        if find_spec("onnxruntime") is None:
            raise BackendError(
                "The backend 'onnxruntime' is not installed. Run `pip install onnxruntime`, or choose backend 'torch'."
            )
        self._graph = BakedGraph(_arrays(idn))
        self._threads = threads or default_threads()
        self.label = "cpu / onnxruntime"

    def bake(self, weights: IdnWeights | Arrays) -> IdnRunner:
        from ..runtime.sessions import open_session

        session = open_session(self._graph.of(weights), threads=self._threads, spinning=False, keeps_memory=True)

        def run(crops: Array) -> tuple[Array, Array]:
            # One by one: six in one run take as long and six times the memory, which the system first has to clear.
            answers = [session.run(["face", "mask"], {"crop": np.ascontiguousarray(crop[None])}) for crop in crops]
            return np.concatenate([face for face, _ in answers]), np.concatenate([mask for _, mask in answers])

        return run


class OpenVinoBackend:
    """OpenVINO on the CPU, an optional extra; bfloat16 where the processor computes it."""

    def __init__(self, idn: Idn | Arrays, *, threads: int | None = None) -> None:
        self._cpu = OpenVinoCpu(threads=threads, bfloat16=True)
        self._graph = BakedGraph(_arrays(idn))
        self.label = self._cpu.label

    def bake(self, weights: IdnWeights | Arrays) -> IdnRunner:
        compiled = self._cpu.compile(self._graph.of(weights))

        def run(crops: Array) -> tuple[Array, Array]:
            # A request per call keeps the runner free of shared state.
            result = compiled.create_infer_request().infer({"crop": np.ascontiguousarray(crops)}, share_outputs=False)
            return np.asarray(result["face"]), np.asarray(result["mask"])

        return run


def _arrays(idn: Idn | Arrays) -> Arrays:
    from ..runtime.graphs import arrays_of

    return arrays_of(idn)


def backend_name(name: str, *, device: torch.device | str = "cpu") -> str:
    """The backend that a name stands for on a device.

    Args:
        name: ``auto`` (on a CPU the first of ``native`` and ONNX Runtime that is there, else PyTorch) or one of
            :data:`BACKENDS`.
        device: a torch device or its name; all but PyTorch run on the CPU here.

    Raises:
        BackendError: unknown, or not for this device.
    """
    on_cpu = is_cpu(device)
    if name == "auto":
        there = missing_backends()
        return next(one for one in ("native", "onnxruntime", "torch") if one == "torch" or (on_cpu and not there[one]))
    if name not in BACKENDS:
        raise BackendError(f"Unknown backend {name!r}; choose auto, {', '.join(BACKENDS)}.")
    if name != "torch" and not on_cpu:
        raise BackendError(
            f"The backend {name!r} runs on the CPU only, got device {device}; use backend 'torch' or device 'cpu'."
        )
    return name


def clip_backend(*, device: str = "auto") -> str:
    """The fastest backend for many frames: the own C in bfloat16, else in float32, else ``openvino`` where it is installed and the CPU
    computes bfloat16. One photo is computed in float32.

    One thread, ms a frame, in OpenVINO, in ONNX Runtime and in the own C: 5.8, 8.6 and 3.7 on an AMD EPYC with AVX-512 and bfloat16,
    where the C in bfloat16 takes seven tenths of that, 17.2, 15.5 and 7.6 on one with AVX2 alone, 8.0 and 12.7 on a Xeon with AMX, where
    the C was not measured: it takes half of ONNX Runtime's time or less on the others. For one photo OpenVINO is slower anywhere: it takes
    0.33 s to be loaded and to compile a source, ONNX Runtime 0.02 s, the own C nothing.

    Args:
        device: as ``--device`` names it; all of these run on the CPU only.

    Raises:
        BackendError: the device was asked for and is not there.
    """
    if not is_cpu(device_name(device)):
        return "auto"
    if not missing_for_native(bfloat16=True):
        return "native-bf16"
    fits = bool(missing_for_native()) and find_spec("openvino") is not None and computes_bfloat16()
    return "openvino" if fits else "auto"


def missing_backends() -> dict[str, str]:
    """For each backend, ``""`` where it may be asked for, otherwise what is missing. Loads no library of others."""
    absent = {name: "" if find_spec(name) else f"not installed: pip install {name}" for name in BACKENDS}
    return absent | {"native": missing_for_native(), "native-bf16": missing_for_native(bfloat16=True)}


def light_backend(name: str, idn: Idn | Arrays, *, threads: int | None = None) -> LightBackend:
    """Make any but ``torch``; see :func:`choose_backend`."""
    if name in ("native", "native-bf16"):
        from .native import NativeBackend

        return NativeBackend(idn, threads=threads, bfloat16=name == "native-bf16")
    return OnnxRuntimeBackend(idn, threads=threads) if name == "onnxruntime" else OpenVinoBackend(idn, threads=threads)


def choose_backend(
    name: str, idn: Idn, *, device: torch.device | str = "cpu", threads: int | None = None
) -> IdnBackend:
    """Make a backend.

    Args:
        name: see :func:`backend_name`.
        idn: the two heads.
        device: as there.
        threads: for CPU inference; all processors this process may use if not given.

    Raises:
        BackendError: unknown, not installed, or not for this device.
    """
    name = backend_name(name, device=device)
    return TorchBackend(idn, device=device) if name == "torch" else light_backend(name, idn, threads=threads)
