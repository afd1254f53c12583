"""Where the time goes: inside the student's network, and in a video frame from detection to paste back."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mobilefaceswap_core.errors import BackendError, NoFaceError
from mobilefaceswap_core.types import Image

PARTS = ("encoder", "decoder", "final", "mask", "layout")


@dataclass(frozen=True, slots=True)
class StageTime:
    """Median milliseconds of one stage, and what it belongs to.

    Attributes:
        group: ``part`` or ``operator`` of the network, or the method whose frame it is.
        stage: its name.
        median_ms: per crop or frame.
    """

    group: str
    stage: str
    median_ms: float


@dataclass(frozen=True, slots=True)
class FrameTime:
    """One method's way through a frame with one face.

    Attributes:
        method: its row.
        detector: name of the face detector.
        size: width and height of the frame.
        stages_ms: median by stage: detect, swap (with alignment), paste (with colour match).
        source_ms: once per source photo: detection, recogniser, injection network, backend set-up.
        device: as the swapper reports it.
    """

    method: str
    detector: str
    size: tuple[int, int]
    stages_ms: dict[str, float]
    source_ms: float
    device: str

    @property
    def total_ms(self) -> float:
        return sum(self.stages_ms.values())


def profile_student(*, threads: int, rounds: int, folder: Path) -> list[StageTime]:
    """The IDN by part and by operator, from ONNX Runtime's own profiler.

    Args:
        threads: of the session.
        rounds: profiled calls; two more are thrown away.
        folder: where the profiler may write.
    """
    import torch

    from mobilefaceswap_core.runtime.sessions import open_session
    from mobilefaceswap_core.student.graph import idn_graph
    from mobilefaceswap_core.student.swapper import load_student

    network = load_student(backend="torch").network
    with torch.inference_mode():
        embedding = torch.nn.functional.normalize(torch.ones(1, 512), dim=1)
        weights = network.condition(embedding, torch.zeros(1, 512, 7, 7))
    model = idn_graph(network.idn, weights, output="face").SerializeToString()
    session = open_session(model, threads=threads, profile=folder / "profile")
    crop = np.random.default_rng(0).random((1, 3, 224, 224), dtype=np.float32)
    for _ in range(rounds + 2):
        session.run(None, {"crop": crop})
    events = json.loads(Path(session.end_profiling()).read_text())
    return stage_times(events, skip=2)


def stage_times(events: list[dict[str, object]], *, skip: int = 0) -> list[StageTime]:
    """Medians by part and by operator from a profile of ONNX Runtime.

    Args:
        events: the profile's list; node events have ``cat`` Node, a ``dur`` in microseconds and ``args.op_name``.
        skip: first calls left out.
    """
    durations: dict[str, list[float]] = defaultdict(list)
    operators: dict[str, str] = {}
    for event in events:
        name, args = str(event.get("name", "")), event.get("args")
        if event.get("cat") == "Node" and name.endswith("_kernel_time") and isinstance(args, dict):
            node = name.removesuffix("_kernel_time").removesuffix("_nchwc")
            durations[node].append(float(event["dur"]))  # type: ignore[arg-type]
            operators[node] = str(args.get("op_name", "?"))
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for node, microseconds in durations.items():
        median = float(np.median(microseconds[skip:] or microseconds)) / 1000.0
        sums["part", part_of(node, operators[node])] += median
        sums["operator", operator_label(node, operators[node])] += median
    ordered = sorted(sums.items(), key=lambda item: (item[0][0], -item[1]))
    return [StageTime(group, stage, median) for (group, stage), median in ordered]


def part_of(node: str, operator: str) -> str:
    """The IDN's part a node of its graph belongs to; the runtime's own changes of memory layout are apart."""
    if operator.startswith("Reorder"):
        return "layout"
    if node.startswith(("mask",)):
        return "mask"
    if node.startswith(("final", "drawn", "halved", "face")):
        return "final"
    return "decoder" if node.startswith(("decod", "joined")) else "encoder"


# Convolutions of 3x3 or 4x4 over all channels; the runtime names a convolution after the activation it swallowed.
_DENSE = frozenset(
    {"encoder.0", "feature.0", "final_conv.1", "final.1", "final_conv.2", "drawn", "mask_logits", "mask_phases"}
)


def operator_label(node: str, operator: str) -> str:
    """The operator, with convolutions told apart by kind."""
    if operator not in ("Conv", "FusedConv"):
        return "layout change" if operator.startswith("Reorder") else operator
    if "depthwise" in node:
        return "depthwise conv"
    return "dense conv" if node in _DENSE else "pointwise conv"


def example_frame(width: int = 1280, height: int = 720) -> Image:
    """A frame with one face: NASA's portrait of Eileen Collins (public domain, ships with scikit-image), mirrored sides.

    Raises:
        BackendError: scikit-image is not installed.
    """
    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise BackendError("timing a whole frame needs a photo with a face: install scikit-image.") from error
    import cv2

    photo = cv2.resize(astronaut(), (height, height), interpolation=cv2.INTER_CUBIC)
    left = (width - height) // 2
    return cv2.copyMakeBorder(photo, 0, 0, left, width - height - left, cv2.BORDER_REFLECT)


def time_frames(
    methods: tuple[str, ...], *, device: str, threads: int, rounds: int, detector: str = "auto"
) -> list[FrameTime]:
    """Whole frames, each searched for faces, the methods interleaved round by round.

    Video tracks faces and searches only key frames, so its frames cost less than these.

    Raises:
        NoFaceError: the detector does not see the example's face, so the time would be that of an empty frame.
    """
    import time

    from mobilefaceswap_core.detect import load_detector
    from mobilefaceswap_core.marking import UNMARKED
    from mobilefaceswap_core.models import load_swapper
    from mobilefaceswap_core.options import SwapOptions
    from mobilefaceswap_core.pipeline import Pipeline

    frame, unmarked = example_frame(), SwapOptions(marks=UNMARKED)
    finder = load_detector(detector, device=device, fast=True)
    pipelines = {name: Pipeline(load_swapper(name, device=device, threads=threads), finder) for name in methods}
    sources, source_ms = {}, {}
    for name, pipeline in pipelines.items():
        pipeline.prepare_source([frame])  # first calls choose kernels
        started = time.perf_counter()
        sources[name] = pipeline.prepare_source([frame])
        source_ms[name] = 1000.0 * (time.perf_counter() - started)
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
    for number in range(-1, rounds):
        for name, pipeline in pipelines.items():
            result = pipeline.swap(frame, sources[name], faces="largest", options=unmarked)
            if result.report.faces_swapped != 1:
                raise NoFaceError(
                    f"{pipeline.detector.info.name} found no face in the example frame; choose another detector"
                )
            if number >= 0:
                spent = dict(result.seconds)
                frame_s = {stage: spent.pop(stage) for stage in ("detect", "swap")}
                seconds[name].append(frame_s | {"paste": sum(spent.values())})  # with everything that finishes the face
    return [
        FrameTime(
            name, pipeline.detector.info.name, (frame.shape[1], frame.shape[0]),
            {stage: 1000.0 * float(np.median([s[stage] for s in seconds[name]])) for stage in ("detect", "swap", "paste")},
            source_ms[name], pipeline.swapper.info.device,
        )
        for name, pipeline in pipelines.items()
    ]  # fmt: skip
