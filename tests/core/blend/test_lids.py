"""Closing eyes: how far, where, and over time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.lids import USUAL_OPENING, SteadyLids, bring_back_lids, closing, lids_weight
from mobilefaceswap_core.blend.outline import WEIGHT_PX, soft_hull
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.faces.landmarks68 import BROWS, LEFT_EYE, RIGHT_EYE, eye_opening
from tests.fakes.training_faces import schematic_face

SIDE = 224
SWAPPED, TARGET = np.full((SIDE, SIDE, 3), 200, np.uint8), np.full((SIDE, SIDE, 3), 90, np.uint8)


def face(left: float = USUAL_OPENING, right: float = USUAL_OPENING) -> np.ndarray:
    """Landmarks whose eyes are open this far, height over width."""
    points = schematic_face() * SIDE
    for eye, opening in ((LEFT_EYE, left), (RIGHT_EYE, right)):
        centre = points[eye].mean(0)
        points[eye, 1] = centre[1] + (points[eye, 1] - centre[1]) * (opening / eye_opening(points, eye))
    return points


def test_an_eye_is_closed_from_about_half_of_its_usual_opening_and_open_from_four_fifths() -> None:
    shares = [1.0, 0.8, 0.675, 0.55, 0.2]
    got = [closing(face(share * USUAL_OPENING))[0] for share in shares]
    assert got == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)
    assert closing(face(0.2, 0.2), usual=(0.2, 0.2)) == (0, 0), "narrow eyes are open eyes"


def test_open_eyes_change_nothing() -> None:
    assert bring_back_lids(SWAPPED, TARGET, face(), closing(face())) is SWAPPED


def test_a_closed_eye_is_the_targets_and_the_other_eye_brows_and_cheeks_are_not() -> None:
    points = face(left=0.05)
    result = bring_back_lids(SWAPPED, TARGET, points, closing(points))
    x, y = points[LEFT_EYE].mean(0).astype(int)
    assert abs(int(result[y, x, 0]) - 90) < 12
    right_x, right_y = points[RIGHT_EYE].mean(0).astype(int)
    for keep_x, keep_y in ([right_x, right_y], points[30].astype(int)):
        assert (result[keep_y, keep_x] == 200).all()
    for keep_x, keep_y in points[BROWS].astype(int):
        assert (result[keep_y, keep_x] > 188).all(), "a brow's lower edge, at most"


def test_lids_cover_the_whole_open_eye_which_lies_above_the_closed_one() -> None:
    shut, open_ = face(0.05, 0.05), face()
    weight = lids_weight(shut, (1.0, 1.0), SIDE)
    for eye in (LEFT_EYE, RIGHT_EYE):
        low = shut[eye, 1].max() - open_[eye, 1].max()  # a lid closes downwards
        for x, y in (open_[eye] + [0, low]).round().astype(int):
            assert weight[y, x] > 0.9
    assert lids_weight(shut, (0.5, 0.5), SIDE).max() == pytest.approx(weight.max() / 2)
    assert not lids_weight(shut, (0.0, 0.0), SIDE).any()


@pytest.mark.parametrize("side", [64, 448, 900])
def test_the_weight_is_the_same_at_every_size(side) -> None:
    shut = face(0.05, 0.05)
    share = lids_weight(shut * side / SIDE, (1.0, 1.0), side).mean()
    assert share == pytest.approx(lids_weight(shut, (1.0, 1.0), SIDE).mean(), rel=0.25)


# Over time


def test_a_blink_of_two_tenths_of_a_second_closes_the_eyes() -> None:
    steady = SteadyLids()
    openings = [USUAL_OPENING] * 25 + [0.2, 0.08, 0.06, 0.08, 0.2] + [USUAL_OPENING] * 10
    closed = [steady(face(o, o), time_s=number / 25)[0] for number, o in enumerate(openings)]
    assert max(closed) > 0.9 and max(closed[:25]) == 0 and closed[-1] < 0.05
    assert np.abs(np.diff(closed)).max() < 0.8, "the lids move, they do not jump"


def test_eyes_that_are_always_narrow_are_not_closed_eyes() -> None:
    steady = SteadyLids()
    closed = [steady(face(0.2, 0.2), time_s=number / 25) for number in range(30)]
    assert closed[0][0] > 0.15 and closed[-1] == pytest.approx((0, 0), abs=1e-3)
    assert steady.usual == pytest.approx((0.2, 0.2), abs=0.01)
    steady.reset()
    assert steady.usual == (USUAL_OPENING, USUAL_OPENING)


def with_eyes(landmarks: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Skin, and eyes of that colour in the landmarks' outlines."""
    image = np.full((SIDE, SIDE, 3), (200, 150, 120), np.uint8)
    cv2.fillPoly(image, [np.rint(landmarks[eye]).astype(np.int32) for eye in (LEFT_EYE, RIGHT_EYE)], colour)
    return image


@pytest.mark.parametrize(("colour", "shut"), [((180, 190, 200), True), ((200, 150, 122), False)])
def test_narrow_eyes_that_show_skin_are_shut_where_landmarks_stay_half_open(colour, shut) -> None:
    """In a picture in which eyes have no colour of their own the landmarks alone tell."""
    steady, usual, narrow = SteadyLids(), face(), face(0.74 * USUAL_OPENING, 0.74 * USUAL_OPENING)
    for number in range(20):
        steady(usual, time_s=number / 25, target=with_eyes(usual, colour))
    looks_down = steady(narrow, time_s=20 / 25, target=with_eyes(narrow, colour))
    lids = with_eyes(narrow, (200, 150, 120))
    for number in range(21, 24):
        blinks = steady(narrow, time_s=number / 25, target=lids)
    assert max(looks_down) < 0.3 and (min(blinks) > 0.9) == shut
    assert steady(usual, time_s=1.0, target=lids)[0] < 0.5, (
        "eyes whose landmarks are open are never shut by their colour"
    )


def test_each_eye_winks_by_itself_and_a_gap_begins_anew() -> None:
    steady = SteadyLids()
    for number in range(5):
        left, right = steady(face(left=0.05), time_s=number / 25)
    assert left > 0.9 and right == 0
    assert steady(face(), time_s=60.0) == (0, 0)


def test_landmarks_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(OptionError, match="finite"):
        SteadyLids()(np.full((68, 2), np.nan), time_s=0.0)


def test_a_soft_hull_is_what_drawing_on_the_whole_crop_gives() -> None:
    rng = np.random.default_rng(0)
    for centre in ((112, 112), (6, 100), (220, 222), (-90, 50)):  # the last lies outside
        points = rng.normal(centre, 12, (8, 2))
        whole = np.zeros((WEIGHT_PX, WEIGHT_PX), np.float32)
        cv2.fillPoly(whole, [cv2.convexHull(np.round(points).astype(np.int32))], 1.0)
        whole = cv2.dilate(whole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7)))
        whole = cv2.GaussianBlur(whole, (0, 0), WEIGHT_PX / 60)
        np.testing.assert_allclose(soft_hull(points, growth=3 / WEIGHT_PX, blur=1 / 60), whole, atol=1e-5)


def test_an_eyes_usual_opening_is_a_quantile_of_those_seen() -> None:
    steady, rng = SteadyLids(), np.random.default_rng(0)
    seen = rng.uniform(0.22, 0.4, (40, 2))
    for number, (left, right) in enumerate(seen):
        steady(face(left, right), time_s=number / 25)
    assert steady.usual == pytest.approx(tuple(np.quantile(seen, 0.9, axis=0)), abs=1e-6)
