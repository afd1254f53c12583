"""The target's gaze: where its light and shade come, and what stays the swapped face's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.finish import finish, stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.gaze import bring_back_gaze, eye_tones, gaze_weights
from mobilefaceswap_core.blend.lids import closing
from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.faces.landmarks68 import BROWS, LEFT_EYE, NOSE, RIGHT_EYE
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from tests.fakes.training_faces import schematic_face

SIDE = 224
SKIN, IRIS = (220, 150, 120), (70, 110, 60)


def looking(shift_px: int, *, iris: tuple[int, int, int] = IRIS, side: int = SIDE) -> np.ndarray:
    """A face of one colour with white eyes whose irises are moved sideways."""
    points, image = schematic_face() * side, np.full((side, side, 3), SKIN, np.uint8)
    for eye in (LEFT_EYE, RIGHT_EYE):
        cv2.fillConvexPoly(image, cv2.convexHull(np.round(points[eye]).astype(np.int32)), (240, 240, 240))
        x, y = points[eye].mean(0)
        cv2.circle(image, (round(x + shift_px * side / SIDE), round(y)), round(4 * side / SIDE), iris, -1)
    return image


def gazing(swapped: np.ndarray, target: np.ndarray, points: np.ndarray, *, strength: float) -> np.ndarray:
    """As the finish does it with a photo."""
    weights = gaze_weights(points, len(swapped))
    tones = eye_tones(swapped, target, weights, closing(points))
    return bring_back_gaze(swapped, target, weights, tones, strength=strength)


def iris_at(image: np.ndarray, eye: slice) -> float:
    """How far the darkest part of an eye lies from its middle, in px of a crop of 224."""
    side = len(image)
    points = schematic_face() * side
    (left, top), (right, bottom) = np.floor(points[eye].min(0)).astype(int), np.ceil(points[eye].max(0)).astype(int)
    dark = 255.0 - cv2.cvtColor(image[top : bottom + 1, left : right + 1], cv2.COLOR_RGB2GRAY)
    dark[dark < 100] = 0
    return float(((dark * np.arange(left, right + 1)).sum() / dark.sum() - points[eye][:, 0].mean()) * SIDE / side)


def test_the_swapped_irises_go_where_the_targets_are_and_keep_their_colour() -> None:
    points, target = schematic_face() * SIDE, looking(5, iris=(60, 60, 60))
    result = gazing(looking(-5), target, points, strength=1.0)
    for eye in (LEFT_EYE, RIGHT_EYE):
        assert iris_at(looking(-5), eye) == pytest.approx(-5, abs=1)
        assert iris_at(result, eye) == pytest.approx(iris_at(target, eye), abs=0.3)
    # With the eyes of both where they are in the target, what differs is their colour, and that stays.
    x, y = points[LEFT_EYE].mean(0)
    red, green, blue = gazing(looking(5), target, points, strength=1.0)[round(y), round(x) + 5].astype(int)
    assert green > red > blue and abs(green - 60) < 40
    assert (target == looking(5, iris=(60, 60, 60))).all()


def test_skin_that_becomes_the_line_of_a_lid_does_not_turn_red() -> None:
    points, skin = schematic_face() * SIDE, np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    x, y = np.round(points[LEFT_EYE].mean(0)).astype(int)
    line = skin.copy()
    line[y, :] = 20
    dark = gazing(skin, line, points, strength=1.0)[y, x].astype(float)
    assert dark.sum() < 0.4 * sum(SKIN)
    assert dark / dark.sum() == pytest.approx(np.array(SKIN) / sum(SKIN), abs=0.02)


def test_an_iris_that_becomes_a_lid_has_the_colour_of_skin() -> None:
    points, dark = schematic_face() * SIDE, np.full((SIDE, SIDE, 3), 30, np.uint8)
    lid = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    for eye in (LEFT_EYE, RIGHT_EYE):
        points[eye, 1] = points[eye, 1].mean() + 0.1 * (points[eye, 1] - points[eye, 1].mean())
        x, y = np.round(points[eye].mean(0)).astype(int)
        shown = gazing(dark, lid, points, strength=1.0)[y, x].astype(float)
        assert shown / shown.sum() == pytest.approx(np.array(SKIN) / sum(SKIN), abs=0.03)


def test_an_eye_whose_rectangle_holds_the_other_one_does_not_undo_it() -> None:
    points, swapped, target = schematic_face() * SIDE, looking(-5), looking(5)
    left = gaze_weights(points, SIDE)[0]
    around = np.zeros_like(left)
    around[10, 10] = around[200, 200] = 1
    once = bring_back_gaze(swapped, target, left[None], (0.0,), strength=1.0)
    twice = bring_back_gaze(swapped, target, np.stack([left, around]), (0.0, 0.0), strength=1.0)
    assert (once != swapped).any()
    assert (twice[left > 0] == once[left > 0]).all()


@pytest.mark.parametrize("darker", [0, 60])
def test_an_open_eye_stays_as_light_as_it_is_wherever_it_looks(darker: int) -> None:
    points, swapped = schematic_face() * SIDE, looking(-5)
    target = np.clip(looking(5).astype(int) - darker, 0, 255).astype(np.uint8)
    result = gazing(swapped, target, points, strength=1.0)
    for eye, weight in zip((LEFT_EYE, RIGHT_EYE), gaze_weights(points, SIDE), strict=True):
        before, wanted, after = (
            np.average(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), weights=weight) for face in (swapped, target, result)
        )
        assert (
            abs(after - before) < 0.2 * abs(wanted - before) + 4
        )  # the exponent is that of the mean, not of every pixel
        assert iris_at(result, eye) == pytest.approx(5, abs=1)


def test_a_closed_eye_is_as_light_as_the_targets() -> None:
    points, target = schematic_face() * SIDE, np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    for eye in (LEFT_EYE, RIGHT_EYE):
        points[eye, 1] = points[eye, 1].mean() + 0.1 * (points[eye, 1] - points[eye, 1].mean())
    dark = np.full_like(target, 40)
    result = gazing(dark, target, points, strength=1.0)
    x, y = np.round(points[LEFT_EYE].mean(0)).astype(int)
    levels = [int(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[y, x]) for face in (result, target)]
    assert levels[0] == pytest.approx(levels[1], abs=4)


def test_in_a_clip_an_eye_that_blinks_changes_its_light() -> None:
    points, memory = schematic_face() * SIDE, FaceMemory()
    swapped, steady = looking(-5), None
    for frame in range(40):  # the target's eyes are darker all along, and once for 0.12 s darker still
        darker = 70 if 30 <= frame < 33 else 10
        target = np.clip(looking(5).astype(int) - darker, 0, 255).astype(np.uint8)
        raw = eye_tones(swapped, target, gaze_weights(points, SIDE), (0.0, 0.0))
        steady = memory.gaze(raw, time_s=frame / 25)
        if frame == 29:
            before = steady
        if frame == 32:
            assert raw[0] < before[0] - 0.3, "the frames differ"
            assert abs(steady[0] - before[0]) < 0.06
    assert steady == pytest.approx(before, abs=0.05)


def test_lids_of_a_swapped_eye_that_lie_beside_the_targets_do_not_stay_there() -> None:
    points, target, swapped = schematic_face() * SIDE, looking(0), looking(0)
    outer, inner = points[LEFT_EYE][0], points[LEFT_EYE][3]
    outwards = (outer - inner) / np.linalg.norm(outer - inner)
    corner, temple = (np.round(outer + away * outwards).astype(int) for away in (4, 14))
    for place in (corner, temple):
        cv2.circle(swapped, tuple(int(v) for v in place), 1, (40, 30, 30), -1)
    result = gazing(swapped, target, points, strength=1.0)
    for (x, y), shown in ((corner, target), (temple, swapped)):
        levels = [int(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[y, x]) for image in (result, shown)]
        assert levels[0] == pytest.approx(levels[1], abs=12)


def test_brows_and_nose_stay_and_a_strength_is_how_far_it_goes() -> None:
    points, swapped, target = schematic_face() * SIDE, looking(-5), looking(5)
    whole = gazing(swapped, target, points, strength=1.0)
    for x, y in [*points[BROWS], *points[NOSE]]:
        assert (whole[round(y), round(x)] == swapped[round(y), round(x)]).all()
    x, y = np.round(points[RIGHT_EYE].mean(0)).astype(int)
    half = gazing(swapped, target, points, strength=0.5)
    levels = [float(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[y, x + 5]) for face in (swapped, half, whole)]
    assert levels[1] == pytest.approx((levels[0] + levels[2]) / 2, abs=1.5)
    assert levels[0] - levels[2] > 80


@pytest.mark.parametrize("side", [64, 448, 900])
def test_the_weight_is_the_same_at_every_size(side: int) -> None:
    points = schematic_face() * SIDE
    shares = gaze_weights((points + 0.5) * (side / SIDE) - 0.5, side).mean((1, 2))
    assert shares == pytest.approx(gaze_weights(points, SIDE).mean((1, 2)), rel=0.05)


@pytest.mark.parametrize("chosen", [{"gaze": 1.0}, {"lids": True}, {"mouth": 1.0}])
def test_what_comes_back_on_a_large_face_is_as_sharp_as_the_photo(chosen: dict) -> None:
    points, scale = schematic_face() * SIDE, 3.0
    points[[61, 62, 63], 1] -= 12  # an open mouth
    points[[37, 38, 43, 44], 1], points[[40, 41, 46, 47], 1] = points[36, 1] - 1, points[36, 1] + 1  # and closed eyes
    frame = np.random.default_rng(3).integers(0, 255, (700, 700, 3)).astype(np.uint8)
    place = np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]])
    target = AlignedFace(cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA), place, points)
    crop = SwappedCrop(np.full((SIDE, SIDE, 3), 128, np.uint8), np.ones((SIDE, SIDE), np.float32))
    info = SwapperInfo("flat", "a flat face", CropSpec(), "none", "tests", match_colours=False)
    plain = {
        "beard": False,
        "pupils": 0.0,
        "folds": False,
        "brows": False,
        "gaze": 0.0,
        "lids": False,
        "mouth": 0.0,
        "sharpen": 0.0,
        "texture": 0.0,
        "occlusion": False,
    }
    done = finish(target, crop, stages(Setting(info, FinishOptions(**(plain | chosen)))), frame=frame)
    part = slice(60, 68) if "mouth" in chosen else LEFT_EYE
    x, y = np.round(points[part].mean(0) * scale).astype(int)
    shown, wanted = (
        cv2.cvtColor(image[y - 2 : y + 3, x - 6 : x + 7], cv2.COLOR_RGB2GRAY) for image in (done.pixels, done.native)
    )
    assert np.abs(shown.astype(float) - wanted).mean() < 12, (
        "single pixels of noise are there, which no crop of 224 holds"
    )
