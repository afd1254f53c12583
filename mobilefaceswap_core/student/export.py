"""The IDN as ONNX files, checked against PyTorch before they are written.

Two forms: *baked*, one file per source with the source's kernels inside (fastest, needs nothing else to swap), and
*dynamic*, one graph for all sources with the kernels as inputs; a source is then an ``.npz`` of arrays.
:mod:`.exported` reads both back; :mod:`mobilefaceswap_core.student.mobile` writes baked networks for what runs on phones.

Inputs and outputs: ``crop (N, 3, S, S)`` RGB in [0, 1] -> ``swapped`` (blended with the mask), ``mask`` and ``face`` (before
blending), all in [0, 1].
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, OutputError
from ..files.atomic import write_bytes
from .contract import BLUE_EYES, properties_of

if TYPE_CHECKING:
    import onnx

    from .swapper import Student, StudentCondition

Array = NDArray[np.float32]
Run = Callable[[Array], Mapping[str, Array]]  # crops (N, 3, S, S) in [0, 1] -> outputs by name, in that layout
TOLERANCE = 1e-4  # the largest difference from PyTorch a written file may have; that of the parity check
HALF_TOLERANCE = 4e-3  # one grey level of 255; measured: up to 2.4e-3, with the portraits of the demo as sources


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how far it is from PyTorch.

    Attributes:
        paths: the files.
        kind: ``baked`` or ``dynamic``.
        max_difference: largest absolute difference from PyTorch of what it computes, in [0, 1] units; for Core ML
            of its operators as PyTorch computes them, for it runs elsewhere only.
        mean_difference: the mean one, of a file in 8 bits on faces.
        tolerance: what the mean difference, or else the largest, was held to.
        format: see :data:`~.mobile.formats.FORMATS`.
        precision: how numbers are stored.
    """

    paths: tuple[Path, ...]
    kind: str
    max_difference: float
    mean_difference: float | None = None
    tolerance: float = TOLERANCE
    format: str = "onnx"
    precision: str = "float32"


def export_baked(
    student: Student,
    condition: StudentCondition,
    path: str | os.PathLike[str],
    *,
    half: bool = False,
    blue_eyes: float = 1.0,
) -> ExportReport:
    """Write one source's network.

    Args:
        student: the swapper the condition was made with.
        condition: of one person.
        path: ends in ``.onnx``.
        half: store the large constants in 16 bits: 1.1 MB instead of 2. The network still computes in 32; what rounding the
            kernels changes is held to :data:`HALF_TOLERANCE`.
        blue_eyes: how surely the person's are, in [0, 1]; 1 where nobody knows.

    Raises:
        BackendError: ONNX Runtime is missing, or computes something else than PyTorch; nothing is written.
        OutputError: the file cannot be written.
    """
    from .graph import idn_graph

    path = _onnx_path(path)
    model = idn_graph(cpu_idn(student), condition.weights.to("cpu"))
    complete_graph(model, student, kind="baked", blue_eyes=blue_eyes)
    if half:
        from .identity_graph import halve

        model = halve(model)
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    difference = _difference(student, condition, model, {}, tolerance=tolerance)
    write_bytes(path, model.SerializeToString())
    return ExportReport((path,), "baked", difference, tolerance=tolerance, precision="float16" if half else "float32")


def export_dynamic(
    student: Student,
    condition: StudentCondition,
    path: str | os.PathLike[str],
    *,
    weights_path: str | os.PathLike[str] | None = None,
    blue_eyes: float = 1.0,
) -> ExportReport:
    """Write the network of all sources, with kernels as inputs.

    Args:
        student: the swapper.
        condition: of some person; the graph is checked with it.
        path: ends in ``.onnx``.
        weights_path: ``.npz`` to write this person's inputs to, and how surely their eyes are blue.
        blue_eyes: that, as in :func:`export_baked`.

    Raises:
        BackendError: ONNX Runtime is missing, or computes something else than PyTorch; nothing is written.
        OutputError: a file cannot be written.
    """
    from .graph import graph_input, idn_graph

    path = _onnx_path(path)
    if weights_path is not None:
        weights_place(weights_path)
    feed = {name: graph_input(name, kernel) for name, kernel in condition.weights.tensors().items()}
    model = idn_graph(cpu_idn(student), None)
    complete_graph(model, student, kind="dynamic")
    difference = _difference(student, condition, model, feed)
    write_bytes(path, model.SerializeToString())
    written = [path]
    if weights_path is not None:
        write_bytes(Path(weights_path), source_outside_bytes(feed, blue_eyes))
        written.append(Path(weights_path))
    return ExportReport(tuple(written), "dynamic", difference)


def source_outside_bytes(feed: Mapping[str, Array], blue_eyes: float) -> bytes:
    """The ``.npz`` of a person whose network is another file.

    Args:
        feed: the network's inputs besides ``crop``.
        blue_eyes: how surely the person's are, in [0, 1].
    """
    buffer = io.BytesIO()
    arrays = {**feed, BLUE_EYES: np.float32(blue_eyes)}
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its stub takes the keyword allow_pickle for one of them
    return buffer.getvalue()


def _onnx_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() != ".onnx":
        raise OutputError(f"{path}: an exported network is an .onnx file; change the extension.")
    return path


def weights_place(path: str | os.PathLike[str]) -> Path:
    """Where the inputs of a source go.

    Raises:
        OutputError: the path does not end in ``.npz``.
    """
    if Path(path).suffix.lower() != ".npz":
        raise OutputError(f"{path}: the inputs of a source are written as .npz; change the extension.")
    return Path(path)


def cpu_idn(student: Student) -> Any:
    """The student's per-frame network on the CPU: itself, or a copy."""
    import copy

    return student.network.idn if student.device.type == "cpu" else copy.deepcopy(student.network.idn).cpu()


def complete_graph(model: onnx.ModelProto, student: Student, *, kind: str, blue_eyes: float | None = None) -> None:
    """Finish a per-frame graph.

    Adds the face before blending as an output, for programs that paste back themselves, and the input contract.
    """
    from onnx import TensorProto, helper

    contract = "crop: (N, 3, S, S) float32 RGB in [0, 1], not normalised"
    describe_graph(model, student, kind=kind, contract=contract, blue_eyes=blue_eyes)
    face = helper.make_tensor_value_info("face", TensorProto.FLOAT, ["batch", 3, "side", "side"])
    model.graph.output.append(face)


def describe_graph(
    model: onnx.ModelProto, student: Student, *, kind: str, contract: str, blue_eyes: float | None = None
) -> None:
    """Write :func:`~.contract.properties_of` into a graph's metadata."""
    from onnx import helper

    helper.set_model_props(model, properties_of(student, kind=kind, contract=contract, blue_eyes=blue_eyes))


def trial_crops(side: int) -> Array:
    """Two crops that every written network is tried on, one of noise and one smooth; ``(2, 3, S, S)``."""
    noise = np.random.default_rng(0).random((1, 3, side, side), np.float32)
    ramp = np.broadcast_to(np.linspace(0, 1, side, dtype=np.float32), (1, 3, side, side))
    return np.concatenate([noise, ramp])


def wanted_outputs(student: Student, condition: StudentCondition, crops: Array) -> dict[str, Array]:
    """What PyTorch computes from ``(N, 3, S, S)`` crops, by the names of a graph's outputs."""
    import torch

    with torch.inference_mode():
        batch = torch.from_numpy(crops)
        face, logits = cpu_idn(student).face_and_mask_logits(batch, condition.weights.to("cpu"))
        mask = torch.sigmoid(logits)
        outputs = {"swapped": face * mask + batch * (1 - mask), "mask": mask, "face": face}
    return {name: tensor.numpy() for name, tensor in outputs.items()}


def check_difference(
    student: Student, condition: StudentCondition, run: Run, *, tolerance: float, remedy: str
) -> float:
    """Largest difference from PyTorch of what a network computes from :func:`trial_crops`.

    Args:
        student: the network was made of.
        condition: the person inside.
        run: the network.
        tolerance: the largest difference that is allowed, in [0, 1] units.
        remedy: what to do about one above it, as a sentence.

    Raises:
        BackendError: it is above the tolerance.
    """
    crops = trial_crops(student.info.crop.size_px)
    wanted = wanted_outputs(student, condition, crops)
    difference = max(float(np.abs(got - wanted[name]).max()) for name, got in run(crops).items())
    if not difference <= tolerance:  # NaN is refused too
        raise BackendError(
            f"The exported graph differs from PyTorch by {difference:.1e}, wanted at most {tolerance:g}; nothing was "
            f"written. {remedy}"
        )
    return difference


def _difference(
    student: Student,
    condition: StudentCondition,
    model: onnx.ModelProto,
    feed: dict[str, Array],
    *,
    tolerance: float = TOLERANCE,
) -> float:
    """:func:`check_difference` of an ONNX graph."""
    from ..runtime.sessions import open_session

    session = open_session(model.SerializeToString(), name="the exported graph", threads=None)
    names = [output.name for output in session.get_outputs()]

    def run(crops: Array) -> dict[str, Array]:
        return dict(zip(names, session.run(names, {"crop": crops, **feed}), strict=True))

    return check_difference(student, condition, run, tolerance=tolerance, remedy="Try another version of onnxruntime.")
