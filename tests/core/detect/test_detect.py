"""Detectors: what they find, that places and order obey the laws of geometry, and which backend is chosen and why."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.detect import Detector, load_detector, sort_faces
from mobilefaceswap_core.detect.detector import Lenient
from mobilefaceswap_core.detect.landmarks import crop_from_landmarks
from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.faces.geometry import five_from_68, invert, transform_points
from mobilefaceswap_core.faces.landmarks68 import MIRROR_68
from mobilefaceswap_core.types import Face

OFFLINE = ("lite", "dlib")


def one_face(detector: Detector, image: np.ndarray) -> Face:
    """The face with the best score; dlib also sees one in the astronaut's hands."""
    faces = detector.detect(np.ascontiguousarray(image))
    assert faces
    return max(faces, key=lambda face: face.score)


def eyes_px(face: Face) -> float:
    return float(np.linalg.norm(face.five[1] - face.five[0]))


def off(points: np.ndarray, expected: np.ndarray, face: Face) -> float:
    """Mean distance by the distance of the eyes."""
    return float(np.linalg.norm(points - expected, axis=1).mean() / eyes_px(face))


@pytest.mark.parametrize("name", OFFLINE)
def test_all_six_faces_of_the_group_photo_are_found_from_left_to_right(name, group_faces):
    faces = group_faces[name]
    # Where the noses are, read off the photo.
    noses = [[119, 338], [305, 226], [511, 363], [772, 430], [923, 148], [1168, 347]]
    assert len(faces) == 6
    assert [face.landmarks.shape for face in faces] == [(68, 2)] * 6
    for face, nose in zip(faces, noses, strict=True):
        assert np.linalg.norm(face.five[2] - nose) < 0.3 * eyes_px(face)
        assert (face.box[:2] < face.five.min(0)).all() and (face.box[2:] > face.five.max(0)).all()
        np.testing.assert_array_equal(face.five, five_from_68(face.landmarks))


def test_two_independent_detectors_agree_on_the_landmarks(group_faces):
    for a, b in zip(*group_faces.values(), strict=True):
        assert off(a.landmarks, b.landmarks, a) < 0.08


@pytest.mark.parametrize("name", OFFLINE)
def test_the_order_by_size_is_largest_first(name, detectors, group):
    sizes = [face.size_px for face in detectors[name].detect(group, order="size")]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == 6


def test_equal_boxes_keep_a_defined_order():
    faces = [Face(np.array([10.0, y, 30.0, y + 20.0]), 1.0, np.zeros((5, 2))) for y in (50.0, 10.0, 30.0)]
    for order in ("left_to_right", "size"):
        assert [face.box[1] for face in sort_faces(faces, order)] == [10.0, 30.0, 50.0]
        assert [face.box[1] for face in sort_faces(faces[::-1], order)] == [10.0, 30.0, 50.0]


@pytest.mark.parametrize("name", OFFLINE)
def test_the_same_photo_gives_the_same_faces_to_the_last_bit(name, detectors, group, group_faces):
    for a, b in zip(group_faces[name], detectors[name].detect(group.copy()), strict=True):
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
        np.testing.assert_array_equal(a.box, b.box)
        assert a.score == b.score


@pytest.mark.parametrize("name", OFFLINE)
def test_several_threads_get_what_one_thread_gets(name, detectors, group, astronaut):
    detector, images = detectors[name], [np.ascontiguousarray(group[230:440, 20:220]), astronaut[:256, 100:356]] * 3
    expected = [detector.detect(image) for image in images]
    barrier = threading.Barrier(len(images))

    def run(image):
        barrier.wait()
        return detector.detect(image)

    with ThreadPoolExecutor(len(images)) as pool:
        for faces, alone in zip(pool.map(run, images), expected, strict=True):
            assert len(faces) == len(alone) > 0
            for a, b in zip(faces, alone, strict=True):
                np.testing.assert_array_equal(a.landmarks, b.landmarks)


@pytest.mark.parametrize(("name", "tolerance"), [("lite", 0.02), ("dlib", 0.06)])
def test_a_mirrored_photo_gives_mirrored_landmarks(name, tolerance, detectors, astronaut):
    face, mirrored = (one_face(detectors[name], image) for image in (astronaut, astronaut[:, ::-1]))
    back = mirrored.landmarks[MIRROR_68]
    back[:, 0] = astronaut.shape[1] - 1 - back[:, 0]
    assert off(back, face.landmarks, face) < tolerance


def test_from_the_same_start_mirrored_landmarks_are_exact(lite, astronaut):
    face = one_face(lite, astronaut)
    start = face.landmarks[MIRROR_68].copy()
    start[:, 0] = astronaut.shape[1] - 1 - start[:, 0]
    mirrored = Face(face.box, face.score, five_from_68(start), start)
    found = lite.landmarks(np.ascontiguousarray(astronaut[:, ::-1]), mirrored)[MIRROR_68]
    found[:, 0] = astronaut.shape[1] - 1 - found[:, 0]
    assert off(found, lite.landmarks(astronaut, face), face) < 0.005  # bilinear sampling is rounded to 1/32 px


def test_mirroring_the_landmarks_twice_is_no_change():
    assert sorted(MIRROR_68) == list(range(68))
    np.testing.assert_array_equal(MIRROR_68[MIRROR_68], np.arange(68))


@pytest.mark.parametrize("degrees", [-60, -45, -30, -10, 10, 30, 45, 60])
def test_a_tilted_photo_gives_landmarks_tilted_with_it(degrees, lite, astronaut):
    turned_from_image = cv2.getRotationMatrix2D((255.5, 255.5), degrees, 1.0)
    turned = cv2.warpAffine(astronaut, turned_from_image, (512, 512), borderMode=cv2.BORDER_REFLECT)
    face, found = one_face(lite, astronaut), one_face(lite, turned)
    assert off(found.landmarks, transform_points(turned_from_image, face.landmarks), face) < 0.03


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_photo_on_its_side_or_head_is_searched_turned(turns, lite, astronaut):
    face, found = one_face(lite, astronaut), one_face(lite, np.rot90(astronaut, turns))
    x, y = found.landmarks.T
    upright = {1: (511 - y, x), 2: (511 - x, 511 - y), 3: (y, 511 - x)}[turns]
    assert off(np.stack(upright, 1), face.landmarks, face) < 0.02
    box = np.concatenate([found.landmarks.min(0), found.landmarks.max(0)])
    assert np.abs(found.box - box).max() < found.size_px  # the box was turned back too


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_group_photo_on_its_side_shows_the_same_six_faces(turns, lite, group, group_faces):
    height, width = group.shape[:2]
    faces = lite.detect(np.ascontiguousarray(np.rot90(group, turns)))
    assert len(faces) == 6
    for face in group_faces["lite"]:
        x, y = face.landmarks.T
        expected = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[turns]
        assert min(off(found.landmarks, np.stack(expected, 1), face) for found in faces) < 0.06


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_places_are_in_pixels_of_the_photo_whatever_its_size(name, factor, detectors, group, group_faces):
    resized = cv2.resize(
        group, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    )
    scaled = detectors[name].detect(resized)
    assert len(scaled) == 6
    for face, other in zip(group_faces[name], scaled, strict=True):
        assert off((other.landmarks + 0.5) / factor - 0.5, face.landmarks, face) < 0.06


def test_a_shift_of_the_photo_shifts_the_landmarks_exactly_from_the_same_start(lite, group, group_faces):
    face = group_faces["lite"][2]
    shift = np.array([37, 21])
    shifted = cv2.copyMakeBorder(group, 21, 0, 37, 0, cv2.BORDER_REPLICATE)
    moved = Face(face.box + np.tile(shift, 2), face.score, face.five + shift, face.landmarks + shift)
    np.testing.assert_allclose(lite.landmarks(shifted, moved), lite.landmarks(group, face) + shift, atol=0.05)


@pytest.mark.parametrize("side", [24, 32, 48])
def test_the_lite_detector_finds_small_faces(side, lite, astronaut):
    face = one_face(lite, astronaut)
    factor = side / float(np.ptp(face.landmarks[:, 0]))
    small = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    canvas = np.full((960, 1280, 3), 120, np.uint8)
    top, left = 300, 700
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    found = one_face(lite, canvas)
    assert off((found.landmarks - [left, top] + 0.5) / factor - 0.5, face.landmarks, face) < 0.08


@pytest.mark.parametrize("cut", ["left", "bottom"])
def test_a_face_reaching_over_the_border_keeps_its_landmarks(cut, lite, astronaut):
    face = one_face(lite, astronaut)
    nose, chin = face.five[2], face.landmarks[8]
    # A quarter of the face is missing on the left, or the chin at the bottom.
    left = int(nose[0] - 0.7 * eyes_px(face)) if cut == "left" else 0
    bottom = int((face.five[3:].mean(0) + chin)[1] / 2) if cut == "bottom" else 512
    found = one_face(lite, astronaut[:bottom, left:])
    assert off(found.five + np.array([left, 0]), face.five, face) < 0.15


def test_a_close_up_that_fills_the_picture_is_found(lite, astronaut):
    face = one_face(lite, astronaut)
    low, high = face.landmarks.min(0).astype(int), face.landmarks.max(0).astype(int)
    close_up = astronaut[low[1] - 20 : high[1] + 5, low[0] - 5 : high[0] + 5]
    found = one_face(lite, cv2.resize(close_up, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC))
    assert off((found.landmarks + 0.5) / 6 - 0.5 + [low[0] - 5, low[1] - 20], face.landmarks, face) < 0.06


@pytest.mark.parametrize("name", ["coffee", "rocket", "cat", "hubble_deep_field", "brick", "grass", "text", "retina"])
def test_the_lite_detector_sees_no_faces_where_there_are_none(name, lite):
    import skimage.data

    image = getattr(skimage.data, name)()
    image = np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image[..., :3]
    assert lite.detect(np.ascontiguousarray(image)) == []


@pytest.mark.parametrize("name", OFFLINE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (7, 5), (240, 320)])
def test_a_picture_without_a_face_of_any_shape_gives_an_empty_list(name, shape, detectors):
    assert detectors[name].detect(np.full((*shape, 3), 130, np.uint8)) == []


@pytest.mark.parametrize("name", OFFLINE)
def test_what_is_no_picture_or_order_is_refused(name, detectors, astronaut):
    detector = detectors[name]
    with pytest.raises(ImageError, match="float64"):
        detector.detect(astronaut / 255)
    with pytest.raises(ImageError, match="shape"):
        detector.landmarks(astronaut[..., 0], one_face(detector, astronaut))
    with pytest.raises(OptionError, match="left_to_right, size"):
        detector.detect(astronaut, order="random")


@pytest.mark.parametrize("name", OFFLINE)
def test_landmarks_are_found_again_from_a_rough_guess(name, detectors, astronaut):
    face = one_face(detectors[name], astronaut)
    rng = np.random.default_rng(0)
    for _ in range(5):  # a tenth of the eye distance is a lot between two frames
        start = face.landmarks + rng.normal(0, 0.1 * eyes_px(face), 2)
        rough = Face(face.box, face.score, five_from_68(start), start)
        assert off(detectors[name].landmarks(astronaut, rough), face.landmarks, face) < 0.05
    without = Face(face.box, face.score, face.five, None)
    assert off(detectors[name].landmarks(astronaut, without), face.landmarks, face) < 0.05


def test_repeated_looks_stay_in_place(lite, astronaut):
    face = found = one_face(lite, astronaut)
    for _ in range(20):
        landmarks = lite.landmarks(astronaut, found)
        found = Face(face.box, face.score, five_from_68(landmarks), landmarks)
    assert off(found.landmarks, face.landmarks, face) < 0.03


def test_a_face_is_confirmed_where_there_is_one_and_only_there(lite, astronaut):
    face = one_face(lite, astronaut)
    assert lite.confirm(astronaut, face.landmarks) > 0.9
    assert lite.confirm(astronaut, face.landmarks + np.array([0, 250])) < 0.8


def test_the_fast_setting_finds_the_same_large_faces(group, group_faces):
    for a, b in zip(load_detector("lite", fast=True).detect(group), group_faces["lite"], strict=True):
        assert off(a.landmarks, b.landmarks, b) < 0.03


def test_the_landmark_crop_is_upright_and_holds_all_landmarks(group_faces):
    for face in group_faces["lite"]:
        crop_from_frame = crop_from_landmarks(face.landmarks)
        points = transform_points(crop_from_frame, face.landmarks)
        assert points.min() > 0 and points.max() < 63
        eyes = five_from_68(points)[:2]
        assert abs(eyes[0, 1] - eyes[1, 1]) < 1e-6 and eyes[0, 0] < eyes[1, 0]
        np.testing.assert_allclose(transform_points(invert(crop_from_frame), points), face.landmarks)


def test_a_lower_threshold_finds_no_fewer_faces_and_the_usual_one_finds_the_usual_ones(lite, group, astronaut):
    usual = lite.detect(group)
    asked = lite.search(group, least=0.9)
    assert [face.box.tolist() for face in asked] == [face.box.tolist() for face in usual]
    blurred = cv2.GaussianBlur(cv2.resize(astronaut, (256, 256)), (0, 0), 3.5)  # so unsharp that it is not sure
    counts = [len(lite.search(blurred, least=least)) for least in (0.9, 0.5, 0.1)]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    assert isinstance(lite, Lenient)


@pytest.mark.parametrize("least", [0, -1, 1.01, float("nan")])
def test_a_threshold_that_is_none_is_refused(lite, astronaut, least):
    with pytest.raises(OptionError, match="at most 1"):
        lite.search(astronaut, least=least)
