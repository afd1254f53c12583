"""What a video job says: progress while it runs, and a report when it is done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..files.atomic import write_bytes
from .stages import StageTime

Stage = Literal["people", "swap", "done"]


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What happened to a clip.

    Attributes:
        input: path read.
        output: path written.
        width: of the upright frames, in pixels.
        height: of the upright frames, in pixels.
        frame_rate: average, as an exact fraction such as ``30000/1001``.
        frames: read and written.
        frames_without_face: no face was found in them; they went through unchanged.
        frames_swapped: with at least one swapped face.
        faces_found: faces over all frames.
        faces_swapped: how many of them were replaced.
        skipped: how many faces were left alone, by reason.
        people_swapped: faces replaced by person's number; empty when nobody was told apart.
        truncated: the input ended before it should; what could be read was written.
        damaged_packets: pieces of the input that could not be decoded.
        notes: what the output could not keep, and other things to know.
        marked: layers that say the clip is synthetic: ``watermark``, ``metadata``, ``credentials``.
        model: name of the swapper.
        detector: name of the detector.
        device: device and backend of the swapper.
        options: all options, resolved.
        seconds: wall time of the swap.
        fps: frames per second of wall time.
        detections: how often the detector searched a whole frame.
        scene_cuts: cuts noticed.
        stages: times by stage.
    """

    input: str
    output: str
    width: int
    height: int
    frame_rate: str
    frames: int
    frames_without_face: int
    frames_swapped: int
    faces_found: int
    faces_swapped: int
    skipped: dict[str, int]
    people_swapped: dict[int, int]
    truncated: bool
    damaged_packets: int
    notes: tuple[str, ...]
    marked: tuple[str, ...]
    model: str
    detector: str
    device: str
    options: dict[str, Any]
    seconds: float
    fps: float
    detections: int
    scene_cuts: int
    stages: tuple[StageTime, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``json.dump``."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write the report as JSON; it appears whole or not at all."""
        write_bytes(path, (json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n").encode())


@dataclass(frozen=True, slots=True)
class VideoEvent:
    """Progress of a job.

    Attributes:
        stage: ``people`` (looking who is there), ``swap``, and once ``done``.
        frames_done: in this stage.
        frames_total: ``None`` when the clip does not say.
        fps: frames per second of this stage so far.
        seconds_left: estimate; ``None`` until there is one.
        report: with ``done``.
    """

    stage: Stage
    frames_done: int
    frames_total: int | None
    fps: float
    seconds_left: float | None
    report: VideoReport | None = None
