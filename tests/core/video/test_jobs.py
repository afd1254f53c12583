"""Jobs that are cancelled, killed or fail leave nothing; the others tell what happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilefaceswap_core.errors import Cancelled, OptionError, OutputError, VideoError
from mobilefaceswap_core.options import SwapOptions
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, run_to_end, swap_video
from mobilefaceswap_core.video import output as video_output
from mobilefaceswap_core.video.reader import MediaFile
from mobilefaceswap_core.video.stages import run_stages
from tests.fakes import clips
from tests.fakes.video_fixtures import GREEN, PLAIN, RED, UNMARKED_SWAP, Painter, painted, painter, student

OPTIONS = VideoOptions(swap=PLAIN)
MARKED = VideoOptions(swap=SwapOptions(match_colours=False))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_clip(tmp_path_factory.mktemp("jobs") / "clip.mp4", clips.portrait_frames(30), sound=True)


def job(target: Path, output: Path, **extra: Any) -> Iterator[Any]:
    return swap_video(painter(), target, output, painted(RED), options=OPTIONS, **extra)


def video_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("video-")]


def test_closing_the_generator_leaves_nothing_behind(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.job._EVENT_S", 0.0)
    events = job(clip, tmp_path / "out.mp4")
    first = next(events)
    assert (first.stage, first.frames_total) == ("swap", 30)
    assert any(name.startswith(".out") for name in os.listdir(tmp_path))  # it is being written, under a hidden name
    events.close()  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == []
    assert video_threads() == []


def test_a_set_event_cancels_and_leaves_nothing_behind(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.job._EVENT_S", 0.0)
    stop = threading.Event()

    def run() -> None:
        for event in job(clip, tmp_path / "out.mp4", stop=stop):
            assert event.stage == "swap"
            stop.set()

    with pytest.raises(Cancelled):
        run()
    assert os.listdir(tmp_path) == [] and video_threads() == []


def test_a_cancelled_job_keeps_the_older_result(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.job._EVENT_S", 0.0)
    (tmp_path / "out.mp4").write_bytes(b"older")
    events = job(clip, tmp_path / "out.mp4")
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert os.listdir(tmp_path) == ["out.mp4"] and (tmp_path / "out.mp4").read_bytes() == b"older"


def test_an_error_in_the_swapper_reaches_the_caller_and_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    class Failing(Painter):
        def swap(self, targets: Any, conditions: Any) -> Any:
            raise RuntimeError("out of memory")

    pipeline = Pipeline(Failing(), painter().detector)
    with pytest.raises(RuntimeError, match="out of memory"):
        run_to_end(swap_video(pipeline, clip, tmp_path / "out.mp4", painted(RED), options=OPTIONS))
    assert os.listdir(tmp_path) == [] and video_threads() == []


LIMITED = """
import resource, sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.fakes.video_fixtures import RED, UNMARKED_SWAP, painted, painter
from mobilefaceswap_core.errors import OutputError
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, run_to_end, swap_video
painter()
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    encode = EncodeOptions(crf=1)
    run_to_end(swap_video(painter(), Path({clip!r}), Path({out!r}), painted(RED), options=VideoOptions(encode=encode, swap=UNMARKED_SWAP)))
except OutputError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX feature")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webp"])
def test_a_disk_that_takes_no_more_is_an_output_error_and_leaves_nothing(clip: Path, name: str, tmp_path: Path) -> None:
    paths = [str(Path(__file__).parents[3])]
    code = LIMITED.format(paths=paths, clip=str(clip), out=str(tmp_path / name))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "refused:" in done.stdout and "space" in done.stdout, done.stderr
    assert os.listdir(tmp_path) == []


KILLED = """
import sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.fakes.video_fixtures import RED, UNMARKED_SWAP, painted, painter
from mobilefaceswap_core.video import VideoOptions, swap_video
import mobilefaceswap_core.video.job as job
job._EVENT_S = 0.0
for event in swap_video(painter(), Path({clip!r}), Path({out!r}), painted(RED), options=VideoOptions(swap=UNMARKED_SWAP)):
    print("running", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_what_a_killed_job_leaves_is_hidden_and_removed_by_the_next_one(clip: Path, tmp_path: Path) -> None:
    paths = [str(Path(__file__).parents[3])]
    code = KILLED.format(paths=paths, clip=str(clip), out=str(tmp_path / "out.mp4"))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"running\n"
    (left,) = os.listdir(tmp_path)
    assert left.startswith(".out")
    assert video_output.remove_leftovers(tmp_path) == []  # it still runs
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert os.listdir(tmp_path) == [left]
    run_to_end(job(clip, tmp_path / "second.mp4"))
    assert os.listdir(tmp_path) == ["second.mp4"]


def test_leftovers_of_other_machines_and_files_of_other_names_stay(tmp_path: Path) -> None:
    names = [".a.00000000-999999-01234567.mfs-part.mp4", "a.mp4", ".hidden.mp4", ".mfs-part.mp4"]
    for name in names:
        (tmp_path / name).touch()
    assert video_output.remove_leftovers(tmp_path) == []
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_outputs_without_a_place_are_refused_before_any_work(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        run_to_end(job(clip, tmp_path / "nowhere" / "out.mp4"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("keep me")
    with pytest.raises(OutputError, match="not overwritten"):
        run_to_end(job(clip, tmp_path / "full"))
    assert (tmp_path / "full" / "precious.txt").read_text() == "keep me"
    with pytest.raises(OptionError, match="one of the inputs"):
        run_to_end(job(clip, clip))


def test_frames_without_a_face_pass_unchanged_and_are_counted(tmp_path: Path) -> None:
    empty = clips.textured((320, 240))
    frames = [*clips.portrait_frames(6), *[empty] * 8, *clips.portrait_frames(4)]
    target = clips.write_clip(tmp_path / "in.mkv", frames, codec="ffv1")
    options = VideoOptions(encode=EncodeOptions(codec="ffv1"), swap=PLAIN)
    report = run_to_end(swap_video(painter(), target, tmp_path / "out.mkv", painted(RED), options=options))
    assert (report.frames, report.frames_without_face, report.frames_swapped) == (18, 8, 10)
    assert report.scene_cuts == 2
    before, after = clips.read_frames(target, "yuv420p"), clips.read_frames(tmp_path / "out.mkv", "yuv420p")
    same = [np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [False] * 6 + [True] * 8 + [False] * 4


def test_a_clip_without_any_face_is_no_error(tmp_path: Path) -> None:
    target = clips.write_clip(tmp_path / "in.mp4", [clips.textured((160, 120))] * 5)
    report = run_to_end(job(target, tmp_path / "out.mp4"))
    assert (report.frames, report.frames_without_face, report.faces_swapped) == (5, 5, 0)


def test_the_report_is_written_and_says_what_was_used(clip: Path, tmp_path: Path) -> None:
    options = VideoOptions(swap=PLAIN, key_interval=2, smooth=False)
    report = run_to_end(swap_video(painter(), clip, tmp_path / "out.mp4", painted(RED), options=options))
    report.write(tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text())
    assert read["frames"] == read["frames_swapped"] == 30
    assert (read["model"], read["detector"], read["device"]) == ("painter", "lite", "cpu")
    assert (read["options"]["key_interval"], read["options"]["smooth"], read["options"]["encode"]["crf"]) == (
        2,
        False,
        17.5,
    )
    assert [stage["name"] for stage in read["stages"]] == ["decode", "track", "swap", "paste", "encode"]
    assert all(stage["items"] == 30 for stage in read["stages"])
    assert read["detections"] == 15


def test_progress_rises_and_ends_with_the_report(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobilefaceswap_core.video.job._EVENT_S", 0.0)
    events = list(job(clip, tmp_path / "out.mp4"))
    done = [event.frames_done for event in events]
    assert done == sorted(done) and done[-1] == 30 and len(done) > 20
    assert [event.stage for event in events] == ["swap"] * (len(events) - 1) + ["done"]
    assert events[-1].report is not None and all(event.report is None for event in events[:-1])
    assert all(event.seconds_left is not None and event.seconds_left >= 0 for event in events[1:])


def test_reasons_for_leaving_faces_alone_are_counted(tmp_path: Path) -> None:
    target = clips.write_clip(tmp_path / "in.mp4", [clips.group()[:, :1280]] * 3)

    options = VideoOptions(faces="largest", swap=PLAIN)
    report = run_to_end(swap_video(painter(), target, tmp_path / "out.mp4", painted(RED), options=options))
    assert report.faces_found == 18 and report.faces_swapped == 3
    assert report.skipped == {"not the largest face": 15}
    small = VideoOptions(swap=replace(PLAIN, min_face_px=1000))
    report = run_to_end(swap_video(painter(), target, tmp_path / "out.mp4", painted(RED), options=small))
    assert report.faces_swapped == 0 and report.skipped == {"smaller than 1000 px": 18}


def test_only_a_bounded_number_of_pictures_is_alive_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = clips.write_clip(tmp_path / "in.mp4", clips.portrait_frames(24, (160, 120)) * 4)
    read, written, most = [0], [0], [0]
    pictures = MediaFile.pictures

    def counted(self: MediaFile, on_packet: Any = None) -> Iterator[Any]:
        for picture in pictures(self, on_packet):
            read[0] += 1
            most[0] = max(most[0], read[0] - written[0])
            yield picture

    from mobilefaceswap_core.video.writer import MediaWriter

    write = MediaWriter.write

    def slow(self: MediaWriter, picture: Any) -> None:
        time.sleep(0.005)
        write(self, picture)
        written[0] += 1

    monkeypatch.setattr(MediaFile, "pictures", counted)
    monkeypatch.setattr(MediaWriter, "write", slow)
    assert run_to_end(job(target, tmp_path / "out.mp4")).frames == 96
    assert most[0] <= 32


def test_batches_change_nothing(clip: Path, tmp_path: Path) -> None:
    results = []
    source = student().prepare_source([clips.head(1)])
    for batch in (1, 5):
        options = VideoOptions(batch=batch, swap=UNMARKED_SWAP, encode=EncodeOptions(crf=0, preset="ultrafast"))
        run_to_end(swap_video(student(), clip, tmp_path / "out.mp4", source, options=options))
        results.append(clips.read_frames(tmp_path / "out.mp4"))
    for a, b in zip(*results, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 6  # float32 sums in another order


def test_the_student_changes_the_face_and_the_mark_can_be_read_in_every_frame(clip: Path, tmp_path: Path) -> None:
    from mobilefaceswap_core.marking.reading import read_faces, vote
    from mobilefaceswap_core.marking.watermark import payload_for

    source = student().prepare_source([clips.head(1)])
    report = run_to_end(swap_video(student(), clip, tmp_path / "out.mp4", source))
    assert report.faces_swapped == 30 and report.options["swap"]["marks"]["watermark"] is True
    frames = clips.read_frames(tmp_path / "out.mp4")
    readings = [reading for frame in frames[::5] for reading in read_faces(frame, student().detector.detect(frame))]
    found = vote(readings)
    assert found is not None and found.marked and found.payload == payload_for("student", found.form)


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.webp", "frames"])
def test_marking_is_on_by_default_and_moves_no_frame_and_no_sound(clip: Path, name: str, tmp_path: Path) -> None:
    report = run_to_end(swap_video(painter(), clip, tmp_path / name, painted(RED), options=MARKED))
    assert report.marked[0] == "watermark" and os.listdir(tmp_path) == [name]
    if name == "out.mp4":
        assert "metadata" in report.marked
        assert clips.read_times(tmp_path / name) == clips.read_times(clip)
    else:
        assert "metadata" in report.marked or [note for note in report.notes if "could not be added" in note]
    if name.endswith(("mp4", "mkv")):
        assert clips.packets(tmp_path / name, "audio") == clips.packets(clip, "audio")


def test_a_source_of_another_model_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="painter"):
        run_to_end(swap_video(student(), clip, tmp_path / "out.mp4", painted(GREEN), options=OPTIONS))
    assert os.listdir(tmp_path) == []


def test_stages_keep_order_pass_errors_on_and_stop() -> None:
    def count(_: Iterator[Any]) -> Iterator[int]:
        yield from range(1000)

    def square(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            if item == 700:
                raise VideoError("seven hundred")
            yield item * item

    stop = threading.Event()
    got = []
    with pytest.raises(VideoError, match="seven"), run_stages([("count", count), ("square", square)], depth=3, stop=stop) as run:  # fmt: skip  # noqa: PT012
        for item in run[0]:
            got.append(item)
    assert got == [n * n for n in range(700)]
    assert video_threads() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
def test_a_stage_waits_for_those_behind_it_and_the_last_for_none() -> None:
    def own(items: Iterator[int]) -> Iterator[int]:
        yield from [*items, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())]

    before = os.getpriority(os.PRIO_PROCESS, 0)
    with run_stages([(name, own) for name in ("first", "second", "last")], depth=2, stop=threading.Event()) as run:
        first, second, last = run[0]
    assert first > second > last == before == os.getpriority(os.PRIO_PROCESS, 0)
