"""Networks ready to be timed: per-frame parts with random inputs, on a device and in a backend.

Time does not depend on the values of weights, so methods whose weights are not here are timed with random ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mobilefaceswap_core.errors import BackendError
from mobilefaceswap_core.models import available_swappers
from mobilefaceswap_core.runtime.networks import BACKENDS
from mobilefaceswap_core.teachers.contract_swapper import frame_network, source_shape
from mobilefaceswap_core.teachers.contracts import contracts
from mobilefaceswap_core.teachers.embedding_swapper import frozen
from mobilefaceswap_core.weights.fetch import present_file
from mobilefaceswap_core.weights.published import PUBLISHED

from .measure import Candidate, finished


@dataclass(frozen=True, slots=True)
class Timed:
    """A per-frame network.

    Attributes:
        method: its row.
        size_px: side of its crop.
        build: makes the module ``(targets, embedding) -> face, mask``.
        heavy: left out of quick runs.
    """

    method: str
    size_px: int
    build: Callable[[], nn.Module]
    heavy: bool = False


def generators() -> list[Timed]:
    """The per-frame networks besides the IDN."""
    from mobilefaceswap_core.teachers.aei import AeiNet
    from mobilefaceswap_core.teachers.ghost import GhostGenerator
    from mobilefaceswap_core.teachers.ours import TeacherGenerator
    from mobilefaceswap_core.teachers.simswap import SimSwapGenerator

    return [
        Timed("teacher", 224, TeacherGenerator),
        Timed("simswap", 224, SimSwapGenerator),
        Timed("ghost", 224, GhostGenerator, heavy=True),
        Timed("faceshifter", 256, AeiNet, heavy=True),
    ]


def idn_candidates(*, device: str, batches: tuple[int, ...], threads: int) -> Iterator[Candidate]:
    """The student's per-frame network in every backend that is installed."""
    from mobilefaceswap_core.student import backends
    from mobilefaceswap_core.student.swapper import load_student

    student = load_student(device=device, backend="torch")
    with torch.no_grad():
        embedding = torch.nn.functional.normalize(torch.ones(1, 512, device=device), dim=1)
        weights = student.network.condition(embedding, torch.zeros(1, 512, 7, 7, device=device))
    for name in backends.BACKENDS:
        try:
            backend = backends.choose_backend(name, student.network.idn, device=device, threads=threads)
        except BackendError:  # not installed, or not for this device: its column stays empty
            continue
        runner = backend.bake(weights)
        label = backend.label.partition(" / ")[2]
        for batch in batches:
            crops = np.random.default_rng(0).random((batch, 3, 224, 224), dtype=np.float32)
            call = finished(partial(runner, crops), device)
            yield Candidate("student", "pytorch float32" if label == "torch" else label, device, batch, call)


def exported_candidates(*, threads: int, folder: Path) -> Iterator[Candidate]:
    """The student as exported files, in every runtime of phones that is installed; 8 bits are a method of their own.

    What ONNX Runtime and OpenVINO compute in 32 and 16 bits is left out: :func:`idn_candidates` times it.

    Args:
        threads: of each runtime.
        folder: the files are written to.
    """
    from mobilefaceswap_core.diagnose.bench import aligned_target
    from mobilefaceswap_core.diagnose.mobile import exported_networks
    from mobilefaceswap_core.student.mobile.stored import name_of
    from mobilefaceswap_core.student.swapper import load_student

    student, face = load_student(backend="torch"), aligned_target()
    crop = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)
    for network in exported_networks(student, student.condition([face]), face, folder)[0]:
        small = network.precision == "int8"
        if small or network.format != "ONNX":
            label, runner = f"{network.runtime} {network.precision}", network.opened(threads)
            yield Candidate(name_of("int8") if small else "student", label, "cpu", 1, partial(runner, crop))


def generator_candidates(
    timed: Timed, *, device: str, batches: tuple[int, ...], precisions: tuple[torch.dtype, ...], compiled: bool = False
) -> Iterator[Candidate]:
    """One generator in PyTorch: eager in each arithmetic, and compiled if asked."""
    torch.manual_seed(0)
    module = frozen(timed.build(), device)
    forms: list[tuple[str, Callable[..., Any]]] = [("pytorch", module)]
    if compiled:
        forms.append(("pytorch compiled", torch.compile(module)))
    for form, network in forms:
        for dtype in precisions:
            for batch in batches:
                inputs = random_inputs(timed.size_px, batch, device)
                call = finished(_autocast_call(network, inputs, device, dtype), device)
                yield Candidate(timed.method, f"{form} {str(dtype).removeprefix('torch.')}", device, batch, call)


def onnx_candidates(timed: Timed, *, batches: tuple[int, ...], threads: int, folder: Path) -> Iterator[Candidate]:
    """One generator in ONNX Runtime on the CPU; its file is written to ``folder``."""
    from mobilefaceswap_core.runtime.sessions import open_session

    session = open_session(export_onnx(timed, folder), threads=threads)
    for batch in batches:
        targets, embedding = (tensor.contiguous().numpy() for tensor in random_inputs(timed.size_px, batch, "cpu"))
        feed = {"targets": targets, "embedding": embedding}
        run = partial(session.run, None, feed)
        yield Candidate(timed.method, "onnxruntime", "cpu", batch, run)


def published_here() -> list[str]:
    """Foreign swappers whose files are on this machine with all they need."""
    return [name for name in available_swappers() if name in contracts()]


def published_candidates(name: str, *, device: str, batches: tuple[int, ...], threads: int) -> Iterator[Candidate]:
    """A foreign swapper's file in every backend that is installed, in the batches that its graph allows.

    Raises:
        WeightsError: the file is not here, or does not fit its contract.
    """
    contract, path = contracts()[name], present_file(PUBLISHED[name])[0]
    side, random = contract.size_px, np.random.default_rng(0)
    for backend in BACKENDS:
        try:
            network = frame_network(contract, path, device=device, backend=backend, threads=threads)
        except BackendError:  # not installed, or not for this device
            continue
        where, _, label = network.device.partition(" / ")
        if where != device:  # this ONNX Runtime has no CUDA, and the CPU is timed as the CPU
            continue
        for batch in (batch for batch in batches if batch <= network.batch):
            target = random.random((batch, 3, side, side), dtype=np.float32)
            source = random.random((batch, *source_shape(contract)), dtype=np.float32)
            yield Candidate(name, label, device, batch, partial(network, target=target, source=source))


class _FaceOnly(nn.Module):
    """The generator's images alone: an ONNX graph has no ``None`` among its outputs."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, targets: Tensor, embedding: Tensor) -> tuple[Tensor, ...]:
        return tuple(out for out in self.generator(targets, embedding) if out is not None)


def export_onnx(timed: Timed, folder: Path) -> Path:
    """Write a generator with random weights as ONNX, batch open."""
    import warnings

    torch.manual_seed(0)
    module = _FaceOnly(timed.build()).eval()
    path = folder / f"{timed.method}.onnx"
    names = ["targets", "embedding"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated; the other one needs another package
        torch.onnx.export(
            module, random_inputs(timed.size_px, 1, "cpu"), str(path), input_names=names, opset_version=17, dynamo=False,
            dynamic_axes={name: {0: "batch"} for name in names},
        )  # fmt: skip
    return path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that is gone afterwards, for exported files."""
    with tempfile.TemporaryDirectory(prefix="cost-") as folder:
        yield Path(folder)


def random_inputs(size_px: int, batch: int, device: str) -> tuple[Tensor, Tensor]:
    """Targets ``(B, 3, S, S)`` in [0, 1], channels-last, and unit embeddings ``(B, 512)``."""
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(batch, 3, size_px, size_px, generator=generator).to(device, memory_format=torch.channels_last)
    embedding = torch.nn.functional.normalize(torch.randn(batch, 512, generator=generator), dim=1).to(device)
    return targets, embedding


def _autocast_call(
    network: Callable[..., Any], inputs: tuple[Tensor, ...], device: str, dtype: torch.dtype
) -> Callable[[], None]:
    def call() -> None:
        enabled = dtype != torch.float32
        kind = device.partition(":")[0]
        with torch.inference_mode(), torch.autocast(kind, dtype=torch.bfloat16, enabled=enabled):
            network(*inputs)

    return call
