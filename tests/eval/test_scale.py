"""Memory of the stages does not grow with the pairs. Small pictures and judges of one line, the real stages."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from eval import judge, panel
from eval.images import write_png
from eval.judges.base import JudgeInfo
from eval.pairs import read_foreign_pairs, write_pairs
from eval.panel import JudgeOptions
from eval.records import read_records
from eval.swap import run_swap
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


def peak_kib(folder: Path, count: int) -> tuple[float, float]:
    """Highest memory of the swap and of the judge stage over ``count`` pairs of video frames, in KiB."""
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
    run = folder / "run"
    write_pairs(run / "pairs.csv", read_foreign_pairs(folder / "list.csv")[0])
    root = folder / "data"
    peaks = []
    for stage in (
        lambda: run_swap(run, METHODS, root=root, aligned=None),
        lambda: judge.run_judge(run, METHODS, JudgeOptions(()), root=root),
    ):
        tracemalloc.start()
        assert stage() == count
        peaks.append(tracemalloc.get_traced_memory()[1] / 1024)
        tracemalloc.stop()
    return peaks[0], peaks[1]


@pytest.fixture
def _light_judges(monkeypatch):
    monkeypatch.setattr(detect, "load_detector", lambda name, device: OneFace())
    kinds = ("recogniser", "pose", "expression", "shape")
    monkeypatch.setattr(panel, "load_judges", lambda names, device: [MeanColour(k) for k in kinds])


@pytest.mark.usefixtures("_light_judges")
def test_three_times_the_pairs_need_no_more_memory(tmp_path):
    peak_kib(tmp_path / "warm", 240)  # imports and caches are filled once
    few, many = peak_kib(tmp_path / "few", 80), peak_kib(tmp_path / "many", 240)
    # The interpreter's free lists fill up, some hundred KiB whatever the count. Keeping the records, or one 3 KiB picture per
    # pair and method, would cost at least 600 KiB.
    assert many[0] < few[0] + 300 and many[1] < few[1] + 300, f"KiB for 80 and 240 pairs: {few}, {many}"
    records = [r for r in read_records(tmp_path / "many" / "run" / "records.jsonl") if r["method"] == "target"]
    flicker = [r["values"]["flicker"] for r in records if "flicker" in r["values"]]
    assert len(records) == 240 and len(flicker) == 240 - 240 // CLIP_FRAMES and max(flicker) == 0
