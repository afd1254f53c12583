"""What the per-frame network weighs, loses and takes in each runtime of phones, measured on this machine's processor.

Source and target are NASA's portrait of an astronaut (:mod:`.bench`); ranges of 8 bits are measured on that face alone.
Every file is one that ``export`` writes, and every network with every number of threads takes its turn within one run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError
from ..student.backends import IdnRunner
from ..student.export import wanted_outputs
from ..student.mobile.export import export_as
from ..student.mobile.formats import FORMATS, Format, Precision
from ..student.mobile.runners import open_runner
from ..student.swapper import Student, StudentCondition, load_student
from ..types import AlignedFace
from .bench import aligned_target, measure

Array = NDArray[np.float32]
THREADS = (1, 2)
_LEVELS = 255  # differences are told in grey levels


@dataclass(frozen=True, slots=True)
class MobileRow:
    """One network in one runtime.

    Attributes:
        runtime: its name and version.
        format: of the file.
        precision: of the file, and of what computes it where that is a choice.
        size_bytes: of the file, with those beside it.
        largest_levels: largest absolute difference of the drawn face from PyTorch, in grey levels of 255.
        mean_levels: the mean one.
        ms: by number of threads, the median; with the 10th and 90th percentile in ``spread_ms``.
        spread_ms: by number of threads.
    """

    runtime: str
    format: str
    precision: str
    size_bytes: int
    largest_levels: float
    mean_levels: float
    ms: dict[int, float]
    spread_ms: dict[int, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class MobileNetwork:
    """One exported file in one runtime that is installed here.

    Attributes:
        runtime: its name; version: of its package, empty where that is not known.
        format: of the file.
        precision: of the file, and of what computes it where that is a choice.
        size_bytes: of the file, with those beside it.
        opened: the network as a function of crops, with so many threads.
    """

    runtime: str
    version: str
    format: str
    precision: str
    size_bytes: int
    opened: Callable[[int], IdnRunner]


def exported_networks(
    student: Student, condition: StudentCondition, face: AlignedFace, folder: Path
) -> tuple[list[MobileNetwork], dict[str, list[str]]]:
    """Write every format that can be written and run here.

    Args:
        student: whose network it is.
        condition: of the source that is baked in.
        face: what ranges of 8 bits are measured on.
        folder: to write into; the networks need it until they are opened.

    Returns:
        The networks, and by title of a format what is not installed for it.
    """
    missing: dict[str, list[str]] = {}
    networks: list[MobileNetwork] = []
    for entry in FORMATS:
        if not entry.runs or entry.name == "executorch":  # which chooses its own number of threads
            continue
        if lacking := entry.missing((*entry.writes, *entry.runs)):
            missing[entry.title] = lacking
            continue
        for precision in entry.precisions:
            path = folder / f"{precision}{entry.suffix}"
            report = export_as(student, condition, path, precision=precision, faces=[face.image])
            size = sum(part.stat().st_size for part in report.paths)
            for runtime, package, computed, opened in _runtimes(entry, path, precision):
                networks.append(MobileNetwork(runtime, _version(package), entry.title, computed, size, opened))
    if find_spec("openvino") is None:
        missing["OpenVINO"] = ["openvino"]
    return networks, missing


def bench_mobile(*, runs: int = 40, threads: Sequence[int] = THREADS) -> dict[str, Any]:
    """Write every format that can be written here, and time every runtime that is installed.

    Args:
        runs: counted calls of each network.
        threads: numbers of CPU threads to take.

    Returns:
        ``rows``, each a :class:`MobileRow` as a mapping, ``runs``, and ``missing``: by title of a format, what is not
        installed for it.

    Raises:
        OptionError: fewer than one run.
    """
    if runs < 1:
        raise OptionError(f"Got {runs} runs, wanted at least 1.")
    student = load_student(backend="torch")
    face = aligned_target()
    condition = student.condition([face])
    crop: Array = face.image.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    wanted = wanted_outputs(student, condition, crop)["face"]
    with tempfile.TemporaryDirectory() as folder:
        networks, missing = exported_networks(student, condition, face, Path(folder))
        opened = [{count: network.opened(count) for count in threads} for network in networks]
        tasks = {
            f"{number}/{count}": (networks[number].runtime, partial(runner, crop))
            for number, runners in enumerate(opened)
            for count, runner in runners.items()
        }
        timings = measure(tasks, runs=runs)
        rows = []
        for number, (network, runners) in enumerate(zip(networks, opened, strict=True)):
            apart = np.abs(runners[threads[0]](crop)[0] - wanted) * _LEVELS
            taken = {count: timings[f"{number}/{count}"] for count in threads}
            rows.append(
                MobileRow(
                    f"{network.runtime} {network.version}".strip(),
                    network.format,
                    network.precision,
                    network.size_bytes,
                    round(float(apart.max()), 3),
                    round(float(apart.mean()), 4),
                    {count: timing.median for count, timing in taken.items()},
                    {count: timing.spread for count, timing in taken.items()},
                )
            )
    return {"runs": runs, "threads": list(threads), "rows": [asdict(row) for row in rows], "missing": missing}


def _runtimes(
    entry: Format, path: Path, precision: Precision
) -> Iterator[tuple[str, str, str, Callable[[int], IdnRunner]]]:
    """What runs a file here: name, package, precision it computes in, and how to open it with some threads."""
    package = {"onnx": "onnxruntime", "tflite": "ai-edge-litert", "ncnn": "ncnn"}[entry.name]
    title = {"onnx": "ONNX Runtime"}.get(entry.name, entry.title)
    yield title, package, precision, lambda count: open_runner(path, threads=count)
    if entry.name == "onnx" and precision != "float16" and find_spec("openvino") is not None:
        for computed, hint in _openvino_hints(precision):
            yield "OpenVINO", "openvino", computed, partial(_openvino, path, hint)


def _openvino_hints(precision: Precision) -> list[tuple[str, str]]:
    """Precisions that OpenVINO can compute a file in: what they are called here and there."""
    import openvino

    if precision == "int8":
        return [("int8", "f32")]
    half = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return [("float32", "f32"), *([("bfloat16", "bf16")] if half else [])]


def _openvino(path: Path, hint: str, threads: int) -> IdnRunner:
    import openvino

    config = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    request = core.compile_model(core.read_model(str(path)), "CPU", config).create_infer_request()

    def run(crops: Array) -> tuple[Array, Array]:
        result = request.infer({"crop": crops}, share_outputs=False)
        return np.asarray(result["face"]), np.asarray(result["mask"])

    return run


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # onnxruntime-gpu and others that are called otherwise
        return ""
