"""The student in 16 or 8 bits as a swapper of any source, to be compared with the student in 32.

Its per-frame network is what ``export --precision`` writes as ONNX or for LiteRT, made for each source from its own photos::

    S=mobilefaceswap_core.student.mobile.stored
    python -m eval run --methods student,float16=$S:float16,int8=$S:int8,litert=$S:int8_litert
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from ...runtime.threads import default_threads
from ...types import AlignedFace
from ..identity_graph import halve
from ..swapper import Student, StudentCondition, load_student
from .baked import baked_graph
from .quantise import calibrate, calibration_batch, quantised_onnx
from .runners import crop_by_crop, onnx_runner, tflite_call
from .tflite import tflite_bytes

_BITS = {"float16": "16", "int8": "8"}


def name_of(precision: str) -> str:
    """Of the swapper, and of its row where costs are told."""
    return f"student-{precision}"


class StoredStudent(Student):
    """A :class:`~mobilefaceswap_core.student.swapper.Student` whose conditions are networks of fewer bits, on the CPU.

    Args:
        whole: the student in 32 bits.
        precision: ``float16`` stores the large kernels in 16 bits, ``int8`` computes in 8.
        litert: in LiteRT and not in ONNX Runtime; kernels of 8 bits have all eight there.
        threads: CPU threads; all processors this process may use if not given.
    """

    def __init__(
        self,
        whole: Student,
        precision: Literal["float16", "int8"],
        *,
        litert: bool = False,
        threads: int | None = None,
    ) -> None:
        title = f"{whole.info.title}, in {_BITS[precision]} bits"
        info = replace(whole.info, name=name_of(precision), title=title)
        super().__init__(whole.network, whole.encoder, info, backend="torch", device=whole.device, threads=threads)
        self._info = replace(self._info, device=f"cpu / {'LiteRT' if litert else 'onnxruntime'} {precision}")
        self._precision, self._litert, self._threads = precision, litert, threads

    def condition(self, sources: Sequence[AlignedFace]) -> StudentCondition:
        """As there; the ranges of 8 bits are measured on the photos given."""
        found = super().condition(sources)
        graph, quantisation = baked_graph(self, found), None
        if self._precision == "int8":
            quantisation = calibrate(graph, calibration_batch([source.image for source in sources]))
        name = Path(f"the network in {_BITS[self._precision]} bits")
        if self._litert:
            data = tflite_bytes(graph, {}, half=self._precision == "float16", quantisation=quantisation)
            run = crop_by_crop(tflite_call(data, name, threads=self._threads or default_threads()))
            return replace(found, run=run)
        graph = quantised_onnx(graph, quantisation) if quantisation else halve(graph)
        return replace(found, run=onnx_runner(graph.SerializeToString(), name, threads=self._threads))


def float16(*, device: torch.device | str = "cpu", backend: str = "auto", threads: int | None = None) -> StoredStudent:
    """The student that ships, its large kernels in 16 bits; arguments as :func:`int8`."""
    return StoredStudent(load_student(device=device, backend="torch", threads=threads), "float16", threads=threads)


def int8(*, device: torch.device | str = "cpu", backend: str = "auto", threads: int | None = None) -> StoredStudent:
    """The student that ships, in 8 bits.

    Args:
        device: taken for the once-per-source half; the per-frame network runs on the CPU.
        backend: not used: ONNX Runtime computes in fewer bits.
        threads: CPU threads of the per-frame network; all processors this process may use if not given.
    """
    return StoredStudent(load_student(device=device, backend="torch", threads=threads), "int8", threads=threads)


def int8_litert(
    *, device: torch.device | str = "cpu", backend: str = "auto", threads: int | None = None
) -> StoredStudent:
    """:func:`int8` in LiteRT."""
    whole = load_student(device=device, backend="torch", threads=threads)
    return StoredStudent(whole, "int8", litert=True, threads=threads)
