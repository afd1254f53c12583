"""Brows that go where the target's are, and what must not be taken for a brow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.brows import BrowShift, brow_shifts, move_brows
from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.faces.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW
from tests.fakes.training_faces import schematic_face

SIDE = 224
SKIN, BROW, SHADOW = (220, 150, 120), (70, 50, 40), (190, 140, 150)


def points_of(side: int = SIDE, raised_px: float = 6) -> np.ndarray:
    points = schematic_face() * SIDE
    for brow in (LEFT_BROW, RIGHT_BROW):
        points[brow, 1] -= raised_px  # room between brow and eye
    return points * side / SIDE


def face(down_px: float, *, colour: tuple[int, int, int] = BROW, ghost: bool = False, side: int = SIDE) -> np.ndarray:
    """A face of one colour whose brows lie so far below the landmarks, and perhaps a shadow where the target's are."""
    image, unit = np.full((side, side, 3), SKIN, np.uint8), side / SIDE
    for brow in (LEFT_BROW, RIGHT_BROW):
        line = points_of(side)[brow]
        for shift, tint in ((0.0, SHADOW), (down_px, colour)):
            if ghost or shift == down_px:
                bent = np.round(line + np.array([0, shift * unit])).astype(np.int32)
                cv2.polylines(image, [bent], False, tint, round(6 * unit), cv2.LINE_AA)
    return image


def pasted(swapped: np.ndarray, weight: np.ndarray, target: np.ndarray) -> np.ndarray:
    return swapped * weight[..., None] + target * (1 - weight[..., None])


@pytest.mark.parametrize("side", [SIDE, 448])
def test_a_brow_that_stayed_at_rest_goes_up_and_its_shadow_is_gone(side: int) -> None:
    points, target, swapped = points_of(side), face(0, side=side), face(8, ghost=True, side=side)
    shifts = brow_shifts(swapped, target, points)
    assert [shift.down for shift in shifts] == pytest.approx([8 * side / SIDE] * 2, abs=1.5 * side / SIDE)
    assert [shift.middle for shift in shifts] == pytest.approx([0, 0], abs=1.5 * side / SIDE)
    before = np.abs(swapped.astype(float) - target)[: round(points[LEFT_EYE, 1].min())].mean()
    moved, weight = move_brows(swapped, target, np.ones((side, side), np.float32), points, shifts)
    after = np.abs(pasted(moved, weight, target) - target)[: round(points[LEFT_EYE, 1].min())].mean()
    assert after < 0.35 * before
    # Eyes and what lies below them stay, and so does the mask there.
    lower = round(points[LEFT_EYE, 1].max()) + 2
    assert (moved[lower:] == swapped[lower:]).all() and (weight[lower:] == 1).all()


def test_a_raised_swapped_brow_comes_down() -> None:
    points = points_of()
    shifts = brow_shifts(face(-5), face(0), points)
    assert [shift.down for shift in shifts] == pytest.approx([-5, -5], abs=1.5)


@pytest.mark.parametrize(
    ("swapped", "target"),
    [
        (face(0), face(0)),
        (face(8), face(0, colour=(205, 140, 112))),  # a pale brow leaves no shadow
        (np.full((SIDE, SIDE, 3), SKIN, np.uint8), face(0)),
        (face(8), np.full((SIDE, SIDE, 3), SKIN, np.uint8)),
    ],
    ids=["where the target's are", "pale", "no brow", "no brow in the target"],
)
def test_brows_stay_where_nothing_says_that_they_must_move(swapped: np.ndarray, target: np.ndarray) -> None:
    weight = np.ones((SIDE, SIDE), np.float32)
    moved, weighs = move_brows(swapped, target, weight, points_of(), brow_shifts(swapped, target, points_of()))
    assert moved is swapped and weighs is weight


def test_a_shaded_lid_is_no_brow() -> None:
    points, swapped = points_of(), np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    top = points[LEFT_BROW, 1].mean()
    bottom = points[LEFT_EYE, 1].min()
    shade = np.clip((np.arange(SIDE) - top) / (bottom - top), 0, 1)[:, None, None]  # darker and darker down to the eye
    swapped = (swapped * (1 - 0.6 * shade)).astype(np.uint8)
    assert [shift.down for shift in brow_shifts(swapped, face(0), points)] == [0, 0]


def test_a_face_that_lies_or_leaves_the_crop_changes_nothing() -> None:
    weight = np.ones((SIDE, SIDE), np.float32)
    for points in (points_of()[:, ::-1] * (1, -1) + (0, SIDE), points_of() + 900):
        shifts = brow_shifts(face(8), face(0), points)
        moved, _ = move_brows(face(8), face(0), weight, points, shifts)
        assert (moved == face(8)).all()
    moved, _ = move_brows(face(8), face(0), weight, points_of() - (0, 400), (BrowShift(9, 0), BrowShift(9, 0)))
    assert (moved == face(8)).all()


def test_a_brow_that_is_not_sure_goes_the_way_of_the_other_one() -> None:
    points, target, swapped = points_of(), face(0), face(8)
    faint = np.array(SKIN) - 9
    line = np.round(points[RIGHT_BROW] + (0, 8)).astype(np.int32)
    cv2.polylines(swapped, [line], False, tuple(int(v) for v in SKIN), 16)
    alone = brow_shifts(swapped, target, points)
    assert alone[0].down > 6 and alone[1].down == 0, "there is no hint of a brow"
    cv2.polylines(swapped, [line], False, tuple(int(v) for v in faint), 6, cv2.LINE_AA)
    assert [shift.down for shift in brow_shifts(swapped, target, points)] == pytest.approx([8, 8], abs=2)


def test_a_thick_brow_of_the_target_leaves_no_arc_above_a_thin_one() -> None:
    points, target, swapped = points_of(), np.full((SIDE, SIDE, 3), SKIN, np.uint8), face(8)
    for brow in (LEFT_BROW, RIGHT_BROW):
        cv2.polylines(target, [np.round(points[brow]).astype(np.int32)], False, BROW, 14, cv2.LINE_AA)
    moved, weight = move_brows(
        swapped, target, np.ones((SIDE, SIDE), np.float32), points, brow_shifts(swapped, target, points)
    )
    x, y = np.round(points[LEFT_BROW][2]).astype(int)
    column = pasted(moved, weight, target)[y - 20 : y + 8, x].mean(-1)
    dark = column < (np.mean(SKIN) + np.mean(BROW)) / 2
    assert np.abs(np.diff(dark.astype(int))).sum() == 2, "one band, with skin above and below"
    assert dark.sum() >= 11


def test_the_targets_brows_show_on_both_sides_where_one_swapped_brow_moves() -> None:
    points, target = points_of(), face(0)
    swapped = face(8)
    swapped[:, SIDE // 2 :] = face(0, colour=SHADOW)[:, SIDE // 2 :]  # the right one lies there already, pale
    moved, weight = move_brows(
        swapped, target, np.ones((SIDE, SIDE), np.float32), points, (BrowShift(8.0, 0.0), BrowShift(0.0, 0.0))
    )
    x, y = np.round(points[RIGHT_BROW][2]).astype(int)
    assert pasted(moved, weight, target)[y, x] == pytest.approx(np.array(BROW), abs=8)
    assert (moved[:, SIDE // 2 + 30 :] == swapped[:, SIDE // 2 + 30 :]).all()


@pytest.mark.parametrize(("share", "shows"), [(0.06, False), (0.32, True)])
def test_shade_under_a_brow_that_goes_far_up_gives_way_to_the_targets_skin(share: float, shows: bool) -> None:
    points = points_of(raised_px=14)
    gap = points[LEFT_EYE, 1].min() - points[LEFT_BROW, 1].mean()
    target, swapped = face(0), face(0)
    column = round(points[LEFT_BROW, 0].mean())
    top, bottom = round(points[LEFT_BROW, 1].mean()), round(points[LEFT_EYE, 1].min())
    swapped[top:bottom] = swapped[top:bottom] // 2  # a shaded lid
    shifts = (BrowShift(share * gap, 0.0),) * 2
    _, weight = move_brows(swapped, target, np.ones((SIDE, SIDE), np.float32), points, shifts)
    lid = weight[top + 12 : bottom, column]
    assert (lid.min() < 0.2) == shows and lid[-1] > 0.8, "the rim of the lid stays"


def test_in_a_clip_one_frame_whose_brows_were_seen_elsewhere_does_not_show() -> None:
    points, target, swapped = points_of(), face(0), face(0)
    weight, memory = np.ones((SIDE, SIDE), np.float32), FaceMemory()
    shares = []
    for frame in range(20):
        seen = (9.0, 0.0, 9.0, 0.0) if frame == 10 else (0.0, 0.0, 0.0, 0.0)
        one, two, three, four = memory.brows(seen, time_s=frame / 25)
        _, weighs = move_brows(swapped, target, weight, points, (BrowShift(one, two), BrowShift(three, four)))
        shares.append(float((weight - weighs).max()))
    assert max(shares) == 0
    for frame in range(20, 40):
        one, two, three, four = memory.brows((9.0, 0.0, 9.0, 0.0), time_s=frame / 25)
    assert one > 8, "brows that stay raised are followed"
