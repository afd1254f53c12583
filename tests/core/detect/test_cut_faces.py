"""People at the picture's edge: half a face is found, followed and swapped, and the border leaves no trace in it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.detect.landmarks import is_cut, view_of_face
from mobilefaceswap_core.diagnose.collages import Crop, crop_of_photo, eye_distance, landmark_error, match
from mobilefaceswap_core.diagnose.layouts import edges
from mobilefaceswap_core.faces.geometry import five_from_68, similarity_from_points, warp_to_crop
from mobilefaceswap_core.video.tracking import Tracker
from tests.fakes import clips
from tests.fakes.video_fixtures import UNMARKED_SWAP, painter, student


@pytest.fixture(scope="module")
def heads() -> Sequence[Crop]:
    return [crop_of_photo(photo, painter().detector) for photo in (clips.astronaut(), clips.head(5), clips.head(2))]


@pytest.mark.parametrize(("share", "most_error"), [(0.8, 0.07), (0.6, 0.12)])
def test_faces_that_the_border_cuts_are_found_with_their_points(
    heads: Sequence[Crop], share: float, most_error: float
) -> None:
    left, right, below = heads
    ((image, truths),) = edges([left, left, right, below], share, seed=0)
    faces = painter().detector.detect(image)
    found = match(faces, truths)
    assert {0, 2, 3} <= found.keys()  # what the upper border leaves may have no eyes
    for place in (0, 2, 3):
        truth, five = truths[place], faces[found[place]].five
        assert landmark_error(five, five_from_68(truth), eyes_px=eye_distance(truth)) < most_error


def test_a_face_that_the_border_does_not_cut_is_seen_as_ever(astronaut) -> None:
    (face,) = painter().detector.detect(astronaut)
    crop_from_frame = similarity_from_points(face.five, face.five / 4 + 30)  # reaches out of the picture
    assert not is_cut(face.landmarks, astronaut.shape)
    view = view_of_face(astronaut, face.landmarks, crop_from_frame, 200)
    np.testing.assert_array_equal(view, warp_to_crop(astronaut, crop_from_frame, 200))
    assert is_cut(face.landmarks - [0.0, face.landmarks[:, 1].min() + 20], astronaut.shape)


def test_beyond_the_border_its_pixels_fade_to_grey(astronaut) -> None:
    (face,) = painter().detector.detect(astronaut)
    cut = np.ascontiguousarray(astronaut[:, 224:])  # in the middle of the face
    landmarks = face.landmarks - [224.0, 0.0]
    shift = np.array([[1.0, 0.0, 60.0], [0.0, 1.0, 0.0]])
    view = view_of_face(cut, landmarks, shift, 200)
    np.testing.assert_array_equal(view[:, 60:], cut[:200, :140])
    assert (view[:, :30] == 127).all()  # a fifth of the face's width away
    nearer = np.abs(view[:, 58].astype(int) - cut[:200, 0]).mean()
    assert nearer < np.abs(view[:, 45].astype(int) - cut[:200, 0]).mean()


def test_half_a_face_that_stays_is_followed_not_found_again_and_again() -> None:
    photo = clips.astronaut()
    frames = [np.ascontiguousarray(photo[: 380 + index % 2, 228:]) for index in range(13)]
    tracker = Tracker(painter().detector)
    tracks = [[face.track for face in tracker.update(frame, time_s=i / 25)] for i, frame in enumerate(frames)]
    assert tracks == [[0]] * 13
    assert tracker.detections == 3


def test_a_swapped_face_has_no_smear_at_the_border() -> None:
    """Near the border the swap of a cut picture is the cut of the swapped picture, but for a part of the change."""
    pipeline, photo = student(), clips.head(2)
    source = pipeline.prepare_source([cv2.resize(clips.head(4), (250, 250))])
    (face,) = pipeline.detect(photo)
    low, high = face.landmarks.min(0), face.landmarks.max(0)
    column = int(low[0] + 0.8 * (high[0] - low[0]))
    cut = np.ascontiguousarray(photo[:, :column])
    done = pipeline.swap(cut, source, options=UNMARKED_SWAP)
    whole = pipeline.swap(photo, source, options=UNMARKED_SWAP).image[:, :column]
    assert done.report.faces_swapped == 1
    rows = slice(int(low[1]), int(high[1]))
    for width_px, most in ((40, 0.6), (10, 0.9)):
        strip = np.s_[rows, -width_px:]
        change = np.abs(whole[strip].astype(float) - cut[strip]).mean()
        assert np.abs(done.image[strip].astype(float) - whole[strip]).mean() < most * change
