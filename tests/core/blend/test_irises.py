"""Violet irises, and what must not be taken for them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.irises import EYES_FRAMES, SURELY_CALM, blueness_of_eyes, calm_eyes, looked_at
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from tests.fakes.training_faces import schematic_face

SKIN, VIOLET = (220, 150, 120), (110, 95, 190)


def eyed(
    iris: tuple[int, int, int], side: int = 224, *, white: tuple[int, int, int] = (200, 195, 190), radius: float = 0.012
) -> np.ndarray:
    image, points = np.full((side, side, 3), SKIN, np.uint8), schematic_face() * side
    for eye in (LEFT_EYE, RIGHT_EYE):
        cv2.fillPoly(image, [np.round(points[eye]).astype(np.int32)], white)
        cv2.circle(image, tuple(np.round(points[eye].mean(0)).astype(int).tolist()), round(radius * side), iris, -1)
    return image


def iris_of(image: np.ndarray, eye: slice = LEFT_EYE) -> np.ndarray:
    x, y = np.round((schematic_face() * len(image))[eye].mean(0)).astype(int)
    return image[y, x].astype(float)


@pytest.mark.parametrize("side", [224, 512])
def test_violet_irises_turn_blue_and_stay_as_light(side: int) -> None:
    swapped, target = eyed(VIOLET, side), eyed((90, 60, 40), side)
    calm = calm_eyes(swapped, target, schematic_face() * side)
    for eye in (LEFT_EYE, RIGHT_EYE):
        red, green, blue = iris_of(calm, eye)
        assert blue > green > red and green == pytest.approx((red + blue) / 2, abs=0.08 * blue)
        luma = [float(value @ [0.299, 0.587, 0.114]) for value in (iris_of(swapped, eye), iris_of(calm, eye))]
        assert luma[1] == pytest.approx(luma[0], abs=1.5)
    skin = (swapped == SKIN).all(2)
    np.testing.assert_array_equal(calm[skin], swapped[skin])


@pytest.mark.parametrize("iris", [(90, 60, 40), (100, 130, 170), (95, 110, 80), (120, 120, 125), (10, 10, 10)])
def test_eyes_of_other_colours_stay_as_they_are(iris: tuple[int, int, int]) -> None:
    swapped = eyed(iris)
    calm = calm_eyes(swapped, eyed((90, 60, 40)), schematic_face() * 224)
    assert np.abs(calm.astype(int) - swapped).max() <= 2


@pytest.mark.parametrize("side", [224, 512])
@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (1.0, 0.85, 0.6)])
def test_blue_eyes_are_told_from_others_in_any_light(side: int, light: tuple[float, float, float]) -> None:
    def seen(iris: tuple[int, int, int]) -> float:
        lit = np.rint(eyed(iris, side, radius=0.025) * np.array(light)).astype(np.uint8)
        return blueness_of_eyes(lit, schematic_face() * side)

    assert [seen(iris) for iris in ((90, 60, 40), (35, 30, 28), (30, 32, 40), (95, 100, 70))] == [0] * 4
    assert seen((90, 120, 160)) == 1
    assert blueness_of_eyes(np.full((side, side, 3), SKIN, np.uint8), np.zeros((68, 2))) == 1  # no eye is seen


def test_eyes_turn_blue_for_nobody_whose_irises_are_not() -> None:
    swapped, target, points = eyed((50, 72, 95)), eyed((90, 120, 160)), schematic_face() * 224
    assert np.abs(calm_eyes(swapped, target, points).astype(int) - swapped).max() <= 2
    dark = calm_eyes(swapped, target, points, blue=0.0)
    red, green, blue = iris_of(dark)
    assert blue == pytest.approx((red + green) / 2, abs=2)
    assert iris_of(dark) @ [0.299, 0.587, 0.114] == pytest.approx(iris_of(swapped) @ [0.299, 0.587, 0.114], abs=1.5)
    between = iris_of(calm_eyes(swapped, target, points, blue=0.5))[2]
    assert blue < between < iris_of(swapped)[2]


def test_bluish_green_eyes_of_somebody_with_brown_ones_turn_grey_and_not_green() -> None:
    target, points = eyed((90, 130, 145), white=(190, 195, 200)), schematic_face() * 224
    red, green, blue = iris_of(calm_eyes(eyed((80, 120, 135)), target, points, blue=0.0))
    assert max(red, green, blue) - min(red, green, blue) < 20
    assert iris_of(calm_eyes(eyed((80, 120, 135)), target, points)) == pytest.approx((80, 120, 135), abs=2)


@pytest.mark.parametrize("iris", [(90, 60, 40), (35, 30, 28), (60, 55, 50)])
def test_brown_eyes_and_the_skin_around_them_stay_as_they_are_for_somebody_with_brown_ones(
    iris: tuple[int, int, int],
) -> None:
    swapped, points = eyed(iris, radius=0.025), schematic_face() * 224
    calm = calm_eyes(swapped, eyed((90, 120, 160)), points, blue=0.0)
    assert np.abs(calm.astype(int) - swapped).max() <= 1


def test_rims_of_lids_that_turned_blue_with_an_eye_turn_grey() -> None:
    swapped, points = eyed((50, 45, 40)), schematic_face() * 224
    x, y = np.round(points[LEFT_EYE].mean(0)).astype(int)
    rim = (y - round(np.ptp(points[LEFT_EYE][:, 1]) / 2) - 4, x)
    swapped[rim] = (90, 100, 140)
    calm = calm_eyes(swapped, eyed((90, 60, 40)), points, blue=0.0)
    red, green, blue = calm[rim].astype(float)
    assert blue - (red + green) / 2 < 15
    assert calm_eyes(swapped, eyed((90, 60, 40)), points)[rim] == pytest.approx(swapped[rim], abs=2)


def test_whites_that_outshine_the_face_are_half_as_much_lighter() -> None:
    points, dark = schematic_face() * 224, (60, 45, 40)
    swapped, dim = eyed(dark, white=(250, 250, 245)), (eyed(dark) * 0.5).astype(np.uint8)
    calm = calm_eyes(swapped, dim, points)
    x, y = np.round(points[LEFT_EYE].mean(0)).astype(int)
    white = (y, x - 7)
    assert (swapped[white] == (250, 250, 245)).all() and 160 < calm[white].mean() < 210
    np.testing.assert_array_equal(iris_of(calm), dark)
    usual = eyed(dark, white=(212, 208, 200))
    np.testing.assert_array_equal(calm_eyes(usual, eyed(dark), points), usual)


def test_in_violet_light_swapped_eyes_may_be_violet() -> None:
    lit = np.float32([1.0, 0.7, 1.3])
    swapped, target = (
        np.clip(eyed(iris) * lit, 0, 255).astype(np.uint8) for iris in ((100, 110, 140), (120, 130, 150))
    )
    points = schematic_face() * 224
    changed = np.abs(calm_eyes(swapped, target, points).astype(int) - swapped).max()
    plain = np.abs(calm_eyes(swapped, eyed((90, 60, 40)), points).astype(int) - swapped).max()
    assert changed < 0.25 * plain


@pytest.mark.parametrize("side", [224, 512])
def test_blue_whites_become_no_bluer_than_the_targets_and_stay_as_light(side: int) -> None:
    swapped, target = (eyed((60, 50, 45), side, white=white) for white in ((190, 195, 225), (200, 195, 185)))
    calm, points = calm_eyes(swapped, target, schematic_face() * side), schematic_face() * side
    corner = np.round(0.7 * points[LEFT_EYE][0] + 0.3 * points[LEFT_EYE].mean(0)).astype(int)
    before, after = (image[corner[1], corner[0]].astype(float) for image in (swapped, calm))
    assert tuple(before) == (190, 195, 225) and abs(after[2] - after[:2].mean()) <= 3
    assert after @ [0.299, 0.587, 0.114] == pytest.approx(before @ [0.299, 0.587, 0.114], abs=1.5)
    np.testing.assert_array_equal(iris_of(calm), iris_of(swapped))


def test_blue_irises_beside_white_ones_stay_blue() -> None:
    swapped, target = eyed((120, 150, 190)), eyed((90, 60, 40))
    calm = calm_eyes(swapped, target, schematic_face() * 224)
    assert np.abs(iris_of(calm) - iris_of(swapped)).max() <= 3


def test_in_blue_light_whites_may_be_blue() -> None:
    swapped, target = (eyed((60, 50, 45), white=white) for white in ((190, 195, 225), (185, 190, 225)))
    assert np.abs(calm_eyes(swapped, target, schematic_face() * 224).astype(int) - swapped).max() <= 3


@pytest.mark.parametrize("left", [400, 80, 72, 66])
def test_eyes_outside_of_the_crop_change_nothing(left: float) -> None:
    swapped = np.full((224, 224, 3), VIOLET, np.uint8)
    points = schematic_face() * 224
    points[LEFT_EYE] = points[RIGHT_EYE] = np.array([-left / 10, 100]) + 3 * np.random.default_rng(0).random((6, 2))
    assert calm_eyes(swapped, eyed((90, 60, 40)), points) is swapped


def test_a_clips_eyes_are_looked_at_less_once_they_were_calm_for_longer_than_a_blink() -> None:
    assert all(looked_at(calm) for calm in range(SURELY_CALM))
    later = [looked_at(calm) for calm in range(SURELY_CALM, SURELY_CALM + 80)]
    assert sum(later) == 80 // EYES_FRAMES and later[0]
