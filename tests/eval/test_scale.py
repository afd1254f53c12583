"""Memory of the stages does not grow with the pairs. Small pictures and judges of one line, the real stages."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

from eval import judge
from eval.pairs import read_foreign_pairs, write_pairs
from eval.panel import JudgeOptions
from eval.records import read_records
from eval.swap import run_swap
from tests.fakes.light_judges import CLIP_FRAMES, METHODS, light_judges, made_data


def peak_kib(folder: Path, count: int) -> tuple[float, float]:
    """Highest memory of the swap and of the judge stage over ``count`` pairs of video frames, in KiB."""
    root, run = made_data(folder, count), folder / "run"
    write_pairs(run / "pairs.csv", read_foreign_pairs(folder / "list.csv")[0])
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


def test_three_times_the_pairs_need_no_more_memory(tmp_path, monkeypatch):
    light_judges(monkeypatch)
    peak_kib(tmp_path / "warm", 80)  # imports and caches are filled once
    few, many = peak_kib(tmp_path / "few", 40), peak_kib(tmp_path / "many", 120)
    # The interpreter's free lists fill up, some hundred KiB whatever the count. Keeping the records, or one 3 KiB picture per
    # pair and method, would cost at least 480 KiB.
    assert many[0] < few[0] + 300 and many[1] < few[1] + 300, f"KiB for 40 and 120 pairs: {few}, {many}"
    records = [r for r in read_records(tmp_path / "many" / "run" / "records.jsonl") if r["method"] == "target"]
    flicker = [r["values"]["flicker"] for r in records if "flicker" in r["values"]]
    assert len(records) == 120 and len(flicker) == 120 - 120 // CLIP_FRAMES and max(flicker) == 0
