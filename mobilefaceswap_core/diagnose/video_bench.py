"""How fast clips go through, stage by stage, and what another model would make of the same pipeline."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from ..errors import NoFaceError
from ..faces.choose import largest
from ..pipeline import Pipeline, Source
from ..types import Face, Image
from ..video.job import run_to_end, swap_video
from ..video.options import VideoOptions
from ..video.report import VideoReport
from ..video.stages import StageTime

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
_FACE_SHARE = 0.33  # of the frame's height: a speaker, framed as in an interview
_RATE = Fraction(25)
_MOMENTS = (0, 15, 30, 45)  # frames apart; a movement takes sixty


@dataclass(frozen=True, slots=True)
class BenchRow:
    """One clip through the pipeline.

    Attributes:
        size: name of the frame size.
        model: name of the swapper.
        device: device and backend.
        frames: how many the clip has.
        fps: frames per second, end to end.
        cpu_ms: processor time of the whole process per frame, all threads.
        peak_mb: largest resident memory of the process so far.
        stages: time per stage.
    """

    size: str
    model: str
    device: str
    frames: int
    fps: float
    cpu_ms: float
    peak_mb: float
    stages: tuple[StageTime, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def bench_clips(
    photo: Image,
    *,
    models: Sequence[str] = ("student", "teacher"),
    sizes: Sequence[str] = tuple(SIZES),
    frames: int = 250,
    repeats: int = 2,
    device: str = "auto",
    backend: str = "auto",
    threads: int | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> list[BenchRow]:
    """Measure the whole path from a file to a file.

    Args:
        photo: shows a face; the clips are this photo moving, turning and growing, and it is the source as well.
        models: names of ``--model``; they take turns, so that a busy machine is busy for all of them.
        sizes: names of :data:`SIZES`.
        frames: per clip; a model that takes over a tenth of a second per frame gets a fifth of them.
        repeats: the fastest run of each counts, the others were disturbed.
        threads: of the per-frame network; see :func:`~mobilefaceswap_core.runtime.threads.stage_threads`.
        told: is given a line of progress now and then.

    Raises:
        NoFaceError: the photo shows no face.
    """
    pipelines = {
        name: Pipeline.load(name, device=device, backend=backend, threads=threads, video=True) for name in models
    }
    sources = {name: pipeline.prepare_source([photo]) for name, pipeline in pipelines.items()}
    best: dict[tuple[str, str], BenchRow] = {}
    with tempfile.TemporaryDirectory(prefix="mobilefaceswap-bench-") as folder:
        for size in sizes:
            long, short = Path(folder) / f"{size}.mp4", Path(folder) / f"{size}-short.mp4"
            write_moving_photo(long, photo, pipelines[models[0]], SIZES[size], frames)
            write_moving_photo(short, photo, pipelines[models[0]], SIZES[size], max(10, frames // 5))
            for repeat in range(repeats):
                for name, pipeline in pipelines.items():
                    told(f"{size}, {name}, run {repeat + 1} of {repeats}")
                    clip = short if name in ("teacher", "graphics") else long
                    row = _measure(size, clip, pipeline, sources[name])
                    if (size, name) not in best or row.fps > best[size, name].fps:
                        best[size, name] = row
    return list(best.values())


def _measure(size: str, clip: Path, pipeline: Pipeline, source: Source) -> BenchRow:
    before = _cpu_s()
    report: VideoReport = run_to_end(
        swap_video(pipeline, clip, clip.with_name("out.mp4"), source, options=VideoOptions())
    )
    cpu_ms = (_cpu_s() - before) / report.frames * 1e3
    return BenchRow(size, report.model, report.device, report.frames, report.fps, cpu_ms, peak_mb(), report.stages)


def write_moving_photo(
    path: Path, photo: Image, pipeline: Pipeline, size_px: tuple[int, int], frames: int, *, four: bool = False
) -> None:
    """Write a clip in which a photo moves so that its largest face stays in view, a third of the frame high.

    Args:
        path: of the clip.
        photo: shows a face.
        pipeline: finds it.
        size_px: width and height of the frames, multiples of four.
        frames: of the clip.
        four: four such pictures of half the size side by side, each at another moment.
    """
    faces = pipeline.detect(photo)
    if not faces:
        raise NoFaceError("The photo for the measurement shows no face; give one with a clear frontal face.")
    face = faces[largest(faces)]
    width, height = size_px
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_RATE, options={"crf": "16", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            if four:
                parts = [_moved(photo, face, (width // 2, height // 2), index + later) for later in _MOMENTS]
                picture = np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
            else:
                picture = _moved(photo, face, size_px, index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _moved(photo: Image, face: Face, size_px: tuple[int, int], index: int) -> Image:
    """The photo as frame ``index`` shows it."""
    width, height = size_px
    centre = (face.box[:2] + face.box[2:]) / 2
    angle, scale = 2 * np.pi * index / 60, _FACE_SHARE * height / face.size_px
    matrix = cv2.getRotationMatrix2D(tuple(centre), 8 * np.sin(angle), scale * (1 + 0.08 * np.sin(0.7 * angle)))
    matrix[:, 2] += [
        width / 2 - centre[0] + 0.08 * width * np.cos(angle),
        height / 2 - centre[1] + 0.08 * height * np.sin(angle),
    ]
    return np.asarray(cv2.warpAffine(photo, matrix, size_px, borderMode=cv2.BORDER_REFLECT), np.uint8)


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system
