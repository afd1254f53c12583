"""Fits and warps: closed forms, inverses, and an independent implementation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform

from mobilefaceswap_core.faces.geometry import (
    affine_from_points,
    align_face,
    between_eyes,
    compose,
    crop_from_frame_matrix,
    five_from_68,
    grey_crop,
    invert,
    side_in_frame,
    similarity_from_points,
    template_points,
    transform_points,
    warp,
    warp_to_crop,
)
from mobilefaceswap_core.types import CropSpec, Face

points = st.lists(
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    min_size=5,
    max_size=5,
    unique_by=lambda p: (round(p[0]), round(p[1])),
).map(np.array)


@given(points, points)
@settings(max_examples=50, deadline=None)
def test_similarity_equals_scikit_image(a, b) -> None:
    ours = similarity_from_points(a, b)
    reference = SimilarityTransform.from_estimate(a, b)
    if not reference:
        pytest.skip("degenerate for the reference")
    # Umeyama's reference returns the best proper rotation; both minimise the same squared error.
    error = ((transform_points(ours, a) - b) ** 2).sum()
    other = ((transform_points(reference.params[:2], a) - b) ** 2).sum()
    assert error <= other + 1e-6 * (1 + other)


@given(st.floats(-180, 180), st.floats(0.1, 10), st.floats(-300, 300), st.floats(-300, 300))
@settings(max_examples=50, deadline=None)
def test_similarity_recovers_a_known_motion(angle, scale, dx, dy) -> None:
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    known = np.array([[c, -s, dx], [s, c, dy]])
    template = template_points(CropSpec())
    assert np.allclose(similarity_from_points(template, transform_points(known, template)), known, atol=1e-6)


def test_affine_recovers_a_shear_that_a_similarity_cannot() -> None:
    template = template_points(CropSpec())
    shear = np.array([[1.2, 0.3, 5.0], [-0.1, 0.9, -7.0]])
    moved = transform_points(shear, template)
    assert np.allclose(affine_from_points(template, moved), shear, atol=1e-8)
    assert not np.allclose(transform_points(similarity_from_points(template, moved), template), moved, atol=0.5)


def test_equal_points_give_a_shift_and_no_error() -> None:
    assert np.allclose(similarity_from_points(np.ones((5, 2)), np.full((5, 2), 3.0)), [[1, 0, 2], [0, 1, 2]])


def test_a_crop_has_the_side_in_the_frame_that_its_scale_says() -> None:
    turn = np.radians(30)
    halved = 0.5 * np.array([[np.cos(turn), -np.sin(turn), 40], [np.sin(turn), np.cos(turn), -9]])
    assert side_in_frame(halved, 224) == pytest.approx(448)
    assert side_in_frame(np.array([[2.0, 1.0, 0.0], [0.0, 0.5, 3.0]]), 224) == pytest.approx(
        224
    )  # a shear keeps the area


def test_inverse_and_composition_are_what_their_names_say() -> None:
    a, b = np.array([[2.0, 1, 3], [-1, 2, 4]]), np.array([[0.5, 0, -1], [0, 0.25, 2]])
    p = np.array([[1.0, 2.0], [30.0, -4.0]])
    assert np.allclose(transform_points(compose(a, b), p), transform_points(a, transform_points(b, p)))
    assert np.allclose(transform_points(compose(invert(a), a), p), p)


@pytest.mark.parametrize("fit", ["similarity", "affine"])
def test_template_points_of_a_frame_land_on_the_template(fit) -> None:
    spec = CropSpec(size_px=224, fit=fit)
    face = transform_points(np.array([[1.5, -0.5, 200.0], [0.5, 1.5, 80.0]]), template_points(spec))
    matrix = crop_from_frame_matrix(face, spec)
    assert np.allclose(transform_points(matrix, face), template_points(spec), atol=1e-6)


def test_five_points_are_taken_from_the_ibug_numbers() -> None:
    landmarks = np.stack([np.arange(68.0), np.arange(68.0)], 1)
    assert five_from_68(landmarks)[:, 0].tolist() == [38.5, 44.5, 30, 48, 54]


def _gradient(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) * 127 / (width + height)], -1).astype(np.uint8)


@pytest.mark.parametrize("scale", [0.05, 0.2, 0.45, 0.5, 1.0, 3.0])
def test_a_smooth_image_has_the_right_values_at_every_scale(scale) -> None:
    frame = cv2.GaussianBlur(_gradient(900, 1100), (0, 0), 3)
    centre = np.array([550.0, 450.0])
    matrix = np.array([[scale, 0, 112 - scale * centre[0]], [0, scale, 112 - scale * centre[1]]])
    crop = warp_to_crop(frame, matrix, 224)
    for u, v in [(112, 112), (100, 120), (120, 100)]:
        x, y = transform_points(invert(matrix), np.array([[u, v]], np.float64))[0]
        assert np.abs(crop[v, u].astype(int) - frame[round(y), round(x)]).max() <= 3


def test_shrinking_averages_instead_of_skipping() -> None:
    checkers = (np.indices((800, 800)).sum(0) % 2 * 255).astype(np.uint8)
    small = warp(checkers, np.array([[0.1, 0, 0], [0, 0.1, 0]]), (80, 80))
    assert small[10:-10, 10:-10].std() < 2
    assert abs(float(small[10:-10, 10:-10].mean()) - 127.5) < 2


def test_aligning_carries_landmarks_into_the_crop(astronaut) -> None:
    landmarks = np.random.default_rng(0).uniform(100, 200, (68, 2))
    face = Face(np.array([100, 100, 200, 200.0]), 1.0, five_from_68(landmarks), landmarks)
    aligned = align_face(astronaut, face, CropSpec())
    assert aligned.image.shape == (224, 224, 3) and aligned.image.dtype == np.uint8
    assert np.allclose(aligned.landmarks, transform_points(aligned.crop_from_frame, landmarks))


def test_a_face_outside_the_frame_repeats_the_border(astronaut) -> None:
    five = template_points(CropSpec()) * 0.4 - 60
    aligned = align_face(astronaut, Face(np.array([-60, -60, 20, 20.0]), 1.0, five), CropSpec())
    assert (aligned.image[0, 0] == astronaut[0, 0]).all()


@pytest.mark.parametrize("scale", [1.4, 0.6, 0.19])
def test_a_grey_crop_is_the_coloured_one_in_grey(scale):
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8), (0, 0), 2)
    for x in (-40.0, -250 * scale):  # inside, and over the right border
        place = np.array([[scale, 0.1 * scale, x], [-0.1 * scale, scale, -20.0]])
        wanted = cv2.cvtColor(warp_to_crop(image, place, 64), cv2.COLOR_RGB2GRAY)
        np.testing.assert_allclose(grey_crop(image, place, 64).astype(int), wanted, atol=2)


def test_the_five_points_are_means_and_points_of_the_68_and_the_eyes_lie_between_two_of_them():
    landmarks = np.random.default_rng(1).uniform(0, 500, (68, 2))
    wanted = [landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[30], landmarks[48], landmarks[54]]
    np.testing.assert_allclose(five_from_68(landmarks), wanted)
    np.testing.assert_allclose(between_eyes(landmarks), wanted[1] - wanted[0])


def test_what_shrinks_is_averaged_over_whole_pixels_wherever_it_lies(monkeypatch) -> None:
    image = np.random.default_rng(0).integers(0, 256, (240, 320), np.uint8)
    averaged, resize = list[tuple[tuple[int, int], tuple[int, int]]](), cv2.resize
    monkeypatch.setattr(
        cv2, "resize", lambda part, size, **how: averaged.append((part.shape, size)) or resize(part, size, **how)
    )
    warp(image, np.array([[0.25, 0, -13 / 4], [0, 0.25, -22 / 4]]), (40, 30))
    ((height, width), small) = averaged[0]
    assert (height / 4, width / 4) == small[::-1], "a fraction of a pixel takes several times as long"
