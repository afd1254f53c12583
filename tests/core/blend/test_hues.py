"""Green and violet shades on a face, and what must not be taken for them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.hues import HueLimits, calm_hues, hue_limits
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from tests.fakes.training_faces import schematic_face

SKIN, BROWN, GREEN, VIOLET = (215, 160, 135), (110, 82, 69), (118, 140, 96), (140, 105, 150)
LUMA = np.array([0.299, 0.587, 0.114])
CHEEK = np.s_[0.62:0.68, 0.2:0.26]
BROW = np.s_[0.2:0.26, 0.4:0.6]
Colour = tuple[int, int, int]


def face(side: int, *, cheek: Colour = SKIN, brow: Colour = SKIN, lips: Colour = (190, 95, 90)) -> np.ndarray:
    """Skin of slightly different light, with a cheek, something between the brows, eyes and lips of these colours."""
    image = np.full((side, side, 3), SKIN, np.float32)
    for part, colour in ((CHEEK, cheek), (BROW, brow)):
        image[tuple(slice(round(axis.start * side), round(axis.stop * side)) for axis in part)] = colour
    points = schematic_face() * side
    for part, colour in ((OUTER_LIPS, lips), (LEFT_EYE, (90, 130, 80)), (RIGHT_EYE, (120, 110, 170))):
        cv2.fillPoly(image, [np.round(points[part]).astype(np.int32)], colour)
    image *= 1 + 0.06 * np.sin(np.arange(side) / side * 9)[:, None, None]
    return np.rint(image).astype(np.uint8)


def middle(image: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    rows, columns = (round((axis.start + axis.stop) / 2 * len(image)) for axis in part)
    return image[rows, columns].astype(float)


def calmed(swapped: np.ndarray, target: np.ndarray) -> np.ndarray:
    mask, points = np.ones(swapped.shape[:2], np.float32), schematic_face() * len(swapped)
    limits = hue_limits(target, mask, points)
    assert limits is not None
    return calm_hues(swapped, mask, points, limits)


def greenness(colour: np.ndarray) -> float:
    """How far green lies above the line between grey and this skin, as a share of the light."""
    line = np.array(SKIN, float) / (LUMA @ SKIN) - 1
    own = colour / (LUMA @ colour) - 1
    return float((own - line * (own @ line) / (line @ line))[1])


@pytest.mark.parametrize("side", [224, 448])
def test_green_and_violet_shades_become_those_of_skin_and_stay_as_light(side: int) -> None:
    swapped = face(side, cheek=GREEN, brow=VIOLET)
    calm = calmed(swapped, face(side))
    for part in (CHEEK, BROW):
        before, after = middle(swapped, part), middle(calm, part)
        assert abs(greenness(before)) > 0.08 and abs(greenness(after)) < 0.025
        assert LUMA @ after == pytest.approx(LUMA @ before, abs=1.5)


def test_lips_eyes_skin_and_brown_brows_stay_as_they_are() -> None:
    swapped = face(224, cheek=GREEN, brow=BROWN, lips=(200, 60, 110))
    calm = calmed(swapped, face(224))
    assert not np.array_equal(calm, swapped)
    points = schematic_face() * 224
    for part in (OUTER_LIPS, LEFT_EYE, RIGHT_EYE):
        x, y = np.round(points[part].mean(0)).astype(int)
        assert np.abs(calm[y, x].astype(int) - swapped[y, x]).max() <= 1
    for part in (BROW, np.s_[0.85:0.9, 0.3:0.4]):
        assert np.abs(middle(calm, part) - middle(swapped, part)).max() <= 1


def test_a_face_without_them_is_returned_itself() -> None:
    bare = np.full((224, 224, 3), SKIN, np.uint8)
    bare[45:58, 90:134] = BROWN
    assert calmed(bare, face(224)) is bare


def test_what_the_target_shows_the_swapped_face_may_show() -> None:
    """Somebody in the light of leaves, or with green paint on the cheeks."""
    swapped, painted = face(224, cheek=GREEN), face(224)
    painted[130:190, 20:90] = GREEN
    assert np.abs(middle(calmed(swapped, painted), CHEEK) - middle(swapped, CHEEK)).max() <= 1
    leaves = np.array([0.8, 1.0, 0.8])
    own, target = (np.rint(image * leaves).astype(np.uint8) for image in (face(224, brow=BROWN), face(224)))
    calm = calmed(own, target)
    for part in (CHEEK, BROW):
        assert np.abs(middle(calm, part) - middle(own, part)).max() <= 1


def test_a_grey_target_asks_for_usual_skin() -> None:
    grey = np.repeat(cv2.cvtColor(face(224), cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    limits = hue_limits(grey, np.ones((224, 224), np.float32), schematic_face() * 224)
    assert limits is not None and (limits.low, limits.high) == pytest.approx((-0.02, 0.02))
    usual = hue_limits(face(224), np.ones((224, 224), np.float32), schematic_face() * 224)
    assert usual is not None and limits.violet @ usual.violet > 0.99


def test_where_no_face_shows_nothing_is_known() -> None:
    assert hue_limits(face(224), np.zeros((224, 224), np.float32), schematic_face() * 224) is None
    limits = HueLimits(np.array([0.56, -0.42, 0.71], np.float32), -0.02, 0.02)
    green = face(224, cheek=GREEN)
    assert calm_hues(green, np.zeros((224, 224), np.float32), schematic_face() * 224, limits) is green
