"""Edges of an enlarged crop: stairs become lines, and nothing else changes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.edges import FACTOR, along_edges
from mobilefaceswap_core.blend.native import STEPS_SHOW, enlarge
from mobilefaceswap_core.faces.geometry import scaled_crop

SIDE = 112


def stairs(slope: float) -> np.ndarray:
    """A dark half below a slanted line, without any pixel between: a stair."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    dark = y > SIDE / 2 + slope * (x - SIDE / 2)
    return np.where(dark[..., None], np.uint8(60), np.uint8(180)).repeat(3, 2)


def heights(image: np.ndarray) -> np.ndarray:
    """Where the dark half begins in each column, in px of the crop; columns at the border left out."""
    share = (image[..., 0].astype(float) - 60) / 120
    return (share.sum(0) / FACTOR)[20:-20]


@pytest.mark.parametrize("slope", [0.2, 0.35, -0.3])
def test_a_stair_becomes_a_line_as_sharp_across_as_before(slope: float) -> None:
    crop = stairs(slope)
    plain, drawn = along_edges(crop, strength=0), along_edges(crop)
    places = np.arange(len(plain))[20:-20]

    def roughness(image: np.ndarray) -> float:
        found = heights(image)
        return float(np.std(found - np.polyval(np.polyfit(places, found, 1), places)))

    assert roughness(drawn) < 0.6 * roughness(plain)
    steepest = [np.abs(np.diff(image[:, SIDE, 0].astype(int))).max() for image in (plain, drawn)]
    assert steepest[1] > 0.6 * steepest[0]


def test_the_same_holds_for_an_upright_stair() -> None:
    crop = np.ascontiguousarray(stairs(0.3).transpose(1, 0, 2))
    np.testing.assert_allclose(along_edges(crop).astype(int), along_edges(stairs(0.3)).transpose(1, 0, 2), atol=2)


@pytest.mark.parametrize("straight", [np.s_[: SIDE // 2], np.s_[:, : SIDE // 2]])
def test_straight_edges_and_flat_skin_stay_as_they_are(straight: object) -> None:
    crop = np.full((SIDE, SIDE, 3), 150, np.uint8)
    np.testing.assert_array_equal(along_edges(crop), 150)
    crop[straight] = 70
    inside = np.s_[12:-12, 12:-12]
    np.testing.assert_allclose(along_edges(crop)[inside].astype(int), along_edges(crop, strength=0)[inside], atol=1)


def test_what_is_seen_is_the_same_whether_the_rest_is_looked_at() -> None:
    crop = cv2.GaussianBlur(np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3), np.uint8), (0, 0), 2)
    part = np.s_[20:70, 0:61]
    larger, whole = along_edges(crop, part=part), along_edges(crop)
    seen = tuple(slice(FACTOR * one.start, FACTOR * one.stop) for one in part)
    np.testing.assert_allclose(larger[seen].astype(int), whole[seen], atol=1)
    far = np.s_[FACTOR * 80 :, FACTOR * 70 :]
    np.testing.assert_array_equal(larger[far], along_edges(crop, strength=0)[far])


def test_a_face_that_is_hardly_larger_than_its_crop_is_enlarged_as_it_is() -> None:
    crop, weight = stairs(0.3), np.ones((SIDE, SIDE), np.float32)
    frame = np.zeros((300, 300, 3), np.uint8)

    def larger(side_px: int) -> np.ndarray:
        return enlarge(crop, weight, scaled_crop(np.eye(2, 3), SIDE / side_px), frame, side_px)[0]

    def resized(strength: float, side_px: int) -> np.ndarray:
        drawn = along_edges(crop, strength=strength)
        return cv2.resize(drawn, (side_px, side_px), interpolation=cv2.INTER_CUBIC)

    just = round(STEPS_SHOW[0] * SIDE)
    np.testing.assert_allclose(larger(just).astype(int), resized(0, just), atol=1)
    np.testing.assert_array_equal(larger(3 * SIDE), resized(1, 3 * SIDE))
