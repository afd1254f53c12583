"""Paste back: identities, and not one pixel more than the mask allows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.mask import MaskOptions, refine_mask
from mobilefaceswap_core.blend.paste import paste_back, touched_rectangle
from mobilefaceswap_core.faces.geometry import invert, transform_points, warp_to_crop


def matrix(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    """``crop_from_frame`` that puts frame point (x, y) at the centre of a 224 crop."""
    c, s = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[c, -s], [s, c]])
    return np.hstack([linear, (np.array([112.0, 112.0]) - linear @ [x, y])[:, None]])


def disc(size: int = 224, radius: float = 0.35) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    return (np.hypot(x, y) < radius).astype(np.float32)


@pytest.fixture(scope="module")
def frame(astronaut) -> np.ndarray:
    return astronaut


@pytest.mark.parametrize(
    "crop_from_frame", [matrix(1, 0, 256, 256), matrix(2.5, 30, 200, 120), matrix(0.3, -15, 300, 300)]
)
def test_pixels_outside_the_warped_mask_are_bit_identical(frame, crop_from_frame) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    result = paste_back(frame, noise, refine_mask(disc()), crop_from_frame)
    reach = cv2.warpAffine(cv2.dilate(disc(), np.ones((5, 5))), invert(crop_from_frame), frame.shape[1::-1]) > 0
    assert (result[~reach] == frame[~reach]).all()
    assert (result[reach] != frame[reach]).any()


def test_an_empty_mask_changes_nothing_and_a_copy_is_returned(frame) -> None:
    result = paste_back(
        frame, np.zeros((224, 224, 3), np.uint8), np.zeros((224, 224), np.float32), matrix(1, 0, 256, 256)
    )
    assert result is not frame and (result == frame).all()


def test_pasting_the_frames_own_crop_back_is_nearly_the_identity(frame) -> None:
    crop_from_frame = matrix(1.0, 0, 256, 200)
    crop = warp_to_crop(frame, crop_from_frame, 224)
    result = paste_back(frame, crop, refine_mask(disc()), crop_from_frame)
    assert np.abs(result.astype(int) - frame).max() <= 1


def test_a_whole_pixel_shift_pastes_exact_values(frame) -> None:
    red = np.zeros((224, 224, 3), np.uint8)
    red[..., 0] = 200
    result = paste_back(frame, red, refine_mask(disc()), matrix(1, 0, 256, 256))
    assert (result[256, 256] == [200, 0, 0]).all()


def test_a_mask_that_fills_the_crop_still_fades_at_the_border() -> None:
    weight = refine_mask(np.ones((224, 224), np.float32))
    assert weight[0].max() == weight[-1].max() == weight[:, 0].max() == weight[:, -1].max() == 0
    assert weight[112, 112] == 1
    assert np.abs(np.diff(weight[112])).max() < 0.3


def test_refining_is_the_same_at_every_crop_size() -> None:
    small, large = refine_mask(disc(224)), refine_mask(disc(448))
    assert np.abs(cv2.resize(large, (224, 224), interpolation=cv2.INTER_AREA) - small).mean() < 0.01


def test_refining_never_raises_a_weight_above_the_mask() -> None:
    mask = np.random.default_rng(1).random((224, 224)).astype(np.float32)
    assert (refine_mask(mask) <= mask + 1e-6).all()


def test_holes_of_a_binary_threshold_are_closed() -> None:
    mask = disc()
    mask[110:113, 110:113] = 0.0
    options = MaskOptions()
    assert refine_mask(mask, options)[105, 105] == 1  # the hole's neighbourhood is not eroded


@pytest.mark.parametrize(("x", "y"), [(0, 0), (511, 0), (0, 511), (511, 511), (-20, 256)])
def test_a_face_at_the_frames_edge_is_pasted_as_far_as_it_goes(frame, x, y) -> None:
    result = paste_back(frame, np.full((224, 224, 3), 255, np.uint8), refine_mask(disc()), matrix(1, 0, x, y))
    assert result.shape == frame.shape and (result != frame).any()


def test_a_face_outside_the_frame_touches_nothing(frame) -> None:
    assert touched_rectangle(disc(), matrix(1, 0, 2000, 2000), frame.shape[:2]) is None


def test_touched_rectangle_holds_every_warped_corner(frame) -> None:
    crop_from_frame = matrix(1.3, 20, 250, 250)
    left, top, right, bottom = touched_rectangle(disc(), crop_from_frame, frame.shape[:2])
    inside = np.argwhere(disc() > 0)[:, ::-1].astype(np.float64)
    there = transform_points(invert(crop_from_frame), inside)
    assert (there >= [left, top]).all() and (there < [right, bottom]).all()


def test_matching_colours_of_equal_faces_changes_nothing(frame) -> None:
    crop = warp_to_crop(frame, matrix(1, 0, 256, 200), 224)
    assert np.abs(match_colours(crop, crop, disc()).astype(int) - crop).max() <= 1


def test_matching_moves_the_mean_most_of_the_way_and_ignores_an_empty_mask(frame) -> None:
    target = warp_to_crop(frame, matrix(1, 0, 256, 200), 224)
    dark = (target * 0.5).astype(np.uint8)
    face = disc() > 0.6
    before = target[face].mean() - dark[face].mean()
    after = target[face].mean() - match_colours(dark, target, disc())[face].mean()
    assert abs(after) < 0.3 * before
    assert match_colours(dark, target, np.zeros((224, 224), np.float32)) is dark


def test_more_contrast_leaves_grey_eyes_grey_and_reaches_the_target() -> None:
    skin, dark = np.array([200, 150, 120]), np.array([60, 60, 60])
    flat, rich = (np.empty((224, 224, 3), np.uint8) for _ in range(2))
    flat[:], rich[:] = skin * 0.9, skin
    flat[50:110], rich[50:110] = dark, dark * 0.3
    flat[120:180] = rich[120:180] = skin * 1.1
    matched = match_colours(flat, rich, np.ones((224, 224), np.float32)).astype(int)
    assert matched[80, 90].max() - matched[80, 90].min() <= 5  # a stretch of each channel left eleven levels here
    assert matched[80, 90].mean() < 55  # darker, as the target's
    before, after = flat.mean(2).std(), matched.mean(2).std()
    assert 0.5 < (after - before) / (rich.mean(2).std() - before) < 1.1
