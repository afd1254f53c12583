"""Phone files read back: each runtime as a function of crops, and as a swapper for ``--model``.

What runs here is what runs on the phone, the same library on another processor.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import OptionError, WeightsError
from ...runtime.threads import default_threads
from ..backends import IdnRunner
from ..contract import check_format, stated_info
from ..exported import ExportedSwapper, check_ends, load_conditioned_onnx, read_bounded
from .formats import RUNNABLE_SUFFIXES, Format, format_of_path

Array = NDArray[np.float32]


def load_exported(path: Path, *, threads: int | None = None) -> ExportedSwapper:
    """A swapper from an exported file of any format that runs here.

    Args:
        path: as given to ``export --out``.
        threads: CPU threads; all processors this process may use if not given.

    Raises:
        OptionError: the format runs elsewhere only, or is none.
        BackendError: its runtime is not installed.
        WeightsError: a file is missing, damaged, or was not made by ``export``.
    """
    entry = _runnable(path)
    if entry.name == "onnx":
        return load_conditioned_onnx(path, threads=threads)
    properties, run = _opened(path, entry, threads or default_threads())
    return ExportedSwapper(run, stated_info(properties, path, device=f"cpu / {entry.title}"))


def open_runner(path: Path, *, threads: int) -> IdnRunner:
    """The network in an exported file, as a function of crops; see :func:`load_exported`."""
    entry = _runnable(path)
    if entry.name == "onnx":
        return onnx_runner(read_bounded(path), path, threads=threads)
    return _opened(path, entry, threads)[1]


def onnx_runner(data: bytes, path: Path, *, threads: int | None) -> IdnRunner:
    """A baked ONNX file's content as a function of crops.

    Args:
        data: of the file.
        path: its name, for messages.
        threads: CPU threads; all processors this process may use if not given.
    """
    from ...runtime.sessions import open_session

    session = open_session(data, name=str(path), threads=threads, spinning=False, remedy="Export it again.")

    def run(crops: Array) -> tuple[Array, Array]:
        found = [session.run(["face", "mask"], {"crop": crop[None]}) for crop in crops]
        face, mask = (np.concatenate(outputs) for outputs in zip(*found, strict=True))
        return face, mask

    return run


def tflite_runner(data: bytes, path: Path, *, threads: int) -> IdnRunner:
    """A LiteRT file's content as a function of crops.

    Args:
        data: of the file.
        path: its name, for messages.
        threads: CPU threads.

    Raises:
        WeightsError: LiteRT cannot load it, or it has other inputs and outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=data, num_threads=threads)
        interpreter.allocate_tensors()
        (signature,) = interpreter.get_signature_list().values()
    except Exception as error:  # whatever a damaged file makes the library raise
        raise WeightsError(f"{path} is not a network that LiteRT can load ({error}). Export it again.") from error
    check_ends(path, set(signature["inputs"]), set(signature["outputs"]))
    call, lock = interpreter.get_signature_runner(), threading.Lock()

    def run(crops: Array) -> tuple[Array, Array]:
        found = []
        for crop in crops:
            with lock:  # an interpreter has one set of buffers
                found.append(call(crop=np.ascontiguousarray(crop.transpose(1, 2, 0)[None])))
        face, mask = (np.concatenate([result[name] for result in found]) for name in ("face", "mask"))
        return face.transpose(0, 3, 1, 2), mask.transpose(0, 3, 1, 2)

    return run


def ncnn_runner(net: Any) -> IdnRunner:
    """A network of ncnn as a function of crops."""
    import ncnn

    def run(crops: Array) -> tuple[Array, Array]:
        faces: list[Array] = []
        masks: list[Array] = []
        for crop in crops:
            extractor = net.create_extractor()
            planes = np.ascontiguousarray(crop)  # named, since ncnn reads its memory and does not keep it
            # A copy of its own: the first layer works in place, and frees what it has worked on.
            extractor.input("crop", ncnn.Mat(planes).clone())
            for name, into in (("face", faces), ("mask", masks)):
                state, value = extractor.extract(name)
                if state != 0:
                    raise WeightsError(f"The network of ncnn has no output {name}. Export it again.")
                into.append(np.array(value, np.float32).reshape(-1, *crop.shape[1:]))
        return np.stack(faces), np.stack(masks)

    return run


def _runnable(path: Path) -> Format:
    """The format of a file that is there and can be run here."""
    entry = format_of_path(path)
    if entry is None or not entry.runs:
        raise OptionError(f"{path} cannot be run here; files that can end in .onnx, {', '.join(RUNNABLE_SUFFIXES)}.")
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Make one with `python -m mobilefaceswap_core export`.")
    entry.require(entry.runs, to="run")
    return entry


def _opened(path: Path, entry: Format, threads: int) -> tuple[dict[str, str], IdnRunner]:
    """Properties and network of a LiteRT or ncnn file."""
    if entry.name == "tflite":
        from .tflite import read_properties

        data = read_bounded(path)
        properties = read_properties(data, path)
        check_format(properties, path)
        return properties, tflite_runner(data, path, threads=threads)
    from . import ncnn

    properties = ncnn.read_properties(path)
    check_format(properties, path)
    return properties, ncnn_runner(ncnn.load_net(path, threads=threads))
