"""A clip is swapped as a clip: as a video job does it, whoever does it, and whenever it was interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.datasets.builtin_clips import seen_by_camera
from eval.images import read_image, write_png
from eval.options import RunOptions
from eval.pairs import Pair, write_pairs
from eval.records import read_records
from eval.run import options_of, prepare, swap_stage
from eval.run_files import read_run
from eval.swap import unit_jobs
from eval.units import count_units, iterate_units, shown_order
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.marking import UNMARKED
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.video.job import run_to_end, swap_video
from mobilefaceswap_core.video.options import VideoOptions
from tests.fakes.fake_swappers import Average

FRAMES, CLIPS = 6, 2
METHODS = ("target", "average=tests.fakes.fake_swappers:average")


def frame(index: int, number: int, *, clip: str = "c", source: str = "s") -> Pair:
    return Pair(index, source, f"{clip}{number}", "a", "b", clip, number)


def test_photos_stand_alone_and_the_frames_of_a_clip_come_together(tmp_path: Path) -> None:
    pairs = [frame(0, 0), frame(1, 0, clip="d"), Pair(2, "s", "t", "a", "b"), frame(3, 2), frame(4, 2, clip="d")]
    write_pairs(tmp_path / "pairs.csv", pairs)
    units = [[pair.index for pair in unit] for unit in iterate_units(tmp_path / "pairs.csv")]
    assert units == [[2], [0, 3], [1, 4]] and count_units(tmp_path / "pairs.csv") == 3
    assert [len(unit) for unit in iterate_units(tmp_path / "pairs.csv", limit=4)] == [1, 1, 2]


def test_frames_are_shown_by_their_numbers_and_twice_asked_for_is_two_takes() -> None:
    unit = [frame(0, 4), frame(1, 0), frame(2, 4, source="another photo"), frame(3, 0, source="another photo")]
    order = shown_order(unit, frame_rate=20)
    assert [(pair.index, moment.clip, moment.time_s) for pair, moment in order] == [
        (1, 1, 0), (0, 1, 0.2), (3, 3, 0), (2, 3, 0.2)
    ]  # fmt: skip
    unnumbered = shown_order([frame(5, -1), frame(6, -1)], frame_rate=20)
    assert [(pair.index, moment.time_s) for pair, moment in unnumbered] == [(5, 0), (6, 0.05)]


def test_after_an_interruption_a_clip_is_seen_up_to_the_last_frame_that_is_missing() -> None:
    unit, done = [frame(i, i) for i in range(4)], np.ones((2, 4), bool)
    done[1, 2] = False
    jobs = unit_jobs(unit, done, frame_rate=25)
    assert [(job.pair.index, job.wanted[1], job.awaited[1]) for job in jobs] == [
        (0, False, True), (1, False, True), (2, True, False)
    ]  # fmt: skip
    assert not any(job.wanted[0] or job.awaited[0] for job in jobs), "the other method is done"
    assert [job.pair.index for job in unit_jobs(unit, done, frame_rate=None)] == [2], "frames by themselves"


@pytest.fixture(scope="module")
def clips(made_once, astronaut, group) -> Path:
    """Two short clips of one face, and the photo of another."""

    def make(folder: Path) -> None:
        still = np.ascontiguousarray(astronaut[:256, 96:352])
        write_png(folder / "source.png", np.ascontiguousarray(group[96:336, 200:440]))
        rows = ["source,target,source_identity,target_identity,clip,frame"]
        for clip in range(CLIPS):
            for number in range(FRAMES):
                target = f"{clip}/{number:03d}.png"
                write_png(folder / target, seen_by_camera(still, (clip + number / 8) * 0.4))
                rows.append(f"source.png,{target},someone,astronaut,{clip},{number}")
        (folder / "pairs.csv").write_text("\n".join(rows) + "\n")

    return made_once("short-clips", make)


def swapped(out: Path, root: Path, **values: object) -> Path:
    options = RunOptions(**{"dataset": "pairs", "root": str(root), "methods": METHODS, "detector": "lite", **values})  # type: ignore[arg-type]
    prepare(out, options, resume=out.exists(), say=lambda text: None)
    swap_stage(out, options)
    return out


def images(run: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((run / "swapped" / "average").iterdir())]


@pytest.fixture(scope="module")
def whole(made_once, clips) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        return made_once("whole-clips", lambda out: swapped(out / "run", clips)) / "run"


def test_frames_are_those_that_a_video_job_writes(whole: Path, clips: Path, tmp_path: Path) -> None:
    pipeline = Pipeline(Average("average-cpu"), load_detector("lite", fast=True))
    source = pipeline.prepare_source([read_image(clips / "source.png")])
    options = VideoOptions(swap=SwapOptions(marks=UNMARKED), faces="largest")
    run_to_end(swap_video(pipeline, clips / "1", tmp_path / "out", source, options=options))
    ours = [read_image(path) for path in sorted((whole / "swapped" / "average").iterdir())[FRAMES:]]
    theirs = [read_image(path) for path in sorted((tmp_path / "out").iterdir())]
    assert len(theirs) == FRAMES and all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_an_interrupted_run_makes_the_same_images_of_the_rest(whole: Path, clips: Path, tmp_path: Path) -> None:
    lines = [record for record in read_records(whole / "manifest.jsonl") if record["pair"] not in (3, 4, 9)]
    run = tmp_path / "interrupted"
    run.mkdir()
    for name in ("run.json", "pairs.csv"):
        (run / name).write_bytes((whole / name).read_bytes())
    for record in lines:
        path = run / record["image"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((whole / record["image"]).read_bytes())
    (run / "manifest.jsonl").write_text("".join(json.dumps(record) + "\n" for record in lines))
    assert images(swapped(run, clips)) == images(whole)
    assert len(list(read_records(run / "manifest.jsonl"))) == len(METHODS) * FRAMES * CLIPS


def test_frames_by_themselves_are_photos_and_no_run_changes_between_the_two(
    whole: Path, clips: Path, tmp_path: Path
) -> None:
    run = swapped(tmp_path / "run", clips, clips="frames")
    assert all(a != b for a, b in zip(images(run), images(whole), strict=True))
    with pytest.raises(OptionError, match=r"begun with clips = 'frames', now it is 'whole'"):
        swapped(run, clips)
    meta = read_run(run)
    del meta["options"]["clips"]  # a run of before there was a choice
    (run / "run.json").write_text(json.dumps(meta))
    assert options_of(run).clips == "frames"
