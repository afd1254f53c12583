"""Folds about the mouth: what is softened, and what stays."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.finish import finish, stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.folds import folds_weight, soften_folds
from mobilefaceswap_core.faces.landmarks68 import CHIN, LEFT_EYE, LEFT_MOUTH, NOSE_TIP, OUTER_LIPS, RIGHT_MOUTH
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from tests.fakes.training_faces import schematic_face

SIDE = 224
SKIN, LIPS, LINE = (214, 160, 130), (190, 90, 90), (150, 95, 70)


def points_of(side: int = SIDE) -> np.ndarray:
    return (schematic_face() * SIDE + 0.5) * (side / SIDE) - 0.5


def fold_of(side: int, way: float = 1.0) -> np.ndarray:
    """A fold beside the mouth, from the nose to the chin."""
    points = points_of(side)
    away = 0.06 * side * way
    return points[LEFT_MOUTH] + [(-0.7 * away, -0.07 * side), (-away, 0), (-0.8 * away, 0.06 * side)]


def face(*, folds: bool, side: int = SIDE, line: tuple[int, int, int] = LINE) -> np.ndarray:
    image, points = np.full((side, side, 3), SKIN, np.uint8), points_of(side)
    image[: round(points[LEFT_EYE, 1].min())] = (120, 90, 80)  # a fringe
    if folds:
        cv2.polylines(
            image, [np.round(fold_of(side)).astype(np.int32)], False, line, round(4 * side / SIDE), cv2.LINE_AA
        )
        image = cv2.GaussianBlur(image, (0, 0), 1.2 * side / SIDE)
    cv2.fillConvexPoly(image, cv2.convexHull(np.round(points[OUTER_LIPS]).astype(np.int32)), LIPS)
    return image


def depth(image: np.ndarray, side: int = SIDE) -> float:
    """How much darker the fold is than the skin, in levels of luma."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
    x, y = np.round(fold_of(side)[1]).astype(int)
    reach = round(3 * side / SIDE)
    return float(np.median(grey[y, x - 8 * reach : x - 3 * reach]) - grey[y, x - reach : x + reach + 1].min())


@pytest.mark.parametrize("side", [SIDE, 128, 448])
def test_a_fold_that_the_target_does_not_have_is_softened(side: int) -> None:
    before = face(folds=True, side=side)
    after = soften_folds(before, face(folds=False, side=side), points_of(side))
    assert depth(before, side) > 35
    assert depth(after, side) < 0.6 * depth(before, side)


def test_its_colour_goes_with_its_shade() -> None:
    red = (235, 130, 95)  # as light as the skin
    before = face(folds=True, line=red)
    after = soften_folds(before, face(folds=False), points_of())
    x, y = np.round(fold_of(SIDE)[1]).astype(int)
    excess = [
        float((one[y - 3 : y + 4, x - 2 : x + 3, 0].astype(int) - one[y - 3 : y + 4, x - 2 : x + 3, 2]).max())
        for one in (before, after)
    ]
    assert excess[1] - (SKIN[0] - SKIN[2]) < 0.7 * (excess[0] - (SKIN[0] - SKIN[2]))


def test_a_fold_that_the_target_has_too_stays() -> None:
    smiling = face(folds=True)
    assert np.abs(soften_folds(smiling, smiling, points_of()).astype(int) - smiling).max() <= 1


def test_nothing_is_added_to_a_smooth_face() -> None:
    calm = face(folds=False)
    after = soften_folds(calm, face(folds=True), points_of())
    assert np.abs(after.astype(int) - calm).max() <= 1


def test_lips_nose_eyes_and_what_lies_above_keep_their_pixels() -> None:
    points, rng = points_of(), np.random.default_rng(0)
    rough = cv2.GaussianBlur(rng.integers(60, 200, (SIDE, SIDE, 3)).astype(np.uint8), (0, 0), 2)
    after = soften_folds(rough, face(folds=False), points)
    top = round(points[LEFT_EYE, 1].max())
    assert (after[:top] == rough[:top]).all()
    inner = cv2.fillConvexPoly(
        np.zeros((SIDE, SIDE), np.uint8), cv2.convexHull(np.round(points[OUTER_LIPS]).astype(np.int32)), 1
    )
    assert (after[inner > 0] == rough[inner > 0]).all()
    x, y = np.round(points[NOSE_TIP]).astype(int)
    assert (after[y, x] == rough[y, x]).all()
    x, y = np.round((points[OUTER_LIPS][3] + points[NOSE_TIP]) / 2).astype(int)
    assert (after[y, x] == rough[y, x]).all(), "a moustache"
    x, y = np.round((points[OUTER_LIPS][9] + points[CHIN]) / 2).astype(int)
    assert (after[y, x] == rough[y, x]).all(), "a goatee"
    x, y = np.round(points[RIGHT_MOUTH] + (12, 0)).astype(int)
    assert (after[y - 4 : y + 5, x - 4 : x + 5] != rough[y - 4 : y + 5, x - 4 : x + 5]).any(), (
        "beside the mouth it is rough no more"
    )


@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_faces_stay(level: int) -> None:
    plain = np.full((SIDE, SIDE, 3), level, np.uint8)
    assert (soften_folds(plain, plain, points_of()) == plain).all()


@pytest.mark.parametrize("shift", [(0, 400), (-600, 0)])
def test_a_mouth_outside_of_the_crop_changes_nothing(shift: tuple[int, int]) -> None:
    before = face(folds=True)
    assert soften_folds(before, face(folds=False), points_of() + shift) is before


@pytest.mark.parametrize("side", [64, 448, 900])
def test_the_weight_is_the_same_at_every_size(side: int) -> None:
    assert folds_weight(points_of(side), side).mean() == pytest.approx(folds_weight(points_of(), SIDE).mean(), rel=0.05)


def test_the_finish_softens_folds_unless_told_not_to_and_a_face_without_landmarks_is_left_alone() -> None:
    place, weight = np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.ones((SIDE, SIDE), np.float32)
    plain = {
        "match_colours": False,
        "brows": False,
        "pupils": 0.0,
        "gaze": 0.0,
        "lids": False,
        "mouth": 0.0,
        "occlusion": False,
    }
    info = SwapperInfo("flat", "a flat face", CropSpec(), "none", "tests")
    crop = SwappedCrop(face(folds=True), weight)

    def finished(points: np.ndarray | None, **chosen: bool) -> np.ndarray:
        target = AlignedFace(face(folds=False), place, points)
        return finish(target, crop, stages(Setting(info, FinishOptions(**plain, **chosen)))).pixels  # type: ignore[arg-type]

    assert depth(finished(points_of())) < 0.6 * depth(crop.image)
    assert (finished(points_of(), folds=False) == crop.image).all()
    assert (finished(None) == crop.image).all()
