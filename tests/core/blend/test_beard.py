"""Beards that stay, and faces that must not be taken for bearded ones."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.beard import BEARD_FRAMES, Bearded, beard_weight, beardedness
from mobilefaceswap_core.blend.finish import finish, stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from tests.fakes.page_golden import fold_landmarks
from tests.fakes.page_skin import bearded_face

INFO = SwapperInfo("plain", "no stage of its own", CropSpec(), "none", "tests", match_colours=False)
CHIN, MOUSTACHE, LIPS, CHEEK = (195, 113), (154, 113), (165, 113), (125, 60)


def at_side(image: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)


def points(side: int) -> np.ndarray:
    return (fold_landmarks() + 0.5) * (side / 224) - 0.5


def finished(depth: int, memory: FaceMemory | None = None, time_s: float = 0.0, **options: bool) -> np.ndarray:
    target = AlignedFace(bearded_face(depth), np.eye(2, 3), fold_landmarks())
    crop = SwappedCrop(bearded_face(0), np.ones((224, 224), np.float32))
    steps = stages(Setting(INFO, replace(FinishOptions(), **options), moving=True), only=("mask", "beard"))
    return finish(target, crop, steps, memory=memory, time_s=time_s).weight


@pytest.mark.parametrize("side", [224, 256, 448])
def test_a_beard_is_told_from_bare_skin_at_any_size_of_a_crop(side: int) -> None:
    seen = [beardedness(at_side(bearded_face(depth), side), points(side)) for depth in (0, 50, 115)]
    assert seen == [(0, 0), (0, 0), (1, 0)]
    weight = beard_weight(at_side(bearded_face(115), side), points(side), seen[-1])
    assert weight.shape == (side, side) and weight.min() >= 0 and weight.max() <= 1
    chin, moustache, lips, cheek = (
        weight[round(y * side / 224), round(x * side / 224)] for y, x in (CHIN, MOUSTACHE, LIPS, CHEEK)
    )
    assert chin > 0.95 and moustache > 0.7 and lips < 0.2 and cheek == 0


@pytest.mark.parametrize("side", [224, 448])
@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (0.7, 0.7, 0.7), (1.0, 0.97, 0.94)])
def test_a_grey_beard_as_light_as_skin_is_told_by_its_colour(side: int, light: tuple[float, float, float]) -> None:
    faces = [np.rint(bearded_face(10, grey) * np.array(light)).astype(np.uint8) for grey in (0, 20, 100)]
    seen = [beardedness(at_side(face, side), points(side)) for face in faces]
    assert seen == [(0, 0), (0, 0), (0, 1)]
    weight = beard_weight(at_side(faces[-1], side), points(side), seen[-1])
    chin, lips, cheek = (weight[round(y * side / 224), round(x * side / 224)] for y, x in (CHIN, LIPS, CHEEK))
    assert chin > 0.95 and lips < 0.2 and cheek == 0


def test_a_face_without_colour_wears_no_grey_beard() -> None:
    grey = cv2.cvtColor(cv2.cvtColor(bearded_face(10, 100), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert beardedness(grey, fold_landmarks()) == (0, 0)


@pytest.mark.parametrize("light", [(1.0, 1.0, 1.0), (0.45, 0.4, 0.35), (1.0, 0.7, 0.4)])
def test_it_is_told_in_any_light(light: tuple[float, float, float]) -> None:
    bare, bearded = (np.rint(bearded_face(depth) * np.array(light)).astype(np.uint8) for depth in (0, 115))
    assert (beardedness(bare, fold_landmarks()), beardedness(bearded, fold_landmarks())) == ((0, 0), (1, 0))


def test_a_shadow_is_no_beard() -> None:
    """As dark as one, and as smooth as the skin it lies on."""
    face = bearded_face(0).astype(np.float32)
    below = np.clip((np.arange(224) - 145) / 20, 0, 1)[:, None, None]
    shaded = np.rint(face * (1 - 0.45 * below)).astype(np.uint8)
    assert beardedness(shaded, fold_landmarks()) == (0, 0)


def test_the_stage_keeps_it_where_it_is_wanted() -> None:
    whole, kept = finished(115, beard=False), finished(115)
    assert whole[CHIN] > 0.9 > 0.05 > kept[CHIN] and kept[CHEEK] == whole[CHEEK] > 0
    assert (finished(0) == finished(0, beard=False)).all()


def test_in_a_clip_it_is_looked_at_again_after_some_frames_and_comes_slowly() -> None:
    memory, bare = FaceMemory(), finished(0)
    for frame in range(BEARD_FRAMES):
        assert (finished(0 if frame == 0 else 115, memory, frame / 25) == bare).all()
    chins = [finished(115, memory, frame / 25)[CHIN] for frame in range(BEARD_FRAMES, 3 * BEARD_FRAMES)]
    assert bare[CHIN] > chins[0] > chins[-1] and chins == sorted(chins, reverse=True)


def test_landmarks_that_lie_outside_or_on_one_point_are_no_beard() -> None:
    for landmarks in (np.zeros((68, 2)), fold_landmarks() + 500.0):
        assert np.isfinite(beardedness(bearded_face(115), landmarks)).all()
        assert np.isfinite(beard_weight(bearded_face(115), landmarks, Bearded(1.0, 1.0))).all()
