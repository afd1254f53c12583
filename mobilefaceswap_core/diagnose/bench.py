"""How long each part of a swap takes. Backends take turns within one run, so other load on the machine slows all alike.

Photos: NASA's portrait of an astronaut from scikit-image (public domain) as source and, scaled to 1280 px, as target;
the six-face sample of the insightface package as target where that package is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError, OptionError
from ..types import AlignedFace, Image

if TYPE_CHECKING:
    from torch import Tensor

    from ..options import SwapOptions
    from ..pipeline import Pipeline, Source
    from ..student.idn import Idn, IdnWeights
    from ..student.swapper import Student

Array = NDArray[np.float32]
TARGET_PX = 1280  # longer side of the measured photo; the sample with six faces has it too
WARM_UP = 3  # calls whose time is not counted: first calls allocate and choose kernels


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of one part.

    Attributes:
        median: in ms.
        spread: 10th and 90th percentile in ms.
        runs: how many were counted.
        backend: library and device that did the work.
    """

    median: float
    spread: tuple[float, float]
    runs: int
    backend: str

    def to_json(self) -> dict[str, Any]:
        return {"median": self.median, "spread": list(self.spread), "runs": self.runs, "backend": self.backend}


def measure(
    tasks: Mapping[str, tuple[str, Callable[[], object]]], *, runs: int, warm_up: int = WARM_UP
) -> dict[str, Timing]:
    """Time several tasks in turns: first a warm-up of each, then run 1 of all, run 2 of all, and so on.

    Args:
        tasks: by name, what does the work and the work.
        runs: counted calls of each.
        warm_up: calls before those.

    Raises:
        OptionError: fewer than one run.
    """
    if runs < 1:
        raise OptionError(f"Got {runs} runs, wanted at least 1.")
    durations_ms: dict[str, list[float]] = {name: [] for name in tasks}
    for _, work in tasks.values():
        for _ in range(warm_up):
            work()
    for _ in range(runs):
        for name, (_, work) in tasks.items():
            started = time.perf_counter()
            work()
            durations_ms[name].append(1e3 * (time.perf_counter() - started))
    return {name: _timing(durations_ms[name], backend) for name, (backend, _) in tasks.items()}


def bench_idn(*, threads: int | None = None, runs: int = 40) -> dict[str, Any]:
    """Time the per-frame network in every backend, and a naive port of it.

    Args:
        threads: of each backend; all processors this process may use if not given.
        runs: counted calls of each.

    Returns:
        ``idn_ms`` of the backend that ``auto`` chooses, ``idn_eager_ms`` of the naive port, ``idn_backends`` of all.
    """
    import torch

    from ..runtime.threads import default_threads
    from ..student.backends import choose_backend, missing_backends
    from ..student.idn import Idn
    from ..student.swapper import load_student

    threads = threads or default_threads()
    torch.set_num_threads(threads)
    student = load_student(backend="torch")
    weights = _weights_of_astronaut(student)
    crop = np.ascontiguousarray(aligned_target().image.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    default = choose_backend("auto", student.network.idn, threads=threads).label
    tasks: dict[str, tuple[str, Callable[[], object]]] = {}
    for name, missing in missing_backends().items():
        if missing:
            continue
        try:
            backend = choose_backend(name, student.network.idn, threads=threads)
        except BackendError:
            continue  # installed but not for this processor
        tasks[backend.label] = (backend.label, partial(backend.bake(weights), crop))
    tensor = torch.from_numpy(crop)
    # The backend above keeps its network channels-last; the port runs on a plain copy.
    naive = Idn().eval()
    naive.load_state_dict(student.network.idn.state_dict())
    tasks["eager"] = ("cpu / torch, grouped convolutions", partial(eager_idn, naive, tensor, weights))
    timings = measure(tasks, runs=runs)
    return {
        "threads": threads,
        "idn_ms": timings[default].to_json(),
        "idn_eager_ms": timings["eager"].to_json(),
        "idn_backends": {label: timing.to_json() for label, timing in timings.items() if label != "eager"},
    }


def eager_idn(idn: Idn, crops: Tensor, weights: IdnWeights) -> tuple[Tensor, Tensor]:
    """The IDN as a direct port of the official code runs it: kernels of every sample as grouped convolutions, no folding.

    Args:
        crops: ``(B, 3, S, S)`` in [0, 1].
        weights: of one source, repeated for each sample as the official code does.

    Returns:
        What :meth:`~mobilefaceswap_core.student.idn.Idn.forward` returns.

    Source:
        Official `models/modules/dynamic_conv` and `models/model.py`.
    """
    import torch
    import torch.nn.functional as F

    from ..student.layout import SLOPE

    batch = len(crops)

    def grouped(x: Tensor, kernels: Tensor, *, stride: int, depthwise: bool) -> Tensor:
        kernels = kernels.expand(batch, *kernels.shape[1:])
        flat = x.reshape(1, -1, *x.shape[2:])
        if depthwise:
            kernel = kernels.reshape(-1, 1, *kernels.shape[2:])
            y = F.conv2d(flat, kernel, stride=stride, padding=1, groups=len(kernel))
        else:
            y = F.conv2d(flat, kernels.reshape(-1, kernels.shape[-1], 1, 1), groups=batch)
        return y.view(batch, -1, *y.shape[2:])

    def upsampled(x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)

    with torch.inference_mode():
        x, skips = (crops - 0.5) / 0.5, []
        for depthwise, pointwise in zip(weights.encoder_depthwise, weights.encoder_pointwise, strict=True):
            x = grouped(x, depthwise, stride=2, depthwise=True)
            x = F.leaky_relu(grouped(x, pointwise, stride=1, depthwise=False), SLOPE)
            skips.append(x)
        mask = torch.sigmoid(idn.mask(x))
        stages = list(zip(weights.decoder_depthwise, weights.decoder_pointwise, strict=True))
        for i, (depthwise, pointwise) in enumerate(stages):
            x = grouped(upsampled(x), depthwise, stride=1, depthwise=True)
            x = F.leaky_relu(grouped(x, pointwise, stride=1, depthwise=False), SLOPE)
            if i < len(stages) - 1:
                x = torch.cat([x, skips[-2 - i]], 1)
        face = (idn.final(x) + 1) / 2
        return face * mask + crops * (1 - mask), mask


def bench_image(
    *, model: str = "student", backend: str = "auto", threads: int | None = None, runs: int = 15,
    options: SwapOptions | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Time the steps of swapping a 1280-px photo with one face, and of one with six where there is one.

    Args:
        model: swapper that is measured.
        backend: of the student.
        threads: of its backend and of PyTorch.
        runs: counted calls of each step.
        options: of the swaps; the defaults if not given.

    Returns:
        ``condition_ms``, ``detect_ms``, ``paste_ms`` (one face, finished and pasted), ``image_ms`` (detection to pasted
        result, neither reading nor writing files), ``stages_ms`` of those same swaps by name, ``detect_backends``, and
        ``image_six_faces_ms``.
    """
    import torch

    from ..blend.paste import paste_back
    from ..detect import DETECTORS, available_detectors, load_detector
    from ..options import SwapOptions
    from ..pipeline import Pipeline
    from ..runtime.threads import default_threads

    threads = threads or default_threads()
    torch.set_num_threads(threads)
    pipeline = Pipeline.load(model, device="cpu", backend=backend, threads=threads)
    photo = target_photo()
    source = pipeline.prepare_source([source_photo()])
    faces = pipeline.detect(photo)
    aligned = pipeline.align(photo, faces[0])
    portrait = pipeline.align(source_photo(), pipeline.detect(source_photo())[0])
    crop = pipeline.swap_aligned([aligned], [source])[0]
    swapper, options = pipeline.swapper.info.device, options or SwapOptions()
    canvas, kept = photo.copy(), list[dict[str, float]]()

    def paste() -> None:
        done = pipeline.finish(aligned, crop, options=options, frame=photo)
        paste_back(canvas, done.pixels, done.weight, done.crop_from_frame, out=canvas)

    tasks: dict[str, tuple[str, Callable[[], object]]] = {
        "condition_ms": (swapper, lambda: pipeline.swapper.condition([portrait])),
        "detect_ms": (pipeline.detector.info.device, lambda: pipeline.detect(photo)),
        "paste_ms": ("cpu / opencv", paste),
        "image_ms": (swapper, lambda: kept.append(pipeline.swap(photo, source, options=options).seconds)),
    }
    missing = available_detectors()
    for name in DETECTORS:
        if missing[name]:
            continue
        detector = load_detector(name, device="cpu")
        tasks[f"detect:{name}"] = (detector.info.device, partial(detector.detect, photo))
    six = _add_six_faces(tasks, pipeline, source, options)
    timings = {name: timing.to_json() for name, timing in measure(tasks, runs=runs, warm_up=2).items()}
    detectors = {name.partition(":")[2]: timings.pop(name) for name in list(timings) if name.startswith("detect:")}
    return {
        "threads": threads,
        "model": pipeline.swapper.info.name,
        "detector": pipeline.detector.info.name,
        "image_px": list(photo.shape[1::-1]),
        **timings,
        "detect_backends": detectors,
        "stages_ms": _stages(kept[-runs:]),
        **({"six_faces_found": six} if six else {}),
    }


def _stages(kept: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Each stage of whole swaps, by name; those of a face come between ``swap`` and ``paste``."""
    names = list(dict.fromkeys(name for seconds in kept for name in seconds))
    spent = {name: [1e3 * seconds.get(name, 0.0) for seconds in kept] for name in names}
    return {name: _timing(durations, "whole image").to_json() for name, durations in spent.items()}


def source_photo() -> Image:
    """The astronaut, 512 x 512."""
    from skimage.data import astronaut

    return astronaut()


def target_photo() -> Image:
    """The astronaut at :data:`TARGET_PX`."""
    import cv2

    return cv2.resize(source_photo(), (TARGET_PX, TARGET_PX), interpolation=cv2.INTER_CUBIC)  # type: ignore[return-value]


def _add_six_faces(
    tasks: dict[str, tuple[str, Callable[[], object]]], pipeline: Pipeline, source: Source, options: SwapOptions
) -> int:
    """Add the six-face photo to the tasks; how many faces were found in it, 0 without the photo."""
    if find_spec("insightface") is None:
        return 0
    import insightface.data

    group: Image = np.ascontiguousarray(insightface.data.get_image("t1")[..., ::-1])
    tasks["image_six_faces_ms"] = (pipeline.swapper.info.device, lambda: pipeline.swap(group, source, options=options))
    return len(pipeline.detect(group))


def _weights_of_astronaut(student: Student) -> IdnWeights:
    return student.condition([aligned_target()]).weights


def aligned_target() -> AlignedFace:
    """The astronaut's face as the student wants it."""
    from ..detect import load_detector
    from ..faces.geometry import align_face
    from ..types import CropSpec

    photo = source_photo()
    return align_face(photo, load_detector("auto", device="cpu").detect(photo)[0], CropSpec())


def _timing(durations_ms: list[float], backend: str) -> Timing:
    low, median, high = np.percentile(durations_ms, [10, 50, 90])
    return Timing(round(float(median), 3), (round(float(low), 3), round(float(high), 3)), len(durations_ms), backend)
