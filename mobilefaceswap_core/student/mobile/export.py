"""Writes a baked network in any format, and only after it was compared with PyTorch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...errors import BackendError, OptionError
from ...files.atomic import write_bytes, written_whole
from ...types import Image
from ..backends import IdnRunner
from ..contract import properties_of
from ..export import HALF_TOLERANCE, TOLERANCE, ExportReport, check_difference, export_baked, wanted_outputs
from .baked import OUTPUTS, baked_graph
from .formats import Format, Precision, check_precision, choose_format
from .quantise import Quantisation, calibrate, calibration_batch, quantised_onnx

if TYPE_CHECKING:
    from ..swapper import Student, StudentCondition

_CHANNELS_FIRST = "crop: (1, 3, S, S) float32 RGB in [0, 1], not normalised; face and mask likewise"
_CHANNELS_LAST = "crop: (1, S, S, 3) float32 RGB in [0, 1], not normalised; face and mask likewise"
# Of the mean difference on faces, in [0, 1] units: nearly four grey levels. Measured: 0.006 to 0.009, the demo's portraits as
# sources and the astronaut as target.
INT8_TOLERANCE = 0.015


class Differences(NamedTuple):
    """Largest and mean absolute difference of face and mask from PyTorch, and what one of them was held to."""

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
) -> ExportReport:
    """Write one source's network.

    Args:
        student: the swapper the condition was made with.
        condition: of one person.
        path: where to; its extension is that of the format.
        format: a name of :data:`~.formats.FORMATS`; by default the path's extension says it.
        precision: how numbers are stored, and with ``int8`` computed.
        faces: for ``int8``: ``(S, S, 3)`` aligned crops to measure ranges on.

    Raises:
        OptionError: a format or precision that is none, or no faces for ``int8``.
        BackendError: what writes or runs the format is missing, or it computes something else than PyTorch; nothing is
            written.
        OutputError: the file cannot be written, or has the extension of another format.
    """
    path = Path(path)
    entry = choose_format(path, format)
    check_precision(entry, precision)
    if entry.name == "onnx" and precision != "int8":
        return export_baked(student, condition, path, half=precision == "float16")
    entry.require(entry.writes, to="write")
    if precision == "int8" and not faces:
        raise OptionError("Eight bits need faces to measure ranges on; give at least one aligned crop.")
    return _Writing(student, condition, path, entry, precision, tuple(faces)).written()


class _Writing:
    """One network on its way into a file."""

    def __init__(
        self,
        student: Student,
        condition: StudentCondition,
        path: Path,
        entry: Format,
        precision: Precision,
        faces: tuple[Image, ...],
    ) -> None:
        self._student, self._condition, self._path, self._entry = student, condition, path, entry
        self._precision, self._faces = precision, faces
        contract = _CHANNELS_LAST if entry.name == "tflite" else _CHANNELS_FIRST
        self._properties = properties_of(student, kind="baked", contract=contract) | {"precision": precision}
        self._graph = baked_graph(student, condition)

    def written(self) -> ExportReport:
        """Make the file, compare it, put it in its place."""
        make = {"onnx": self._onnx, "tflite": self._tflite, "ncnn": self._ncnn, "coreml": self._coreml}
        difference = make[self._entry.name]()
        return ExportReport(
            self._entry.paths(self._path),
            "baked",
            *difference,
            format=self._entry.name,
            precision=self._precision,
        )

    def _onnx(self) -> Differences:
        from onnx import helper

        from .runners import onnx_runner

        model = quantised_onnx(self._graph, self._quantisation())
        helper.set_model_props(model, self._properties)
        data = model.SerializeToString()
        difference = self._checked(onnx_runner(data, self._path, threads=None))
        write_bytes(self._path, data)
        return difference

    def _tflite(self) -> Differences:
        from .runners import tflite_runner
        from .tflite import tflite_bytes

        data = tflite_bytes(
            self._graph,
            self._properties,
            half=self._precision == "float16",
            quantisation=self._quantisation() if self._precision == "int8" else None,
        )
        difference = self._checked(tflite_runner(data, self._path, threads=1))
        write_bytes(self._path, data)
        return difference

    def _ncnn(self) -> Differences:
        from .ncnn import load_net, ncnn_files
        from .runners import ncnn_runner

        contents = ncnn_files(self._graph, self._properties, half=self._precision == "float16")
        with tempfile.TemporaryDirectory() as folder:
            for path, content in zip(self._entry.paths(Path(folder) / "net.param"), contents, strict=True):
                path.write_bytes(content)
            difference = self._checked(ncnn_runner(load_net(Path(folder) / "net.param", threads=1)))
        for path, content in zip(self._entry.paths(self._path), contents, strict=True):
            write_bytes(path, content)
        return difference

    def _coreml(self) -> Differences:
        from .coreml import coreml_package, coreml_runner

        package = coreml_package(self._graph, self._properties, half=self._precision == "float16")
        difference = self._checked(coreml_runner(package))
        older = (self._path / "Manifest.json").is_file()  # a package; any other folder with files in it is left alone
        with written_whole(self._path, replacing=older) as part:
            package.save(str(part))
        return difference

    def _quantisation(self) -> Quantisation:
        return calibrate(self._graph, calibration_batch(self._faces))

    def _checked(self, run: IdnRunner) -> Differences:
        """How far a network is from PyTorch.

        Raises:
            BackendError: too far.
        """
        remedy = f"Try another version of {self._entry.title}."
        if self._precision != "int8":
            tolerance = HALF_TOLERANCE if self._precision == "float16" else TOLERANCE
            largest = check_difference(
                self._student,
                self._condition,
                lambda crops: dict(zip(OUTPUTS, run(crops), strict=True)),
                tolerance=tolerance,
                remedy=remedy,
            )
            return Differences(largest, None, tolerance)
        crops = np.stack([face.transpose(2, 0, 1) for face in self._faces]).astype(np.float32) / np.float32(255)
        wanted = wanted_outputs(self._student, self._condition, crops)
        apart = [np.abs(got - wanted[name]) for name, got in zip(OUTPUTS, run(crops), strict=True)]
        mean = max(float(values.mean()) for values in apart)
        if not mean <= INT8_TOLERANCE:  # NaN is refused too
            raise BackendError(
                f"The exported graph differs from PyTorch by {mean:.1e} on average, wanted at most {INT8_TOLERANCE:g}; "
                f"nothing was written. {remedy} Or measure the ranges on other faces."
            )
        return Differences(max(float(values.max()) for values in apart), mean, INT8_TOLERANCE)
