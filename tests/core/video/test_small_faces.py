"""Small faces in clips: a quick search of a whole frame is too coarse for them, so now and then somebody looks closely."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.detect import DetectorInfo
from mobilefaceswap_core.detect.few import LargestFaces
from mobilefaceswap_core.types import Face, Image
from mobilefaceswap_core.video import EncodeOptions, VideoOptions, find_people, run_to_end, swap_video
from mobilefaceswap_core.video.tracking import Tracker
from tests.core.video.test_tracking import encoder
from tests.fakes import clips
from tests.fakes.video_fixtures import PLAIN, RED, painted, painter

FRAMES = 14  # a face that quick looks miss would be dropped at the fourth of them, on frame 12
PLACES = ((300, 200), (1000, 850), (1650, 420))


def far_away(index: int) -> Image:
    """1920 x 1080 with three people whose faces are some 37 px large."""
    frame = clips.textured((1920, 1080))
    for number, (x, y) in enumerate(PLACES):
        small = cv2.resize(clips.head(number), (64, 64), interpolation=cv2.INTER_AREA)
        place = np.s_[y - 60 : y + 60, x - 60 : x + 60]
        frame[place] = clips.laid_over(frame[place], small, (55 + 0.5 * index, 60))
    return frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = [far_away(index) for index in range(FRAMES)]
    return clips.write_clip(tmp_path_factory.mktemp("small") / "far.mp4", frames)


def test_small_faces_of_a_clip_are_swapped_on_every_frame(clip: Path, tmp_path: Path) -> None:
    assert painter().detector.detect(clips.read_frames(clip)[0]) == []  # a quick look
    options = VideoOptions(encode=EncodeOptions(preset="ultrafast"), swap=PLAIN)
    report = run_to_end(swap_video(painter(), clip, tmp_path / "out.mp4", painted(RED), options=options))
    assert report.faces_swapped == len(PLACES) * FRAMES


def test_people_who_are_far_away_are_listed(clip: Path) -> None:
    people = find_people(clip, detector=painter().detector, encoder=encoder())
    assert len(people) == len(PLACES)


class Scene:
    """A detector of a scene whose faces only a close look sees."""

    info = DetectorInfo("scene", "", "", "")

    def __init__(self, faces: list[Face]) -> None:
        self.faces, self.close_frames, self.confirmed, self.score = faces, [], 0, 1.0
        self.frame = 0

    def detect(self, image: Image, *, order: str = "left_to_right") -> list[Face]:
        return []

    def detect_closely(self, image: Image, *, order: str = "left_to_right") -> list[Face]:
        self.close_frames.append(self.frame)
        return self.faces

    def landmarks(self, image: Image, face: Face) -> np.ndarray:
        assert face.landmarks is not None
        return face.landmarks

    def confirm(self, image: Image, landmarks: np.ndarray) -> float:
        self.confirmed += 1
        return self.score


def faces(count: int) -> list[Face]:
    """Some of one photo's face, side by side."""
    (face,) = painter().detector.detect(clips.astronaut())
    assert face.landmarks is not None
    shifts = [np.array([100.0 * number, 0.0]) for number in range(count)]
    return [Face(face.box + np.tile(s, 2), 1.0, face.five + s, face.landmarks + s) for s in shifts]


def watched(scene: Scene, frames: int, *, cuts: tuple[int, ...] = (), **options: bool) -> list[int]:
    """Faces on each frame of a scene that is cut now and then."""
    tracker = Tracker(scene, **options)  # type: ignore[arg-type]
    photo = np.tile(clips.astronaut(), (1, 3, 1))
    shown = [photo, 255 - photo]
    counts, scenes = [], 0
    for scene.frame in range(frames):
        scenes += scene.frame in cuts
        counts.append(len(tracker.update(shown[scenes % 2], time_s=scene.frame / 25)))
    return counts


def test_a_close_look_comes_first_at_cuts_and_rarely_else() -> None:
    scene = Scene([])
    watched(scene, 200, cuts=(30, 34, 38))
    assert scene.close_frames == [0, 30, 54, 174]  # two cuts in quick succession share the one after a second


def test_a_small_face_that_quick_looks_miss_is_kept_while_it_is_one() -> None:
    scene = Scene(faces(2))
    assert watched(scene, 40) == [2] * 40 and scene.close_frames == [0] and scene.confirmed == 2 * 3
    wrong = Scene(faces(2))
    wrong.score = 0.2
    counts = watched(wrong, 23)
    assert counts[11:13] == [2, 0] and wrong.close_frames == [0]


def test_many_small_faces_are_looked_for_together() -> None:
    scene = Scene(faces(9))
    assert watched(scene, 20) == [9] * 20 and scene.close_frames == [0, 12] and scene.confirmed == 0


def test_a_small_face_that_was_lost_is_looked_for_within_a_second() -> None:
    scene = Scene(faces(1))
    scene.score = 0.0
    assert watched(scene, 25)[11:] == [1] + [0] * 12 + [1]


def test_live_frames_have_no_time_for_it() -> None:
    scene = Scene(faces(1))
    assert watched(scene, 30, look_closely=False) == [0] * 30 and scene.close_frames == []


def test_a_budget_of_faces_holds_for_close_looks_too() -> None:
    scene = Scene(faces(3))
    few = LargestFaces(scene, 2)
    assert len(few.detect_closely(clips.astronaut())) == 2 and few.left_out == 1
    assert few.confirm(clips.astronaut(), scene.faces[0].landmarks) == 1.0

    class Plain:
        info, landmarks, detect = scene.info, scene.landmarks, scene.detect_closely

    other = LargestFaces(Plain(), 2)
    assert len(other.detect_closely(clips.astronaut())) == 2
    assert other.confirm(clips.astronaut(), scene.faces[0].landmarks) == 0.0


def test_a_single_picture_is_always_looked_at_closely() -> None:
    """A clip's source photo and the first frame that the page shows, which a pipeline for clips is given."""
    assert len(painter().detect(far_away(0))) == len(PLACES)
