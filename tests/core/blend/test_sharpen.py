"""The target's fine detail, moved to the swapped face's features."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mobilefaceswap_core.blend.luma import small_luma
from mobilefaceswap_core.blend.sharpen import SharpenModel, feature_shift, load_sharpen, sharpen
from mobilefaceswap_core.blend.sharpen_graph import sharpen_graph
from mobilefaceswap_core.blend.sharpen_network import SharpenNet, fine_band, moved, sharpened, twice
from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.runtime.sessions import open_session

SIDE = 448
FACE = np.ones((SIDE, SIDE), np.float32)


def picture(seed: int = 0, blur: float = 1.2) -> np.ndarray:
    """Grey blotches with detail of a pixel or two."""
    noise = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    stretched = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), blur), None, 60, 190, cv2.NORM_MINMAX)
    return cv2.merge([stretched] * 3)


def soft(image: np.ndarray) -> np.ndarray:
    """What a crop of half the side holds of it, enlarged."""
    small = cv2.resize(image, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def saying(fine: float, middle: float = 0.0) -> SharpenModel:
    """A network that gives every place the same shares and draws nothing."""
    plan = np.zeros((1, 6, 112, 112), np.float32)
    plan[:, 0], plan[:, 1] = fine, middle
    return SharpenModel(lambda lumas: plan, label="fake")


@pytest.fixture(scope="module")
def network() -> SharpenNet:
    torch.manual_seed(4)
    made = SharpenNet().eval().requires_grad_(False)
    torch.nn.init.normal_(made.head.weight, std=0.05)
    return made


def error(one: np.ndarray, other: np.ndarray) -> float:
    inner = np.s_[16:-16, 16:-16]
    return float(np.abs(one[inner].astype(float) - other[inner]).mean())


# The stage


def test_a_soft_face_takes_its_own_lost_detail_back() -> None:
    sharp = picture()
    blurred = soft(sharp)
    assert error(sharpen(blurred, sharp, FACE, saying(1.0)), sharp) < 0.35 * error(blurred, sharp)
    half = sharpen(blurred, sharp, FACE, saying(1.0), strength=0.5)
    assert error(half, sharp) == pytest.approx(0.55 * error(blurred, sharp), rel=0.15)


def test_detail_follows_its_feature_to_where_the_swapped_face_has_it() -> None:
    sharp = picture(blur=3.0) // 2 + picture(1, blur=0.9) // 2
    elsewhere = np.roll(sharp, (6, -4), (0, 1))
    brought = sharpen(soft(sharp), elsewhere, FACE, saying(1.0))
    assert error(brought, sharp) < 0.6 * error(soft(sharp), sharp)


def test_a_shift_is_found_where_there_is_something_to_see_and_is_limited() -> None:
    luma = small_luma(picture(blur=4.0), 224)
    found = feature_shift(luma, np.roll(luma, (3, -2), (0, 1)))
    assert np.median(found[20:-20, 20:-20], (0, 1)) == pytest.approx([-2, 3], abs=0.3)
    assert np.abs(feature_shift(luma, np.roll(luma, 90, 0))).max() <= 8
    assert not feature_shift(luma, luma).any()


def test_only_the_light_changes_and_only_where_the_face_shows() -> None:
    face = np.clip(soft(picture()).astype(int) + np.array([20, 0, -20]), 0, 255).astype(np.uint8)
    weight = FACE.copy()
    weight[:, SIDE // 2 :] = 0
    change = sharpen(face, picture(), weight, saying(0.8, 0.5)).astype(int) - face
    assert change[:, : SIDE // 2].any() and not change[:, SIDE // 2 :].any()
    assert np.ptp(change, axis=2).max() == 0


def test_nothing_is_done_without_a_share_a_strength_or_a_face() -> None:
    face, target = soft(picture()), picture(1)
    assert np.array_equal(sharpen(face, target, FACE, saying(0.0)), face)
    assert sharpen(face, target, FACE, saying(1.0), strength=0) is face
    assert sharpen(face, target, FACE * 0, saying(1.0)) is face
    with pytest.raises(ImageError, match="wanted one size"):
        sharpen(face, target[:-1], FACE, saying(1.0))


@pytest.mark.parametrize("side", [270, 700])
def test_every_size_of_a_face_becomes_sharper(side) -> None:
    sharp = cv2.resize(picture(), (side, side), interpolation=cv2.INTER_AREA)
    small = cv2.resize(sharp, (200, 200), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    brought = sharpen(blurred, sharp, np.ones((side, side), np.float32), saying(1.0, 0.6))
    assert error(brought, sharp) < 0.8 * error(blurred, sharp)


# The network


def test_the_graph_computes_what_the_network_does(network) -> None:
    lumas = np.random.default_rng(0).random((2, 2, 64, 64), np.float32)
    (plan,) = open_session(sharpen_graph(network).SerializeToString()).run(["plan"], {"lumas": lumas})
    assert np.abs(plan - network(torch.from_numpy(lumas)).numpy()).max() < 1e-4
    assert plan[:, :2].min() >= 0 and plan[:, :2].max() <= 1


def test_the_stage_applies_a_plan_as_training_does(network) -> None:
    face, target = soft(picture(2, blur=2.0)), picture(3)
    run = SharpenModel(lambda lumas: network(torch.from_numpy(lumas)).numpy(), label="torch")
    brought = sharpen(face, target, FACE, run)[..., 0]
    small, theirs, guide = (torch.from_numpy(x[None, None].astype(np.float32) / 255) for x in (
        small_luma(face, 224), small_luma(target, 224), target[..., 0]))  # fmt: skip
    shift = torch.from_numpy(feature_shift(small_luma(face, 224), small_luma(target, 224))).permute(2, 0, 1)[None]
    lumas = torch.cat([small, moved(theirs, shift)], 1)
    wanted = sharpened(lumas, moved(fine_band(guide), 2 * twice(shift)), network(lumas)) - twice(small, mode="bicubic")
    change = brought.astype(float) - face[..., 0]
    gap = np.abs(change - wanted[0, 0].numpy() * 255)[16:-16, 16:-16]
    assert (
        np.abs(change).mean() > 3 and gap.mean() < 0.7
    )  # levels are rounded, and the face is not its small luma enlarged


def test_what_is_no_sharpening_network_is_refused(tmp_path) -> None:
    from mobilefaceswap_core.errors import WeightsError

    with pytest.raises(WeightsError):
        load_sharpen(path=tmp_path / "missing.safetensors")
