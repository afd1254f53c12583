"""Live pictures: late frames are dropped, faces are kept, visitors stay apart."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobilefaceswap_core.errors import ImageError, OptionError, VideoError
from mobilefaceswap_core.marking import MarkOptions
from mobilefaceswap_core.marking.badge import draw_badge
from mobilefaceswap_core.pipeline import Pipeline
from mobilefaceswap_core.video.live import LiveSwapper
from mobilefaceswap_core.video.play import NewestFrame, play
from tests.fakes import clips
from tests.fakes.video_fixtures import BLUE, PLAIN, RED, Painter, colour_share, painted, painter


class Clock:
    """Time that goes on only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class SlowPainter(Painter):
    """Takes time on a given clock."""

    def __init__(self, step: Callable[[], None]) -> None:
        super().__init__()
        self._step = step

    def swap(self, targets: Any, conditions: Any) -> Any:
        self._step()
        return super().swap(targets, conditions)


def live(pipeline: Pipeline | None = None, colour: tuple[int, int, int] = RED, **options: Any) -> LiveSwapper:
    return LiveSwapper(pipeline or painter(), painted(colour), options=PLAIN, **options)


def test_every_frame_is_swapped_while_there_is_time() -> None:
    clock = Clock()
    swapper = live(clock=clock)
    for frame in clips.portrait_frames(8):
        image, stats = swapper.process(frame)
        clock.now += 0.04
        assert colour_share(image, RED) > 0.02 and not stats.dropped and stats.faces == 1
    assert (stats.frames, stats.frames_dropped) == (8, 0)


def test_the_rate_is_that_of_the_last_two_seconds() -> None:
    clock = Clock()
    swapper = live(clock=clock)
    frame = clips.portrait_frames(1)[0]
    assert swapper.process(frame)[1].per_second == 0
    for wait_s, wanted in ((1.0, 1.0), *[(0.25, None)] * 7, (0.25, 4.0)):
        clock.now += wait_s
        rate = swapper.process(frame)[1].per_second
        assert wanted is None or rate == pytest.approx(wanted, abs=0.01)


def test_a_label_that_was_chosen_is_on_every_picture() -> None:
    frame = clips.portrait_frames(1)[0]
    labelled = LiveSwapper(painter(), painted(RED), options=replace(PLAIN, marks=MarkOptions(badge=True)))
    plain, _ = LiveSwapper(painter(), painted(RED), options=replace(PLAIN, marks=MarkOptions())).process(frame)
    image, _ = labelled.process(frame)
    assert np.array_equal(image, draw_badge(plain)) and not np.array_equal(image, plain)
    again, _ = labelled.process(frame)
    assert np.array_equal(again[-20:, -20:], image[-20:, -20:])


def test_a_frame_is_not_changed_and_pixels_outside_the_face_are_the_frames() -> None:
    frame = clips.portrait_frames(1)[0]
    before = frame.copy()
    image, _ = live().process(frame)
    assert np.array_equal(frame, before)
    assert np.array_equal(image[:, :100], frame[:, :100])


def test_late_frames_are_dropped_and_show_the_swapped_picture_before() -> None:
    clock = Clock()
    swapper = live(clock=clock, budget_ms=100)
    first, second = clips.portrait_frames(2)
    shown, _ = swapper.process(first, arrived=clock.now)
    again, stats = swapper.process(second, arrived=clock.now - 0.101)
    assert stats.dropped and again is shown and colour_share(again, RED) > 0.02
    in_time, stats = swapper.process(second, arrived=clock.now - 0.099)
    assert not stats.dropped and in_time is not shown
    assert (stats.frames, stats.frames_dropped) == (2, 1)


def test_the_first_frame_is_worked_on_however_late() -> None:
    clock = Clock()
    image, stats = live(clock=clock).process(clips.portrait_frames(1)[0], arrived=clock.now - 60)
    assert not stats.dropped and colour_share(image, RED) > 0.02


def test_a_frame_that_arrives_during_another_is_dropped_and_never_shown_unswapped() -> None:
    entered, leave = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert leave.wait(20)

    swapper = live(Pipeline(SlowPainter(wait), painter().detector))
    frames = clips.portrait_frames(3)
    leave.set()
    shown, _ = swapper.process(frames[0])
    entered.clear()
    leave.clear()
    worker = threading.Thread(target=swapper.process, args=(frames[1],))
    worker.start()
    assert entered.wait(20)
    image, stats = swapper.process(frames[2])
    assert stats.dropped and image is shown
    leave.set()
    worker.join()
    assert swapper.process(frames[2])[1].frames == 3


def test_percentiles_are_those_of_the_latencies() -> None:
    clock = Clock()
    steps = iter([0.010 * n for n in range(1, 21)])

    def step() -> None:
        clock.now += next(steps)

    swapper = live(Pipeline(SlowPainter(step), painter().detector), clock=clock, budget_ms=1000)
    for frame in clips.portrait_frames(20):
        _, stats = swapper.process(frame)
    assert stats.latency_ms == pytest.approx(200)
    assert stats.p50_ms == pytest.approx(np.percentile(np.arange(10, 201, 10), 50))
    assert stats.p95_ms == pytest.approx(np.percentile(np.arange(10, 201, 10), 95))


def test_a_lost_face_stays_at_its_last_landmarks_for_a_moment_and_then_goes() -> None:
    clock = Clock()
    swapper = live(clock=clock)
    frames = clips.portrait_frames(14, still=True)
    for frame in frames[6:]:
        frame[20:160, 120:260] = (110, 110, 110)
    swapped = []
    for frame in frames:
        swapped.append(swapper.process(frame)[1].faces)
        clock.now += 0.04
    assert swapped[:8] == [1] * 8 and swapped[-3:] == [0] * 3


def test_detection_is_put_off_when_time_is_short_but_not_for_ever() -> None:
    clock = Clock()

    def step() -> None:
        clock.now += 0.15

    tight, roomy = (
        live(Pipeline(SlowPainter(step), painter().detector), clock=clock, budget_ms=budget) for budget in (100, 10_000)
    )
    for frame in clips.portrait_frames(40):
        for swapper in (tight, roomy):
            assert swapper.process(frame)[1].faces == 1
    assert 2 <= tight._tracker.detections < roomy._tracker.detections


def test_a_late_picture_never_shows_a_face_unswapped_where_it_jumped_to() -> None:
    clock = Clock()

    def step() -> None:
        clock.now += 0.15

    # What a busy machine lets through of a head in motion: places that lie far apart, the last one like a scene cut.
    shifts = [(30, 95), (30, 95), (-40, 60), (-40, 60), (60, 100), (0, 40), (70, 60), (-70, 100)]
    swapper = live(Pipeline(SlowPainter(step), painter().detector), clock=clock, budget_ms=100)
    for shift in shifts:
        frame = clips.moved(clips.astronaut(), (320, 240), shift=shift, scale=0.75)
        image, _ = swapper.process(frame)
        x, y = round(160 + shift[0] + 0.75 * (224 - 256)), round(120 + shift[1] + 0.75 * (125 - 256))
        assert colour_share(image[y - 6 : y + 6, x - 6 : x + 6], RED) > 0.9, f"the face at {shift} is not swapped"


def test_visitors_who_share_a_pipeline_never_see_each_others_face() -> None:
    one, two = live(colour=RED), live(colour=BLUE)
    for frame in clips.portrait_frames(4):
        assert colour_share(one.process(frame)[0], BLUE) < 0.001 < 0.02 < colour_share(two.process(frame)[0], BLUE)


def test_a_camera_may_change_its_picture_size() -> None:
    swapper = live()
    for size in ((320, 240), (480, 360), (320, 240)):
        image, stats = swapper.process(clips.moved(clips.astronaut(), size, shift=(30, 95), scale=0.75))
        assert image.shape[1::-1] == size and stats.faces == 1


def test_pictures_without_a_face_go_through() -> None:
    frame = clips.textured((160, 120))
    image, stats = live().process(frame)
    assert np.array_equal(image, frame) and stats.faces == 0


def test_frames_that_are_no_pictures_and_senseless_budgets_are_refused() -> None:
    with pytest.raises(ImageError, match="live frame"):
        live().process(np.zeros((4, 4), np.uint8))
    with pytest.raises(OptionError, match="budget"):
        live(budget_ms=0)


def test_only_the_newest_waiting_frame_is_kept() -> None:
    newest = NewestFrame()
    for number in range(5):
        newest.put(np.full((1, 1, 3), number, np.uint8), float(number))
    taken = newest.take()
    assert taken is not None and taken[1] == 4.0 and newest.dropped == 4
    newest.end()
    assert newest.take() is None


def test_a_clip_is_played_like_a_camera_and_recorded(tmp_path: Path) -> None:
    clip = clips.write_clip(tmp_path / "in.mp4", clips.portrait_frames(20, still=True))
    (tmp_path / "out").mkdir()
    started = time.monotonic()
    result = play(live(), clip, record=tmp_path / "out" / "live.mp4")
    assert time.monotonic() - started > 19 / 25  # at the clip's own speed, not as fast as it goes
    assert result.frames + result.frames_dropped == 20 and result.frames > 0
    assert 0 < result.p50_ms <= result.p95_ms
    recorded = clips.read_frames(tmp_path / "out" / "live.mp4")
    # The face rests, so how many frames a busy machine drops does not decide whether it is followed.
    assert len(recorded) <= result.frames
    assert all(colour_share(frame, RED) > 0.02 for frame in recorded)
    assert os.listdir(tmp_path / "out") == ["live.mp4"]


def test_a_picture_that_cannot_be_played_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist"):
        play(live(), tmp_path / "none.mp4", record=tmp_path / "live.mp4")
    assert os.listdir(tmp_path) == []
