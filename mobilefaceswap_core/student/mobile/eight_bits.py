"""The student in 8 bits as a swapper of any source, to be compared with the student in 32.

Its per-frame network is what ``export --precision int8`` writes as ONNX, made for each source from its own photos::

    python -m eval run --methods student,int8=mobilefaceswap_core.student.mobile.eight_bits:load
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...types import AlignedFace
from ..swapper import Student, StudentCondition, load_student
from .baked import baked_graph
from .quantise import calibrate, calibration_batch, quantised_onnx
from .runners import onnx_runner

NAME = "student-int8"  # of the swapper, and of its row where costs are told


class EightBitStudent(Student):
    """A :class:`~mobilefaceswap_core.student.swapper.Student` whose conditions run in 8 bits, on the CPU.

    Args:
        whole: the student in 32 bits.
        threads: CPU threads; all processors this process may use if not given.
    """

    def __init__(self, whole: Student, *, threads: int | None = None) -> None:
        info = replace(whole.info, name=NAME, title=f"{whole.info.title}, in 8 bits")
        super().__init__(whole.network, whole.encoder, info, backend="torch", device=whole.device, threads=threads)
        self._info = replace(self._info, device="cpu / onnxruntime int8")
        self._threads = threads

    def condition(self, sources: Sequence[AlignedFace]) -> StudentCondition:
        """As there; ranges are measured on the photos given."""
        found = super().condition(sources)
        graph = baked_graph(self, found)
        quantisation = calibrate(graph, calibration_batch([source.image for source in sources]))
        data = quantised_onnx(graph, quantisation).SerializeToString()
        return replace(found, run=onnx_runner(data, Path("the network in 8 bits"), threads=self._threads))


def load(*, device: torch.device | str = "cpu", backend: str = "auto", threads: int | None = None) -> EightBitStudent:
    """The student that ships, in 8 bits.

    Args:
        device: taken for the once-per-source half; the per-frame network runs on the CPU.
        backend: not used: ONNX Runtime computes in 8 bits.
        threads: CPU threads of the per-frame network; all processors this process may use if not given.
    """
    return EightBitStudent(load_student(device=device, backend="torch", threads=threads), threads=threads)
