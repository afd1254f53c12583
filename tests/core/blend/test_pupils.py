"""Pupils in irises that were drawn without."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.finish import stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.pupils import bring_back_pupils
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import CropSpec
from tests.fakes.training_faces import schematic_face

SKIN, WHITE, IRIS = (215, 160, 135), (200, 195, 190), (120, 130, 140)
INFO = SwapperInfo("plain", "no stage of its own", CropSpec(), "none", "tests")


def eyes(side: int, *, pupils: bool) -> np.ndarray:
    """Light irises, with dark pupils and the mirror image of a lamp beside their middle, or blurred and without."""
    image, points = np.full((side, side, 3), SKIN, np.uint8), schematic_face() * side
    for eye in (LEFT_EYE, RIGHT_EYE):
        cv2.fillPoly(image, [np.round(points[eye]).astype(np.int32)], WHITE)
        middle = np.round(points[eye].mean(0)).astype(int)
        cv2.circle(image, tuple(middle.tolist()), round(0.022 * side), IRIS, -1)
        if pupils:
            cv2.circle(image, tuple(middle.tolist()), round(0.008 * side), (25, 22, 20), -1)
            cv2.circle(
                image,
                tuple(np.add(middle, [round(0.014 * side), 0]).tolist()),
                max(1, side // 200),
                (250, 250, 250),
                -1,
            )
    return image if pupils else cv2.GaussianBlur(image, (0, 0), 0.006 * side)


@pytest.mark.parametrize("side", [224, 448, 900])
def test_irises_get_pupils_and_what_mirrors_in_them(side: int) -> None:
    swapped, target, points = eyes(side, pupils=False), eyes(side, pupils=True), schematic_face() * side
    done = bring_back_pupils(swapped, target, points, strength=1)
    for eye in (LEFT_EYE, RIGHT_EYE):
        x, y = np.round(points[eye].mean(0)).astype(int)
        assert done[y, x].max() < swapped[y, x].max() - 40
        lamp = done[y, x + round(0.014 * side)].astype(int)
        assert lamp.min() > swapped[y, x + round(0.014 * side)].min() + 15 and np.ptp(lamp) < 30  # and it is white
    low, high = np.minimum(swapped, target).astype(int) - 12, np.maximum(swapped, target).astype(int) + 12
    assert ((done >= low) & (done <= high)).all()


def test_skin_stays_and_so_do_eyes_that_have_what_the_targets_have() -> None:
    swapped, target, points = eyes(224, pupils=False), eyes(224, pupils=True), schematic_face() * 224
    done = bring_back_pupils(swapped, target, points, strength=1)
    away = np.ones((224, 224), bool)
    for eye in (LEFT_EYE, RIGHT_EYE):
        (left, top), (right, bottom) = points[eye].min(0) - 8, points[eye].max(0) + 8
        away[int(top) : int(bottom), int(left) : int(right)] = False
    assert (done[away] == swapped[away]).all() and not (done == swapped).all()
    assert np.abs(bring_back_pupils(target, target, points, strength=1).astype(int) - target).max() <= 1
    assert bring_back_pupils(swapped, target, points + 900, strength=1) is swapped


def test_a_strength_lies_between() -> None:
    swapped, target, points = eyes(224, pupils=False), eyes(224, pupils=True), schematic_face() * 224
    x, y = np.round(points[LEFT_EYE].mean(0)).astype(int)
    levels = [int(bring_back_pupils(swapped, target, points, strength=s)[y, x].sum()) for s in (0, 0.5, 1)]
    assert levels[0] == swapped[y, x].sum() and levels[0] > levels[1] > levels[2]


@pytest.mark.parametrize(("moving", "options", "wanted"), [
    (False, {}, True),
    (False, {"gaze": 0.5}, True),
    (False, {"gaze": 1.0}, False),
    (False, {"pupils": 0.0}, False),
    (True, {}, False),
    (True, {"gaze": 0.0}, True),
])  # fmt: skip
def test_the_stage_runs_where_the_gaze_does_not_bring_whole_eyes(moving: bool, options: dict, wanted: bool) -> None:
    steps = stages(Setting(INFO, replace(FinishOptions(), **options), moving=moving))
    assert ("pupils" in [step.name for step in steps]) == wanted
