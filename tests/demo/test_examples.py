"""The example portraits: present, small, one face each, and not alike."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from demo.examples.average_faces import (
    ANCHORS,
    CROP_PX,
    CROPS_PER_PORTRAIT,
    PORTRAIT_PX,
    finish,
    group_around,
    refine,
    warp_to_shape,
)
from demo.examples.hero import GAP_PX, PANEL_PX, sheet
from mobilefaceswap_core.detect import load_detector
from mobilefaceswap_core.faces.geometry import align_face
from mobilefaceswap_core.faces.head_pose import MEAN_68
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.types import CropSpec

FOLDER = Path(__file__).parents[2] / "demo" / "examples" / "portraits"
PORTRAITS = sorted(FOLDER.glob("*.webp"))


def test_there_is_one_small_square_portrait_for_each_group() -> None:
    assert [path.name for path in PORTRAITS] == [f"average_{n}.webp" for n in range(1, len(ANCHORS) + 1)]
    for path in PORTRAITS:
        assert path.stat().st_size < 150 * 1024
        assert read_image(path).image.shape == (PORTRAIT_PX, PORTRAIT_PX, 3)


@pytest.mark.parametrize("name", ["lite", "dlib"])
def test_each_detector_finds_exactly_one_face_in_each_portrait(name: str) -> None:
    detector = load_detector(name, device="cpu")
    counts = {path.name: len(detector.detect(read_image(path).image)) for path in PORTRAITS}
    assert set(counts.values()) == {1}, counts


def test_no_two_portraits_are_nearly_the_same_face_to_the_recogniser() -> None:
    detector = load_detector("lite", device="cpu")
    crops = []
    for path in PORTRAITS:
        image = read_image(path).image
        crops.append(align_face(image, detector.detect(image)[0], CropSpec()).image)
    embeddings = load_identity_encoder().embed(crops)
    similarity = embeddings @ embeddings.T
    assert similarity[~np.eye(len(crops), dtype=bool)].max() < 0.75


def test_a_portrait_is_the_mean_of_at_least_sixty_crops() -> None:
    assert CROPS_PER_PORTRAIT >= 60


def test_a_group_is_centred_on_its_own_neighbourhood() -> None:
    generator = np.random.default_rng(0)
    centres = np.eye(8)[[0, 1]]
    embeddings = np.repeat(centres, 50, axis=0) + 0.1 * generator.normal(size=(100, 8))
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float32)
    assert set(group_around(3, embeddings, 40)) <= set(range(50))
    assert set(group_around(73, embeddings, 40)) <= set(range(50, 100))


def test_warping_to_its_own_shape_changes_nothing_and_warping_moves_landmarks() -> None:
    shape = 0.35 * CROP_PX * MEAN_68[:, :2] + CROP_PX / 2
    picture = np.random.default_rng(1).uniform(0, 255, (CROP_PX, CROP_PX, 3)).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), 6)
    np.testing.assert_allclose(warp_to_shape(picture, shape, shape), picture, atol=0.05)
    moved = warp_to_shape(picture, shape, shape + np.array([10.0, -4.0]))
    np.testing.assert_allclose(moved[150:250, 150:250], picture[154:254, 140:240], atol=0.05)


def test_the_refined_mean_of_equal_pictures_is_that_picture() -> None:
    picture = cv2.GaussianBlur(np.random.default_rng(2).uniform(0, 255, (96, 96, 3)).astype(np.float32), (0, 0), 4)
    np.testing.assert_allclose(refine([picture] * 3), picture, atol=1.0)


def test_a_finished_portrait_keeps_the_face_and_ends_in_plain_background() -> None:
    face = np.full((CROP_PX, CROP_PX, 3), 120.0, np.float32)
    portrait = finish(face)
    middle = portrait[PORTRAIT_PX // 2, PORTRAIT_PX // 2]
    np.testing.assert_array_equal(middle, [120, 120, 120])
    assert np.ptp(portrait[:, 0].astype(int), axis=0).max() <= 2


def test_the_picture_of_the_readme_is_a_grid_of_panels() -> None:
    colours = [[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(9, 9, 9), (99, 99, 99), (199, 199, 199)]]
    page = sheet([[np.full((50, 50, 3), colour, np.uint8) for colour in row] for row in colours])
    assert page.shape == (2 * PANEL_PX + GAP_PX, 3 * PANEL_PX + 2 * GAP_PX, 3)
    for i, row in enumerate(colours):
        for j, colour in enumerate(row):
            at = (i * (PANEL_PX + GAP_PX) + PANEL_PX // 2, j * (PANEL_PX + GAP_PX) + PANEL_PX // 2)
            np.testing.assert_array_equal(page[at], colour)
