"""ONNX Runtime sessions for small networks: those of the detectors, and the one for occlusion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import BackendError, WeightsError


def open_session(model: Path | bytes, *, device: str = "cpu") -> Any:
    """A session on one CPU thread, or on a CUDA device where ONNX Runtime has it.

    One thread: these networks take a few milliseconds, more threads only steal them from the swap, and the order of
    additions stays the same from run to run.

    Args:
        model: a file, or the bytes of one.

    Raises:
        BackendError: ONNX Runtime is not installed.
        WeightsError: the file is no network it can load.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"onnxruntime is not installed ({error}). Install it with `pip install onnxruntime`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: the networks' old opset makes it warn about unused initialisers
    try:
        return onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=providers_for(device)
        )
    except Exception as error:  # ONNX Runtime has no common base class for what a damaged file raises
        raise WeightsError(
            f"{'A graph' if isinstance(model, bytes) else model} is not a network that ONNX Runtime can load ({error}). "
            "Restore the file."
        ) from error


def providers_for(device: str) -> list[str]:
    """Execution providers for ``auto``, ``cpu``, ``cuda`` or ``mps``, best first.

    ``mps`` means the CPU here: the networks are too small to gain from leaving it.
    """
    import onnxruntime

    if (
        device == "auto" or device.startswith("cuda")
    ) and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def device_of(session: Any) -> str:
    """Where a session really runs, such as ``cpu / onnxruntime``."""
    return f"{'cuda' if 'CUDAExecutionProvider' in session.get_providers() else 'cpu'} / onnxruntime"
