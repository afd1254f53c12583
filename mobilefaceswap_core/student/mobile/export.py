"""Writes a network in any format, and only after it was compared with what runs here."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import onnx

from ...errors import BackendError, OptionError
from ...files.atomic import write_bytes, written_whole
from ...types import Image
from ..contract import properties_of
from ..export import (
    HALF_TOLERANCE,
    TOLERANCE,
    ExportReport,
    check_difference,
    export_baked,
    source_outside_bytes,
    wanted_outputs,
    weights_place,
)
from ..identity_graph import flat_kernels, halve
from .around import PhonePart, part_named
from .baked import KERNELS, baked_graph, source_outside
from .formats import Format, Precision, check_dynamic, check_precision, choose_format
from .quantise import Quantisation, calibrate, calibration_batch, quantised_onnx
from .runners import crop_by_crop, ncnn_call, onnx_call, tflite_call
from .steps import Array, Call, outputs_of, shapes

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition

_CHANNELS_FIRST = "crop: (1, 3, S, S) float32 RGB in [0, 1], not normalised; face and mask likewise"
_CHANNELS_LAST = "crop: (1, S, S, 3) float32 RGB in [0, 1], not normalised; face and mask likewise"
_KERNELS_TOO = "; kernels: (K,) float32, as the identity network of the same package gives them"
# Of the mean difference on faces, in [0, 1] units: nearly four grey levels. Measured: 0.006 to 0.009, the demo's portraits as
# sources and the astronaut as target.
INT8_TOLERANCE = 0.015


class Differences(NamedTuple):
    """Largest and mean absolute difference from PyTorch, and what one of them was held to."""

    largest: float
    mean: float | None
    tolerance: float


def export_as(
    student: Student,
    condition: StudentCondition,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    precision: Precision = "float32",
    faces: Sequence[Image] = (),
    blue_eyes: float = 1.0,
) -> ExportReport:
    """Write one source's network.

    Args:
        student: the swapper the condition was made with.
        condition: of one person.
        path: where to; its extension is that of the format.
        format: a name of :data:`~.formats.FORMATS`; by default the path's extension says it.
        precision: how numbers are stored, and with ``int8`` computed.
        faces: for ``int8``: ``(S, S, 3)`` aligned crops to measure ranges on.
        blue_eyes: how surely the person's are, in [0, 1]; 1 where nobody knows.

    Raises:
        OptionError: a format or precision that is none, or no faces for ``int8``.
        BackendError: what writes or runs the format is missing, or it computes something else than PyTorch; nothing is
            written.
        OutputError: the file cannot be written, or has the extension of another format.
    """
    path = Path(path)
    entry = _chosen(path, format, precision)
    if entry.name == "onnx" and precision != "int8":
        return export_baked(student, condition, path, half=precision == "float16", blue_eyes=blue_eyes)
    if precision == "int8" and not faces:
        raise OptionError("Eight bits need faces to measure ranges on; give at least one aligned crop.")
    graph = baked_graph(student, condition)
    quantisation = calibrate(graph, calibration_batch(faces)) if precision == "int8" else None

    def check(call: Call) -> Differences:
        return _differences(student, condition, call, entry, precision, faces)

    properties = properties_of(student, kind="baked", contract=_contract(entry), blue_eyes=blue_eyes)
    properties |= {"precision": precision}
    return _Writing(graph, properties, check, path, entry, precision, quantisation).written("baked")


def export_source_outside(
    student: Student,
    condition: StudentCondition,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    weights_path: str | os.PathLike[str] | None = None,
    blue_eyes: float = 1.0,
) -> ExportReport:
    """Write the network of all sources for phones: it reads what the identity network gives.

    Args:
        student: of the layout that ships or another; the identity network is that of the former.
        condition: of some person; the network is checked with it.
        path: where to; its extension is that of the format, one besides ONNX, which has
            :func:`~mobilefaceswap_core.student.export.export_dynamic`.
        format: as there.
        weights_path: ``.npz`` to write this person's kernels to, and how surely their eyes are blue.
        blue_eyes: that, as in :func:`export_as`.

    Raises:
        OptionError: a format that cannot have kernels as inputs.
        BackendError, OutputError: as :func:`export_as`.
    """
    path = Path(path)
    entry = _chosen(path, format, "float32")
    check_dynamic(entry, "float32")
    beside = None if weights_path is None else weights_place(weights_path)
    kernels = flat_kernels(condition.weights.to("cpu"))

    def check(call: Call) -> Differences:
        return _differences(student, condition, lambda given: call({**given, KERNELS: kernels}), entry, "float32", ())

    properties = properties_of(student, kind="dynamic", contract=_contract(entry) + _KERNELS_TOO)
    graph = source_outside(baked_graph(student, condition))
    report = _Writing(graph, properties | {"precision": "float32"}, check, path, entry, "float32", None).written(
        "dynamic"
    )
    if beside is None:
        return report
    write_bytes(beside, source_outside_bytes({KERNELS: kernels}, blue_eyes))
    return ExportReport((*report.paths, beside), "dynamic", report.max_difference, format=entry.name)


def export_part(
    name: str, path: str | os.PathLike[str], *, format: str | None = None, precision: Precision = "float32"
) -> ExportReport:
    """Write one of the networks around the per-frame one.

    Args:
        name: of :data:`~.around.PARTS`.
        path: where to; its extension is that of the format.
        format: as for :func:`export_as`.
        precision: ``float32`` or ``float16``.

    Raises:
        OptionError: a name, format or precision that is none.
        BackendError, OutputError: as :func:`export_as`.
    """
    part, path = part_named(name), Path(path)
    entry = _chosen(path, format, precision)
    if precision == "int8":
        raise OptionError(
            f"The {name} network is written in 32 and 16 bits: it runs once a source or on a few frames, and what 8 bits do to it "
            "was not measured. Choose --precision float32 or float16."
        )

    def check(call: Call) -> Differences:
        return _part_differences(part, call, entry, precision)

    properties = part.properties() | {"precision": precision}
    return _Writing(part.prepared(), properties, check, path, entry, precision, None).written(name)


def _chosen(path: Path, format: str | None, precision: Precision) -> Format:
    entry = choose_format(path, format)
    check_precision(entry, precision)
    entry.require(entry.writes, to="write")
    return entry


def _contract(entry: Format) -> str:
    return _CHANNELS_LAST if entry.name == "tflite" else _CHANNELS_FIRST


@dataclass(frozen=True, slots=True, eq=False)
class _Writing:
    """One network on its way into a file.

    Attributes:
        graph: of known sizes.
        properties: what the file says of itself.
        check: refuses what computes something else.
        path: where to.
        entry: the format.
        precision: how numbers are stored.
        quantisation: for 8 bits.
    """

    graph: onnx.ModelProto
    properties: dict[str, str]
    check: Callable[[Call], Differences]
    path: Path
    entry: Format
    precision: Precision
    quantisation: Quantisation | None

    def written(self, kind: str) -> ExportReport:
        """Make the file, compare it, put it in its place."""
        make = {
            "onnx": self._onnx, "tflite": self._tflite, "ncnn": self._ncnn, "coreml": self._coreml,
            "executorch": self._executorch,
        }  # fmt: skip
        difference = make[self.entry.name]()
        return ExportReport(
            self.entry.paths(self.path), kind, *difference, format=self.entry.name, precision=self.precision
        )

    @property
    def _half(self) -> bool:
        return self.precision == "float16"

    def _onnx(self) -> Differences:
        from onnx import helper

        model = quantised_onnx(self.graph, self.quantisation) if self.quantisation else self.graph
        model = halve(model) if self._half else model
        helper.set_model_props(model, self.properties)
        return self._checked_bytes(model.SerializeToString(), lambda data: onnx_call(data, self.path, threads=None)[1])

    def _tflite(self) -> Differences:
        from .tflite import tflite_bytes

        data = tflite_bytes(self.graph, self.properties, half=self._half, quantisation=self.quantisation)
        return self._checked_bytes(data, lambda data: tflite_call(data, self.path, threads=1))

    def _executorch(self) -> Differences:
        from .executorch import executorch_bytes, executorch_call

        data = executorch_bytes(self.graph, self.properties)
        return self._checked_bytes(data, lambda data: executorch_call(data, self.path)[1])

    def _checked_bytes(self, data: bytes, opened: Callable[[bytes], Call]) -> Differences:
        difference = self.check(opened(data))
        write_bytes(self.path, data)
        return difference

    def _ncnn(self) -> Differences:
        from .ncnn import load_net, ncnn_files

        contents = ncnn_files(self.graph, self.properties, half=self._half)
        sizes = shapes(self.graph)
        outputs = {name: sizes[name] for name in outputs_of(self.graph)}
        with tempfile.TemporaryDirectory() as folder:
            for path, content in zip(self.entry.paths(Path(folder) / "net.param"), contents, strict=True):
                path.write_bytes(content)
            difference = self.check(ncnn_call(load_net(Path(folder) / "net.param", threads=1), outputs))
        for path, content in zip(self.entry.paths(self.path), contents, strict=True):
            write_bytes(path, content)
        return difference

    def _coreml(self) -> Differences:
        from .coreml import coreml_call, coreml_package

        package = coreml_package(self.graph, self.properties, half=self._half)
        difference = self.check(coreml_call(package, self.graph))
        older = (self.path / "Manifest.json").is_file()  # a package; any other folder with files in it is left alone
        with written_whole(self.path, replacing=older) as part:
            package.save(str(part))
        return difference


def _differences(
    student: Student,
    condition: StudentCondition,
    call: Call,
    entry: Format,
    precision: Precision,
    faces: Sequence[Image],
) -> Differences:
    """How far a per-frame network is from PyTorch.

    Raises:
        BackendError: too far.
    """
    run, remedy = crop_by_crop(call), _remedy(entry)
    if precision != "int8":
        tolerance = HALF_TOLERANCE if precision == "float16" else TOLERANCE

        def named(crops: Array) -> dict[str, Array]:
            face, mask = run(crops)
            return {"face": face, "mask": mask}

        return Differences(
            check_difference(student, condition, named, tolerance=tolerance, remedy=remedy), None, tolerance
        )
    crops = np.stack([face.transpose(2, 0, 1) for face in faces]).astype(np.float32) / np.float32(255)
    wanted = wanted_outputs(student, condition, crops)
    apart = [np.abs(got - wanted[name]) for name, got in zip(("face", "mask"), run(crops), strict=True)]
    mean = max(float(values.mean()) for values in apart)
    if not mean <= INT8_TOLERANCE:  # NaN is refused too
        raise BackendError(
            f"The exported graph differs from PyTorch by {mean:.1e} on average, wanted at most {INT8_TOLERANCE:g}; "
            f"nothing was written. {remedy} Or measure the ranges on other faces."
        )
    return Differences(max(float(values.max()) for values in apart), mean, INT8_TOLERANCE)


def _part_differences(part: PhonePart, call: Call, entry: Format, precision: Precision) -> Differences:
    """How far a network is from the one that runs here; of numbers above 1, as a share of the largest.

    Raises:
        BackendError: too far.
    """
    ours, rim, largest = part.ours(), part.rim_px, 0.0
    tolerance = HALF_TOLERANCE if precision == "float16" else TOLERANCE
    for given in part.trial():
        wanted, got = ours(given), call(given)
        for name, want in wanted.items():
            apart = np.abs(got[name] - want)
            inner = apart[..., rim:-rim, rim:-rim] if rim else apart
            difference = float(inner.max()) / max(1.0, float(np.abs(want).max()))
            if not difference <= tolerance:  # NaN is refused too
                raise BackendError(
                    f"The {part.name} network differs from ours by {difference:.1e} in {name}, wanted at most {tolerance:g}; "
                    f"nothing was written. {_remedy(entry)}"
                )
            largest = max(largest, difference)
    return Differences(largest, None, tolerance)


def _remedy(entry: Format) -> str:
    return f"Try another version of {entry.title}."
