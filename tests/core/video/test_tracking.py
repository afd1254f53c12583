"""Faces over time: following, smoothing, and who is who."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from eval.metrics.temporal_flicker import temporal_flicker
from mobilefaceswap_core.detect import Detector
from mobilefaceswap_core.errors import Cancelled, OptionError
from mobilefaceswap_core.faces.geometry import five_from_68, transform_points
from mobilefaceswap_core.identity.encoder import IdentityEncoder, load_identity_encoder
from mobilefaceswap_core.types import Image
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, find_people, run_to_end, swap_video
from mobilefaceswap_core.video.people import Person, assign
from mobilefaceswap_core.video.smoothing import OneEuroFilter
from mobilefaceswap_core.video.tracking import TrackedFace, Tracker, eye_distance
from tests.fakes import clips
from tests.fakes.video_fixtures import BLUE, PLAIN, RED, UNMARKED_SWAP, colour_share, painted, painter, student

LOSSLESS = EncodeOptions(crf=0, preset="ultrafast")
RATE = 25


def tracked(frames: Sequence[Image], **options: object) -> list[list[TrackedFace]]:
    tracker = Tracker(painter().detector, **options)  # type: ignore[arg-type]
    return [tracker.update(frame, time_s=index / RATE) for index, frame in enumerate(frames)]


def noisy(frame: Image, seed: int, levels: float = 9.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, levels, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def encoder() -> IdentityEncoder:
    return load_identity_encoder("cpu")


def two_people_crossing(count: int = 36) -> list[Image]:
    """One walks from left to right in front of another who walks from right to left."""
    near = cv2.resize(clips.head(1), (150, 150), interpolation=cv2.INTER_AREA)
    far = cv2.resize(
        clips.moved(clips.astronaut(), (220, 220), shift=(32, 139)), (165, 165), interpolation=cv2.INTER_AREA
    )
    ground = clips.textured((480, 270))
    frames = []
    for index in range(count):
        way = 320 * index / (count - 1)
        frame = clips.laid_over(ground, far, (400 - way, 130 + 8 * np.sin(way / 107)))
        frames.append(clips.laid_over(frame, near, (80 + way, 140)))
    return frames


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_clip(tmp_path_factory.mktemp("people") / "crossing.mp4", two_people_crossing())


@pytest.fixture(scope="module")
def people(crossing: Path) -> list[Person]:
    return find_people(crossing, detector=painter().detector, encoder=encoder())


def test_a_moving_face_keeps_its_track_and_is_searched_for_on_key_frames_only() -> None:
    frames = clips.portrait_frames(20)
    tracker = Tracker(painter().detector, key_interval=5)
    faces = [tracker.update(frame, time_s=i / RATE) for i, frame in enumerate(frames)]
    assert [[face.track for face in found] for found in faces] == [[0]] * 20
    assert tracker.detections == 4 and tracker.cuts == 0


def searched(detector: Detector, frames: Sequence[Image], **options: int) -> list[int]:
    """The frames that were searched for faces."""
    tracker, found = Tracker(detector, **options), []
    for index, frame in enumerate(frames):
        tracker.update(frame, time_s=index / RATE)
        if tracker.detected_now:
            found.append(index)
    return found


def test_faces_that_are_found_again_are_searched_for_half_as_often() -> None:
    frames, detector = clips.portrait_frames(25), painter().detector
    assert searched(detector, frames) == [0, 4, 12, 20]
    assert searched(detector, frames, key_interval=4) == [0, 4, 8, 12, 16, 20, 24]
    assert searched(detector, frames[:4], key_interval=1) == [0, 1, 2, 3]


def test_a_face_that_is_missed_is_searched_for_as_often_as_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = painter().detector
    look = type(detector).detect_again
    monkeypatch.setattr(
        type(detector), "detect_again", lambda self, image, known: [] if known else look(self, image, [])
    )
    assert searched(detector, clips.portrait_frames(25)) == [0, 4, 8, 16, 20, 24], "the third and the sixth look anew"


def test_followed_landmarks_agree_with_detection_on_every_frame() -> None:
    frames = clips.portrait_frames(24)
    followed = tracked(frames, key_interval=12, smooth=False)
    detected = tracked(frames, key_interval=1, smooth=False)
    for (a,), (b,) in zip(followed, detected, strict=True):
        assert np.linalg.norm(a.raw - b.raw, axis=1).mean() < 0.06 * eye_distance(b.raw)


def test_landmarks_move_as_the_picture_does() -> None:
    """The clip's own motion is known: undoing it must bring all frames' landmarks to one place."""
    frames, matrices = [], []
    for index in range(16):
        angle = 2 * np.pi * index / 24
        shift, turn = (30 + 12 * np.cos(angle), 95 + 8 * np.sin(angle)), 6 * np.sin(angle)
        frames.append(clips.moved(clips.astronaut(), (320, 240), shift=shift, scale=0.75, turn_deg=turn))
        matrix = cv2.getRotationMatrix2D((256, 256), turn, 0.75)
        matrix[:, 2] += [160 - 256 + shift[0], 120 - 256 + shift[1]]
        matrices.append(matrix)
    still = []
    for matrix, (face,) in zip(matrices, tracked(frames), strict=True):
        inverse = cv2.invertAffineTransform(matrix)
        still.append(transform_points(inverse, face.face.five))
    assert np.std(still, axis=0).max() < 0.04 * 41  # 41 px between the eyes of the photo


def test_smoothing_calms_a_resting_face_and_hardly_delays_a_moving_one() -> None:
    still = [noisy(clips.portrait_frames(1, still=True)[0], seed) for seed in range(24)]
    jitter = {}
    for smooth in (True, False):
        places = np.array([found[0].face.landmarks for found in tracked(still, smooth=smooth)])[8:]
        jitter[smooth] = np.linalg.norm(np.diff(places, axis=0), axis=2).mean()
    assert jitter[True] < 0.6 * jitter[False]
    moving = [face for (face,) in tracked(clips.portrait_frames(24))[4:]]
    lags = [np.linalg.norm((face.face.five - five_from_68(face.raw)).mean(0)) for face in moving]
    assert max(lags) < 0.08 * eye_distance(moving[0].raw)


def test_the_filter_keeps_constants_follows_steps_and_starts_at_once() -> None:
    rest = np.array([[10.0, 20.0], [30.0, 40.0]])
    calm = OneEuroFilter()
    for index in range(5):
        assert np.array_equal(calm(rest, time_s=index / RATE, scale_px=30), rest)
    moved = calm(rest + 10, time_s=5 / RATE, scale_px=30)
    assert ((rest < moved) & (moved < rest + 10)).all()
    for index in range(6, 40):
        moved = calm(rest + 10, time_s=index / RATE, scale_px=30)
    assert np.allclose(moved, rest + 10, atol=0.05)


def test_the_filter_does_not_depend_on_the_size_of_the_face() -> None:
    path = np.random.default_rng(0).normal(0, 1, (20, 3, 2)).cumsum(0)
    small, large = OneEuroFilter(), OneEuroFilter()
    for index, points in enumerate(path):
        a = small(points, time_s=index / RATE, scale_px=20)
        b = large(points * 5, time_s=index / RATE, scale_px=100)
        assert np.allclose(a * 5, b)


def test_flicker_is_lower_with_smoothing_than_without(tmp_path: Path) -> None:
    frames = [noisy(clips.portrait_frames(1, still=True)[0], seed, 7.0) for seed in range(16)]
    target = clips.write_clip(tmp_path / "in.mkv", frames, codec="ffv1")
    source = student().prepare_source([clips.head(1)])
    before = clips.read_frames(target)
    (face,) = student().detect(before[0])
    mask = np.zeros(before[0].shape[:2], np.float32)
    left, top, right, bottom = face.box.round().astype(int)
    mask[top:bottom, left:right] = 1
    flicker = {}
    for smooth in (True, False):
        options = VideoOptions(encode=LOSSLESS, smooth=smooth, swap=UNMARKED_SWAP)
        run_to_end(swap_video(student(), target, tmp_path / "out.mp4", source, options=options))
        after = clips.read_frames(tmp_path / "out.mp4")
        pairs = range(5, len(after))
        flicker[smooth] = np.mean(
            [temporal_flicker(after[i - 1], after[i], before[i - 1], before[i], mask) for i in pairs]
        )
    assert flicker[True] < flicker[False]


def test_a_scene_cut_ends_tracks_and_finds_the_new_faces_at_once() -> None:
    first = clips.portrait_frames(5)
    second = [clips.moved(clips.group(), (320, 240), shift=(100, 0), scale=0.5) for _ in range(5)]
    found = tracked([*first, *second], key_interval=50)
    assert {face.track for faces in found[:5] for face in faces} == {0}
    assert all(faces for faces in found[5:]) and 0 not in {face.track for faces in found[5:] for face in faces}


def test_a_face_that_leaves_is_dropped_and_counts_no_more() -> None:
    frames = [clips.moved(clips.astronaut(), (320, 240), shift=(30 + 22 * i, 95), scale=0.75) for i in range(16)]
    found = tracked(frames)
    assert len(found[0]) == 1 and found[-1] == []
    last = max(index for index, faces in enumerate(found) if faces)
    nose = found[last][0].face.five[2]
    assert nose[0] < 345  # at most hidden by half


def test_a_covered_face_is_lost_and_found_again() -> None:
    frames = clips.portrait_frames(18, still=True)
    for frame in frames[6:11]:
        frame[20:160, 120:260] = clips.textured((140, 140))
    found = tracked([f.copy() for f in frames], key_interval=4)
    assert all(faces for faces in found[:6])
    assert not any(found[8:11])
    assert all(faces for faces in found[12:])


def test_a_face_that_comes_in_between_key_frames_is_swapped_from_its_first_clear_frame(tmp_path: Path) -> None:
    ground = clips.textured((320, 240))
    person = cv2.resize(
        clips.moved(clips.astronaut(), (220, 220), shift=(32, 139)), (180, 180), interpolation=cv2.INTER_AREA
    )
    other = cv2.resize(clips.head(1), (120, 120), interpolation=cv2.INTER_AREA)
    frames = []
    for index in range(12):
        frame = clips.laid_over(ground, other, (60, 120))  # keeps the tracker from searching every frame
        frames.append(frame if index < 6 else clips.laid_over(frame, person, (225, 120)))
    target = clips.write_clip(tmp_path / "in.mp4", frames)
    options = VideoOptions(encode=LOSSLESS, swap=PLAIN, key_interval=8)
    report = run_to_end(swap_video(painter(), target, tmp_path / "out.mp4", painted(RED), options=options))
    assert report.scene_cuts == 0 and report.detections == 2  # frames 0 and 8
    red = [colour_share(frame[:, 160:], RED) > 0.01 for frame in clips.read_frames(tmp_path / "out.mp4")]
    assert red == [False] * 6 + [True] * 6


def test_one_source_on_the_largest_face_stays_with_it(tmp_path: Path) -> None:
    """Two faces of nearly the same size, one of which grows a little: the source must not jump."""
    ground, small = clips.textured((480, 240)), clips.head(1)
    frames = []
    for index in range(12):
        side = 150 + 3 * index
        frame = clips.laid_over(ground, cv2.resize(small, (160, 160)), (110, 120))
        frames.append(clips.laid_over(frame, cv2.resize(clips.head(4), (side, side)), (360, 120)))
    target = clips.write_clip(tmp_path / "in.mp4", frames)
    options = VideoOptions(encode=LOSSLESS, swap=PLAIN, faces="largest")
    run_to_end(swap_video(painter(), target, tmp_path / "out.mp4", painted(RED), options=options))
    sides = [
        colour_share(frame[:, :240], RED) > colour_share(frame[:, 240:], RED)
        for frame in clips.read_frames(tmp_path / "out.mp4")
    ]
    assert len(set(sides)) == 1


def test_people_of_a_clip_are_found_with_thumbnails_and_shares(crossing: Path, people: list[Person]) -> None:
    assert [person.index for person in people] == [0, 1]
    assert [person.first_frame for person in people] == [0, 0]
    assert people[0].share == 1.0 and 0.6 < people[1].share < 1.0
    for person, photo in zip(people, (clips.head(1), clips.astronaut()), strict=True):
        (face,) = painter().detector.detect(photo)
        embedding = encoder().embed([painter().align(photo, face).image])[0]
        others = [p for p in people if p is not person]
        assert embedding @ person.embedding > 0.5 > max(embedding @ other.embedding for other in others)
        assert person.thumbnail.shape == (224, 224, 3)
    again = find_people(crossing, detector=painter().detector, encoder=encoder())
    assert all(np.array_equal(a.thumbnail, b.thumbnail) for a, b in zip(people, again, strict=True))


@pytest.mark.parametrize("key_interval", [1, 4, 9])
def test_sources_stay_with_their_people_through_a_crossing(
    crossing: Path, people: list[Person], key_interval: int, tmp_path: Path
) -> None:
    options = VideoOptions(encode=LOSSLESS, swap=PLAIN, key_interval=key_interval)
    sources = {0: painted(RED), 1: painted(BLUE)}
    report = run_to_end(
        swap_video(
            painter(), crossing, tmp_path / "out.mp4", sources, people=people, encoder=encoder(), options=options
        )
    )
    assert report.people_swapped[0] == 36 and report.people_swapped[1] >= 28
    for index, frame in enumerate(clips.read_frames(tmp_path / "out.mp4")):
        way = 320 * index / 35
        near, far = int(80 + way), int(400 - way)
        around = {"near": frame[:, max(0, near - 45) : near + 30], "far": frame[:, max(0, far - 30) : far + 45]}
        assert colour_share(around["near"], RED) > 0.04, index
        if abs(near - far) > 120:  # apart: each has their own colour and not a trace of the other's
            assert colour_share(around["far"], BLUE) > 0.04 and colour_share(around["far"], RED) < 0.01, index
            assert colour_share(around["near"], BLUE) < 0.01, index


def test_people_without_a_source_stay_as_they_are(crossing: Path, tmp_path: Path) -> None:
    options = VideoOptions(encode=LOSSLESS, swap=PLAIN)
    events = list(
        swap_video(painter(), crossing, tmp_path / "out.mp4", {1: painted(BLUE)}, encoder=encoder(), options=options)
    )
    report = events[-1].report
    assert report is not None and set(report.people_swapped) == {1}
    assert report.skipped["no source for this person"] == 36
    assert colour_share(clips.read_frames(tmp_path / "out.mp4")[0][:, :200], RED) < 0.01


def test_a_person_who_is_not_in_the_clip_is_refused(crossing: Path, people: list[Person], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="2 people"):
        run_to_end(
            swap_video(painter(), crossing, tmp_path / "out.mp4", {5: painted(RED)}, people=people, encoder=encoder())
        )
    assert list(tmp_path.iterdir()) == []


def test_looking_for_people_can_be_stopped(crossing: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        find_people(crossing, detector=painter().detector, encoder=encoder(), stop=stop)


def test_assignment_is_one_to_one_and_best_first() -> None:
    assert assign(np.array([[0.9, 0.8], [0.85, 0.1]]), 0.3) == [0, None]
    assert assign(np.array([[0.5, 0.8], [0.7, 0.1]]), 0.3) == [1, 0]
    assert assign(np.array([[0.2], [0.1]]), 0.3) == [None, None]
    assert assign(np.zeros((2, 0)), 0.3) == [None, None]


def test_two_of_three_searches_leave_the_landmarks_of_followed_faces_to_those_who_follow_them(monkeypatch) -> None:
    detector, again = painter().detector, []
    look = type(detector).detect_again
    monkeypatch.setattr(
        type(detector), "detect_again", lambda self, image, known: again.append(len(known)) or look(self, image, known)
    )
    tracker = Tracker(detector, key_interval=1, look_closely=False)
    for index, frame in enumerate(clips.portrait_frames(6)):
        faces = tracker.update(frame, time_s=index / RATE)
        assert [face.track for face in faces] == [0], "a face whose landmarks are kept stays who it is"
    assert (tracker.detections, again) == (6, [0, 1, 1, 1])
