"""The student as two ONNX files that make a swap without Python: one runs once per source, one on every frame.

``identity.onnx`` turns aligned photos of a person into ``kernels (K,)``. ``student.onnx`` is the baked per-frame graph
whose source constants lie in an external file, :data:`SOURCE_FILE`: the bytes of ``kernels``, float32 little endian.
ONNX Runtime takes such a file from memory, so a program that has run the first network can load the second with the
person inside, as fast as a file of :func:`~mobilefaceswap_core.student.export.export_baked` is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BackendError, OptionError
from ..files.atomic import write_bytes
from .export import TOLERANCE, Array, ExportReport, complete_graph, cpu_idn, describe_graph

if TYPE_CHECKING:
    import onnx

    from .idn import IdnWeights
    from .swapper import Student

IDENTITY_FILE, STUDENT_FILE, SOURCE_FILE = "identity.onnx", "student.onnx", "source.bin"


def export_pair(student: Student, folder: str | os.PathLike[str], *, glasses: bool = False) -> ExportReport:
    """Write both files.

    Args:
        student: of the layout that ships, with its own encoder, on the CPU.
        folder: where to; must exist.
        glasses: give the first the input ``glasses`` of :func:`~.identity_graph.identity_graph`, for who fills glasses as
            :mod:`~mobilefaceswap_core.identity.glasses` does.

    Returns:
        The report; its difference is that of the whole way from photo to swapped crop.

    Raises:
        OptionError: a student of another layout, or on another device.
        BackendError: ONNX Runtime is missing, or computes something else than PyTorch; nothing is written.
        OutputError: a file cannot be written.
    """
    from ..identity.filled import left_by_glasses
    from ..identity.mobilefacenet import MobileFaceNet
    from .graph import idn_graph, source_constants
    from .identity_graph import halve, identity_graph
    from .injection import CompactInjection

    injection, recogniser = student.network.injection, student.encoder.network
    if not (isinstance(injection, CompactInjection) and isinstance(recogniser, MobileFaceNet)):
        raise OptionError(f"{student.info.name} has another layout than the student that ships; only that is written.")
    if student.device.type != "cpu":
        raise OptionError(f"The student is on {student.device}; load it with device='cpu' to export it.")
    identity = halve(identity_graph(recogniser, injection, left=left_by_glasses() if glasses else None))
    contract = "photos: (N, 3, 224, 224) float32 RGB in [0, 1]"
    if glasses:
        contract += "; glasses: (1,) float32, in which share of them glasses were filled"
    describe_graph(identity, student, kind="identity", contract=contract)
    crops = _trial_crops(student.info.crop.size_px)
    condition = student.condition([_aligned(crops[0])])
    model = idn_graph(cpu_idn(student), condition.weights)
    complete_graph(model, student, kind="pair")
    _move_out(model, source_constants(condition.weights))
    difference = _pair_difference(student, condition, identity, model, crops)
    paths = Path(folder) / IDENTITY_FILE, Path(folder) / STUDENT_FILE
    write_bytes(paths[0], identity.SerializeToString())
    write_bytes(paths[1], model.SerializeToString())
    return ExportReport(paths, "pair", difference)


def source_file(weights: IdnWeights) -> bytes:
    """What ``identity.onnx`` would answer for a source, as the content of :data:`SOURCE_FILE`.

    Large kernels are rounded to what 16 bits hold, as in a file of 16 bits, so that the bytes compress well; they stay
    float32, which is what the file is read as.
    """
    from .graph import source_constants
    from .identity_graph import LEAST_HALVED

    arrays = source_constants(weights).values()
    rounded = [array.astype(np.float16) if array.size >= LEAST_HALVED else array for array in arrays]
    return b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in rounded)


def _move_out(model: onnx.ModelProto, names: Iterable[str]) -> None:
    """Replace the values of these constants by their places in the external file, one after another."""
    from onnx import TensorProto

    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    offset = 0
    for name in names:
        tensor = constants[name]
        length = len(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", SOURCE_FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        offset += length


def _trial_crops(side: int) -> Array:
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 255, side).astype(np.uint8)[None, :, None], (side, side, 3))
    return np.stack([noise, ramp])  # type: ignore[return-value]


def _aligned(crop: Any) -> Any:
    from ..types import AlignedFace

    return AlignedFace(np.ascontiguousarray(crop), np.eye(2, 3))


def _pair_difference(student: Student, condition: Any, identity: onnx.ModelProto, model: onnx.ModelProto, crops: Array
                     ) -> float:  # fmt: skip
    """Largest difference from PyTorch of swapped crops and masks, with the source of the first crop.

    Raises:
        BackendError: it is above :data:`~mobilefaceswap_core.student.export.TOLERANCE`.
    """
    import torch

    from ..runtime.sessions import open_session

    batch = crops.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    first = open_session(identity.SerializeToString(), threads=None)
    none = {given.name: np.zeros(1, np.float32) for given in first.get_inputs()[1:]}
    (kernels,) = first.run(["kernels"], {"photos": batch[:1], **none})
    data = np.ascontiguousarray(kernels, "<f4").tobytes()
    second = open_session(model.SerializeToString(), threads=None, external={SOURCE_FILE: data})
    got = second.run(["swapped", "mask"], {"crop": batch})
    with torch.inference_mode():
        want = cpu_idn(student)(torch.from_numpy(batch), condition.weights.to("cpu"))
    difference = max(float(np.abs(g - w.numpy()).max()) for g, w in zip(got, want, strict=True))
    if not difference <= TOLERANCE:  # NaN is refused too
        raise BackendError(
            f"The exported pair differs from PyTorch by {difference:.1e}, wanted at most {TOLERANCE:g}; nothing was "
            "written. Try another version of onnxruntime."
        )
    return difference
