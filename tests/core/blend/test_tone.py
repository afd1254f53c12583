"""Black and white targets, and brown ones: a swapped face has no other colours."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.finish import finish, stages
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.memory import FaceMemory
from mobilefaceswap_core.blend.tone import COLOURED_FRAMES, match_tone
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop

SIDE = 224
BROWN = np.array([0.8, 1.0, 1.35])  # exponents of light by channel


@pytest.fixture(scope="module")
def swapped(face: np.ndarray) -> np.ndarray:
    return np.clip(face[:, ::-1].astype(int) + np.array([8, 0, -6]), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def face(astronaut: np.ndarray) -> np.ndarray:
    return cv2.resize(astronaut[60:240, 140:320], (SIDE, SIDE), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    weight = np.zeros((SIDE, SIDE), np.float32)
    return cv2.ellipse(weight, (112, 120), (70, 84), 0, 0, 360, 1.0, -1)


def of_light(face: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    light = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None] / 255.0
    return np.rint(255 * light**exponents).astype(np.uint8)


def off_brown(image: np.ndarray, inside: np.ndarray) -> float:
    """Levels by which pixels differ from the brown that is as light as they are."""
    browns = 255 * np.linspace(0, 1, 256)[:, None] ** BROWN
    lumas = browns @ [0.299, 0.587, 0.114]
    own = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[inside].astype(float)
    wanted = np.stack([np.interp(own, lumas, channel) for channel in browns.T], 1)
    return float(np.abs(image[inside] - wanted).mean())


def jpeg(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)


def test_in_a_grey_photo_a_face_is_grey_and_as_light_as_before(
    face: np.ndarray, swapped: np.ndarray, mask: np.ndarray
) -> None:
    result = match_tone(swapped, jpeg(of_light(face, np.ones(3))), mask)
    assert (result == result[..., :1]).all()
    np.testing.assert_array_equal(result[..., 0], cv2.cvtColor(swapped, cv2.COLOR_RGB2GRAY))


@pytest.mark.parametrize("noise", [0, 4])
def test_in_a_brown_photo_a_face_is_as_brown(
    face: np.ndarray, swapped: np.ndarray, mask: np.ndarray, noise: int
) -> None:
    target = of_light(face, BROWN) + np.random.default_rng(2).normal(0, noise, face.shape)
    result = match_tone(swapped, jpeg(np.clip(target, 0, 255).astype(np.uint8)), mask)
    inside = mask > 0.6
    assert off_brown(result, inside) < 0.4 * off_brown(swapped, inside)


def test_a_photo_in_colours_changes_nothing(face: np.ndarray, swapped: np.ndarray, mask: np.ndarray) -> None:
    assert match_tone(swapped, face, mask) is swapped
    dim = (face * 0.25).astype(np.uint8)
    assert match_tone(swapped, dim, mask) is swapped
    assert match_tone(swapped, of_light(face, BROWN), np.zeros_like(mask)) is swapped


def test_between_colours_and_one_tone_the_result_lies_between(
    face: np.ndarray, swapped: np.ndarray, mask: np.ndarray
) -> None:
    grey, inside = of_light(face, np.ones(3)), mask > 0.6
    amounts = []
    for share in (0.0, 0.15, 0.2, 0.25, 0.3, 1.0):
        result = match_tone(swapped, np.rint(grey + share * (face.astype(float) - grey)).astype(np.uint8), mask)
        amounts.append(np.ptp(result.astype(int), axis=2)[inside].mean())
    assert amounts == sorted(amounts) and amounts[0] < 1 and len(set(amounts)) > 3


@pytest.mark.parametrize("matched", [True, False])
def test_whoever_draws_a_face_gives_it_the_targets_tone_unless_colours_are_switched_off(
    matched: bool, face: np.ndarray, swapped: np.ndarray, mask: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = SwapperInfo("theirs", "", CropSpec(), "", "", match_colours=matched)
    calmed: list[float] = []

    def calm(pixels: np.ndarray, *_: object, blue: float) -> np.ndarray:
        calmed.append(blue)
        return pixels

    monkeypatch.setattr("mobilefaceswap_core.blend.appearance.calm_eyes", calm)

    def done(target: np.ndarray, chosen: bool | None) -> np.ndarray:
        steps = stages(Setting(info, FinishOptions(match_colours=chosen)), only=("colour",))
        aligned = AlignedFace(target, np.eye(2, 3), np.zeros((68, 2)))
        return finish(aligned, SwappedCrop(swapped, mask, 0.25), steps).pixels

    grey = of_light(face, np.ones(3))
    assert done(grey, False) is swapped and done(face, False) is swapped
    assert np.ptp(done(grey, None).astype(int), axis=2).max() == 0
    assert (done(face, None) is swapped) == (not matched)
    assert calmed == [0.25, 0.25] * matched  # eyes are repaired where colours are matched
    assert np.ptp(done(grey, True).astype(int), axis=2).max() == 0


def test_a_clip_in_colours_is_asked_again_after_some_frames(
    face: np.ndarray, swapped: np.ndarray, mask: np.ndarray
) -> None:
    info = SwapperInfo("student", "", CropSpec(), "", "")
    steps = stages(Setting(info, FinishOptions(), moving=True), only=("colour",))
    memory, grey = FaceMemory(), of_light(face, np.ones(3))

    def is_grey(target: np.ndarray) -> bool:
        done = finish(AlignedFace(target, np.eye(2, 3)), SwappedCrop(swapped, mask), steps, memory=memory).pixels
        return bool(np.ptp(done.astype(int), axis=2).max() == 0)

    assert not is_grey(face)
    seen = [is_grey(grey) for _ in range(COLOURED_FRAMES + 3)]
    assert seen == [False] * COLOURED_FRAMES + [True] * 3
    assert not is_grey(face)  # one that has a tone is asked in every frame
