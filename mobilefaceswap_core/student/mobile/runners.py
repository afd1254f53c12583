"""Phone files read back: each runtime as a function of crops, and as a swapper for ``--model``.

What runs here is what runs on the phone, the same library on another processor.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import OptionError, WeightsError
from ...runtime.threads import default_threads
from ..backends import IdnRunner
from ..contract import BLUE_EYES, PART_FORMAT, check_format, stated_blue_eyes, stated_info
from ..exported import ExportedSwapper, beside_dynamic, load_conditioned_onnx, read_bounded, read_source_outside
from ..graph import constant_shapes
from .baked import KERNELS, OUTPUTS
from .formats import RUNNABLE_SUFFIXES, Format, format_of_path
from .steps import Array, Call, Shape


def load_exported(path: Path, *, threads: int | None = None) -> ExportedSwapper:
    """A swapper from an exported file of any format that runs here.

    Args:
        path: as given to ``export --out``; of a network with its source outside, that source lies beside it as ``.npz``.
        threads: CPU threads; all processors this process may use if not given.

    Raises:
        OptionError: the format runs elsewhere only, or is none.
        BackendError: its runtime is not installed.
        WeightsError: a file is missing, damaged, or was not made by ``export``.
    """
    entry = _runnable(path)
    if entry.name == "onnx":
        return load_conditioned_onnx(path, threads=threads)
    properties, call = _opened(path, entry, threads or default_threads())
    check_format(properties, path)
    info = stated_info(properties, path, device=f"cpu / {entry.title}")
    feed, blue_eyes = _person(properties, path)
    return ExportedSwapper(crop_by_crop(call, feed), info, blue_eyes=blue_eyes)


def open_runner(path: Path, *, threads: int) -> IdnRunner:
    """The per-frame network in an exported file, as a function of crops; see :func:`load_exported`."""
    entry = _runnable(path)
    if entry.name == "onnx":
        return onnx_runner(read_bounded(path), path, threads=threads)
    properties, call = _opened(path, entry, threads)
    check_format(properties, path)
    return crop_by_crop(call, _person(properties, path)[0])


def open_part(path: Path, *, threads: int | None = None) -> tuple[dict[str, str], Call]:
    """One of the networks around the per-frame one (:mod:`.around`), read back.

    Args:
        path: as given to ``export --part NAME --out``.
        threads: CPU threads; all processors this process may use if not given.

    Returns:
        What the file says of itself, and the network; its arrays are in ONNX's order whatever the format is.

    Raises:
        OptionError, BackendError, WeightsError: as :func:`load_exported`.
    """
    entry = _runnable(path)
    properties, call = _opened(path, entry, threads or default_threads())
    if properties.get("format") != PART_FORMAT:
        raise WeightsError(f"{path} is none of the networks around the per-frame one. Export it with `--part NAME`.")
    return properties, call


def onnx_runner(data: bytes, path: Path, *, threads: int | None) -> IdnRunner:
    """A baked ONNX file's content as a function of crops.

    Args:
        data: of the file.
        path: its name, for messages.
        threads: CPU threads; all processors this process may use if not given.
    """
    return crop_by_crop(onnx_call(data, path, threads=threads)[1])


def onnx_call(data: bytes, path: Path, *, threads: int | None) -> tuple[dict[str, str], Call]:
    """What an ONNX file says of itself, and its network."""
    from ...runtime.sessions import open_session

    session = open_session(data, name=str(path), threads=threads, spinning=False, remedy="Export it again.")
    names = [value.name for value in session.get_outputs()]

    def call(given: Mapping[str, Array]) -> dict[str, Array]:
        return dict(zip(names, session.run(names, dict(given)), strict=True))

    return session.get_modelmeta().custom_metadata_map, call


def tflite_call(data: bytes, path: Path, *, threads: int) -> Call:
    """A LiteRT file's content; pictures are turned round on the way in and out.

    Args:
        data: of the file.
        path: its name, for messages.
        threads: CPU threads.

    Raises:
        WeightsError: LiteRT cannot load it.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=data, num_threads=threads)
        interpreter.allocate_tensors()
        (signature,) = interpreter.get_signature_list().values()
        run = interpreter.get_signature_runner()
        outputs = {name: len(found["shape"]) for name, found in run.get_output_details().items()}
    except Exception as error:  # whatever a damaged file makes the library raise
        raise WeightsError(f"{path} is not a network that LiteRT can load ({error}). Export it again.") from error
    lock, inputs = threading.Lock(), set(signature["inputs"])

    def call(given: Mapping[str, Array]) -> dict[str, Array]:
        if set(given) != inputs:
            raise WeightsError(f"{path} reads {sorted(inputs)}, got {sorted(given)}. Export it again.")
        turned = {name: x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for name, x in given.items()}
        with lock:  # an interpreter has one set of buffers
            found = run(**{name: np.ascontiguousarray(x) for name, x in turned.items()})
        return {name: x.transpose(0, 3, 1, 2) if outputs[name] == 4 else x for name, x in found.items()}

    return call


def ncnn_call(net: Any, outputs: Mapping[str, Shape]) -> Call:
    """A network of ncnn, one crop at a time.

    Args:
        net: of :func:`~.ncnn.load_net`.
        outputs: their sizes by name, as ONNX has them.
    """
    import ncnn

    def call(given: Mapping[str, Array]) -> dict[str, Array]:
        extractor = net.create_extractor()
        kept = []
        for name, value in given.items():
            planes = np.ascontiguousarray(value[0] if value.ndim > 1 else value)
            kept.append(planes)  # ncnn reads its memory and does not keep it
            # A copy of its own: the first layer works in place, and frees what it has worked on.
            extractor.input(name, ncnn.Mat(planes).clone())
        found = {}
        for name, shape in outputs.items():
            state, value = extractor.extract(name)
            if state != 0:
                raise WeightsError(f"The network of ncnn has no output {name}. Export it again.")
            found[name] = np.array(value, np.float32).reshape(shape)
        return found

    return call


def crop_by_crop(call: Call, feed: Mapping[str, Array] | None = None) -> IdnRunner:
    """A per-frame network as a function of any number of crops.

    Args:
        call: reads one crop.
        feed: what it reads besides.
    """

    def run(crops: Array) -> tuple[Array, Array]:
        found = [call({"crop": crop[None], **(feed or {})}) for crop in crops]
        if missing := [name for name in OUTPUTS if name not in found[0]]:
            raise WeightsError(f"The network gives {sorted(found[0])}, wanted {missing} too. Export it again.")
        face, mask = (np.concatenate([result[name] for result in found]) for name in OUTPUTS)
        return face, mask

    return run


def _person(properties: Mapping[str, str], path: Path) -> tuple[dict[str, Array], float]:
    """What the per-frame network reads besides a crop, and how surely its person's eyes are blue.

    The source lies beside it where it has none inside.
    """
    if properties.get("kind") != "dynamic":
        return {}, stated_blue_eyes(properties.get(BLUE_EYES), path)
    arrays, blue_eyes = read_source_outside(beside_dynamic(path))
    count = sum(int(np.prod(shape)) for shape in constant_shapes().values())
    if set(arrays) != {KERNELS} or arrays[KERNELS].shape != (count,):
        raise WeightsError(
            f"{path.with_suffix('.npz')} does not hold the input that {path.name} wants, {KERNELS} ({count},). Export both again, "
            "together."
        )
    return {KERNELS: np.ascontiguousarray(arrays[KERNELS], np.float32)}, blue_eyes


def _runnable(path: Path) -> Format:
    """The format of a file that is there and can be run here."""
    entry = format_of_path(path)
    if entry is None or not entry.runs:
        raise OptionError(f"{path} cannot be run here; files that can end in .onnx, {', '.join(RUNNABLE_SUFFIXES)}.")
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Make one with `python -m mobilefaceswap_core export`.")
    entry.require(entry.runs, to="run")
    return entry


def _opened(path: Path, entry: Format, threads: int) -> tuple[dict[str, str], Call]:
    """What a file says of itself, and its network."""
    if entry.name == "onnx":
        return onnx_call(read_bounded(path), path, threads=threads)
    if entry.name == "tflite":
        from .tflite import read_properties

        data = read_bounded(path)
        return read_properties(data, path), tflite_call(data, path, threads=threads)
    if entry.name == "executorch":
        from .executorch import executorch_call

        return executorch_call(read_bounded(path), path)
    from . import ncnn

    properties = ncnn.read_properties(path)
    shapes = ncnn.stated_outputs(properties, path)
    return properties, ncnn_call(ncnn.load_net(path, threads=threads), shapes)
