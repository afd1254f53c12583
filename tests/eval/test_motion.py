"""Motion over a clip: who changes nothing follows exactly, who does not move has slope 0, a rigid clip gives no number."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from eval.clips import notes_of_swapping
from eval.face_region import find_faces, largest_face
from eval.images import read_image, write_png
from eval.metrics import NoReferenceError
from eval.metrics.motion import (
    LEAST_FRAMES,
    LEAST_RANGE,
    correlation,
    eyes_opening,
    mouth_opening,
    openings_of,
    reason_without,
    slope,
)
from eval.options import RunOptions
from eval.records import read_records
from eval.run import judge_stage, prepare, render, summary_of, swap_stage
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import INNER_LIPS, OUTER_LIPS

BLINK = 0.3 - 0.25 * np.exp(-((np.arange(20) - 9.5) ** 2) / 8)


def test_no_swap_has_slope_and_correlation_1() -> None:
    assert slope(BLINK, BLINK) == pytest.approx(1) and correlation(BLINK, BLINK) == pytest.approx(1)


@pytest.mark.parametrize(("gain", "offset"), [(0.25, 0.2), (1.4, -0.1), (-0.5, 0.4)])
def test_the_slope_is_the_gain_whatever_the_offset_and_the_correlation_its_sign(gain, offset) -> None:
    assert slope(BLINK, gain * BLINK + offset) == pytest.approx(gain)
    assert correlation(BLINK, gain * BLINK + offset) == pytest.approx(np.sign(gain))


def test_both_agree_with_numpy_on_noise() -> None:
    noisy = 0.6 * BLINK + np.random.default_rng(0).normal(0, 0.02, 20)
    assert slope(BLINK, noisy) == pytest.approx(np.polyfit(BLINK, noisy, 1)[0])
    assert correlation(BLINK, noisy) == pytest.approx(np.corrcoef(BLINK, noisy)[0, 1])


def test_eyes_that_never_move_follow_nothing() -> None:
    still = np.full(20, 0.3)
    assert slope(BLINK, still) == pytest.approx(0, abs=1e-12) and correlation(BLINK, still) == 0


def test_a_target_that_does_not_move_gives_no_number() -> None:
    still = 0.3 + np.random.default_rng(0).uniform(0, LEAST_RANGE * 0.9, 20)
    for target in (still, np.full(20, 0.3)):
        assert reason_without(target) == "does not move"
        for measure in (slope, correlation):
            with pytest.raises(NoReferenceError, match="does not move"):
                measure(target, BLINK)


def test_a_short_clip_gives_no_number() -> None:
    short = BLINK[: LEAST_FRAMES - 1]
    assert "fewer than 8 frames" in str(reason_without(short))
    with pytest.raises(NoReferenceError, match="fewer than 8 frames"):
        slope(short, short)


def test_frames_without_a_swapped_face_lower_the_slope_and_never_raise_it() -> None:
    lost = BLINK.copy()
    lost[8:12] = np.nan  # just where the eyes close
    assert slope(BLINK, lost) < 0.6
    assert slope(BLINK, np.full(20, np.nan)) == 0 == correlation(BLINK, np.full(20, np.nan))


def test_what_are_no_openings_is_refused() -> None:
    for target, swapped in ((BLINK, BLINK[:3]), (BLINK[None], BLINK[None]), (BLINK * np.nan, BLINK)):
        with pytest.raises(OptionError, match="wanted"):
            slope(target, swapped)


def _face(eyes: float, mouth: float) -> np.ndarray:
    """Landmarks with eyes 30 px wide, outer corners 100 px apart, open as asked for."""
    points = np.zeros((68, 2))
    for first, left in ((36, 0), (42, 70)):
        outline = [[0, 0], [10, -15 * eyes], [20, -15 * eyes], [30, 0], [20, 15 * eyes], [10, 15 * eyes]]
        points[first : first + 6] = np.add(outline, [left, 0])
    points[62], points[66] = [50, 100], [50, 100 + 100 * mouth]
    return points


def test_openings_are_ratios_that_no_turn_scale_or_shift_changes() -> None:
    face = _face(0.31, 0.2)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    for points in (face, 3 * face @ turn.T + [40, -7]):
        assert eyes_opening(points) == pytest.approx(0.31) and mouth_opening(points) == pytest.approx(0.2)


def test_a_frame_without_a_swapped_face_has_no_swapped_opening() -> None:
    target, swapped = (SimpleNamespace(landmarks=_face(*values)) for values in ((0.3, 0.1), (0.2, 0.0)))
    there = SimpleNamespace(status="ok", target_face=target, swapped_face=swapped)
    gone = SimpleNamespace(status="failed", target_face=target)
    assert openings_of(there) == {"eyes": pytest.approx([0.3, 0.2]), "mouth": pytest.approx([0.1, 0.0])}
    assert openings_of(gone)["eyes"][1] is None is openings_of(gone)["mouth"][1]


def _run(out, **values):
    options = RunOptions(**{"detector": "lite", "judge_detector": "dlib", "judges": ("dlib",), **values})
    prepare(out, options, resume=False, say=lambda text: None)
    swap_stage(out, options)
    judge_stage(out, options)
    return summary_of(out)


def test_the_lids_are_those_of_the_first_judge_of_gaze_that_tells_them() -> None:
    face = SimpleNamespace(landmarks=_face(0.3, 0.1))
    sample = SimpleNamespace(status="ok", target_face=face, swapped_face=face)

    def said(target, swapped):
        return SimpleNamespace(said=SimpleNamespace(target=target, swapped=swapped))

    blind, seen = said(np.zeros(4), np.zeros(4)), said(np.array([0, 0, 0, 0, 0.2, 0.4]), np.full(6, 0.1))
    assert "lids" not in openings_of(sample) and "lids" not in openings_of(sample, gaze=[blind, said(None, None)])
    assert openings_of(sample, gaze=[blind, seen])["lids"] == pytest.approx([0.3, 0.1])
    assert openings_of(sample, gaze=[said(np.full(6, 0.2), None)])["lids"][1] is None


MOTION = ("eye_motion", "eye_correlation", "mouth_motion", "mouth_correlation")


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A face whose mouth is drawn open and shut, ten frames, against the target, a frozen face, and nothing at all."""
    folder = tmp_path_factory.mktemp("talking")
    from eval.datasets import DatasetRequest, build_dataset

    build_dataset("builtin", DatasetRequest(folder / "in"))
    still = read_image(folder / "in" / "astronaut" / "a.png")
    from mobilefaceswap_core.detect import load_detector

    face = largest_face(find_faces(load_detector("dlib"), still))
    assert face is not None and face.landmarks is not None
    centre = face.landmarks[INNER_LIPS].mean(0)
    reach = float(np.ptp(face.landmarks[OUTER_LIPS][:, 0])) / 2
    rows = ["source,target,source_identity,target_identity,clip,frame"]
    y, x = np.mgrid[: still.shape[0], : still.shape[1]].astype(np.float32)
    below = y > centre[1]
    # What lies below the line of the lips moves down, as a jaw does, less to the sides and below; the gap is dark.
    near = np.exp(-(((x - centre[0]) / (reach * 1.2)) ** 2) - np.clip((y - centre[1]) / (reach * 3), 0, None) ** 2)
    for number in range(10):
        drop = reach * 0.9 * (number % 5) / 4
        frame = cv2.remap(still, x, (y - drop * near * below).astype(np.float32), cv2.INTER_LINEAR)
        frame[below & (y < centre[1] + drop * near) & (np.abs(x - centre[0]) < reach * 0.8)] = (40, 15, 15)
        write_png(folder / "in" / f"clip/{number}.png", frame)
        write_png(folder / "frozen" / f"{number:06d}.png", still)
        rows.append(f"crew-1/a.png,clip/{number}.png,crew,astronaut,talk,{number}")
    (folder / "in" / "pairs.csv").write_text("\n".join(rows) + "\n")
    methods = ("target", f"frozen={folder / 'frozen'}", "nothing=tests.fakes.fake_swappers:nothing")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        judges = ("dlib", "tests.fakes.added_judges:MouthForLids")
        summary = _run(folder / "run", dataset="pairs", root=str(folder / "in"), methods=methods, judges=judges)
    return folder / "run", summary


def test_a_mouth_that_opens_is_followed_by_no_swap_and_not_by_a_frozen_face(talking) -> None:
    run, summary = talking
    for method, value in (("target", 1), ("nothing", 1), ("frozen", 0)):
        cell = summary.cell(method, "mouth_motion")
        assert cell["mean"] == pytest.approx(value, abs=1e-6) and cell["n"] == 1, method
        lids = summary.cell(method, "lid_motion")
        assert (lids["mean"], lids["n"]) == (cell["mean"], 1), "what the judge of gaze takes for lids is the mouth"
    assert summary.cell("target", "mouth_correlation")["mean"] == pytest.approx(1)
    first = next(read_records(run / "records.jsonl"))
    assert set(first["openings"]) == {"eyes", "mouth", "lids"}


def test_the_unrounded_table_names_n_of_clips_not_of_frames(talking) -> None:
    run, _ = talking
    render(run)
    rows = {(r["method"], r["metric"]): r for r in csv.DictReader((run / "table.csv").open())}
    assert rows["frozen", "mouth_motion"]["n"] == "1" and rows["frozen", "mouth_motion"]["no_reference"] == "0"
    text = (run / "table.md").read_text(encoding="utf-8")
    assert "Motion of the mouth: n = 1 of 1 clips." in text
    assert (
        "Clips were swapped as clips, frame after frame at 25 a second" in text and "options of clips: nothing." in text
    )
    assert notes_of_swapping({"clips": "frames"}, {"a": {"details": {"options": {}}}, "b": {"details": {}}}) == [
        "Each frame of a clip was swapped by itself, as a photo: a."
    ]


def test_photos_have_no_columns_of_motion(tmp_path) -> None:
    summary = _run(tmp_path / "run", dataset="builtin", pairs=1, methods=("target",), judge_detector="lite")
    assert not {c.key for c in summary.columns} & {*MOTION}
