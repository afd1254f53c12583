"""Judges and pictures that cost nothing, so that what is left is the stages' own memory and time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from eval import panel
from eval.images import write_png
from eval.judges.base import JudgeInfo
from mobilefaceswap_core import detect
from mobilefaceswap_core.detect import DetectorInfo
from mobilefaceswap_core.types import Face

CLIP_FRAMES = 40
METHODS = ["target", "target-jpeg"]


class OneFace:
    """A detector that sees the same face in every picture."""

    info = DetectorInfo("one", "one face", "cpu", "none")

    def detect(self, image, *, order="left_to_right"):
        points = np.stack([np.linspace(8, 24, 68), 16 + 6 * np.sin(np.arange(68))], 1)
        return [Face(np.array([6.0, 6, 26, 26]), 1.0, points[:5], points)]


class MeanColour:
    """A judge whose vector is the mean colour."""

    def __init__(self, kind: str) -> None:
        self.info = JudgeInfo(f"mean-{kind}", kind, "mean colour", "1")

    def measure(self, image, face):
        vector = image.reshape(-1, 3).mean(0) + 1.0
        return vector / np.linalg.norm(vector)


def made_data(folder: Path, count: int) -> Path:
    """Small pictures and ``list.csv`` of so many pairs of video frames; the data set's root."""
    random = np.random.default_rng(0)
    for k in range(CLIP_FRAMES):
        write_png(folder / "data" / f"t{k}.png", random.integers(0, 255, (32, 32, 3), np.uint8))
    for k in range(4):
        write_png(folder / "data" / f"s{k}.png", random.integers(0, 255, (32, 32, 3), np.uint8))
    rows = ["source,target,source_identity,target_identity,clip,frame"]
    for i in range(count):
        clip, frame = divmod(i, CLIP_FRAMES)
        rows.append(f"s{clip % 4}.png,t{frame}.png,person {clip % 4},other,{clip},{frame}")
    (folder / "list.csv").write_text("\n".join(rows) + "\n")
    return folder / "data"


def light_judges(monkeypatch) -> None:
    """A detector and judges that cost nothing."""
    monkeypatch.setattr(detect, "load_detector", lambda name, device: OneFace())
    kinds = ("recogniser", "pose", "expression", "shape")
    monkeypatch.setattr(panel, "load_judges", lambda names, device: [MeanColour(k) for k in kinds])
