"""The one place that makes ONNX Runtime sessions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import BackendError, WeightsError
from .threads import default_threads


def open_session(
    model: Path | bytes,
    *,
    name: str = "",
    device: str = "cpu",
    must_have_device: bool = False,
    threads: int | None = 1,
    spinning: bool = True,
    keeps_memory: bool = False,
    external: Mapping[str, bytes] | None = None,
    profile: Path | None = None,
    remedy: str = "Restore the file.",
) -> Any:
    """A session that logs errors only, on the CPU or on a CUDA device where ONNX Runtime has it.

    Args:
        model: an ONNX file, or its bytes.
        name: what to call it in messages; the path of a file if not given.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``; see :func:`providers_for`.
        must_have_device: refuse ``cuda`` where ONNX Runtime lacks it, instead of taking the CPU.
        threads: on the CPU; ``None`` takes all processors that this process may use. One is right for the small networks
            of the detectors: they take a few milliseconds, more threads only steal them from the swap, and the order of
            additions stays the same from run to run.
        spinning: let idle threads spin; without it they leave the processors to decoding and pasting.
        keeps_memory: keep what the largest run has taken for later ones. A run of a few MB is no faster for it; one of 100 MB
            takes 31 ms with it and 52 without, for the system clears what it gives.
        external: content of the files that the network keeps its weights in, by their names.
        profile: where the profiler writes, as a prefix; the session profiles if given.
        remedy: what to do about a file that cannot be loaded, as a sentence.

    Raises:
        BackendError: ONNX Runtime is not installed, or lacks a device that must be there.
        WeightsError: the file is no network it can load.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BackendError(
            f"onnxruntime is not installed ({error}). Install it with `pip install onnxruntime`."
        ) from error
    providers = providers_for(device)
    if must_have_device and device.startswith("cuda") and "CUDAExecutionProvider" not in providers:
        raise BackendError(
            f"This ONNX Runtime offers {onnxruntime.get_available_providers()}, not CUDAExecutionProvider; install "
            "onnxruntime-gpu, or choose the CPU."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or default_threads()
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = keeps_memory
    # A second run would plan one block for all it needs, and keep beside it what the first run has taken.
    options.enable_mem_pattern = not keeps_memory
    options.log_severity_level = 3  # errors only: old opsets make it warn about unused initialisers
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if external:
        contents = list(external.values())
        options.add_external_initializers_from_files_in_memory(list(external), contents, [len(c) for c in contents])
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    content = model if isinstance(model, bytes) else str(model)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # ONNX Runtime has no common base class for what a damaged file raises
        called = name or ("The network" if isinstance(model, bytes) else str(model))
        raise WeightsError(f"{called} is not a network that ONNX Runtime can load ({error}). {remedy}") from error
    # Its class for Python keeps the bytes of a graph, 22 MB of the one that reads a source, for whoever changes providers
    # later. Nobody does. Constants that lie outside of a graph would be let go too, but are not laid out for speed: 24 ms for 15.
    session._model_bytes = None
    return session


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
