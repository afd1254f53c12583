"""The target's fine detail on a swapped face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.limits import region_mask
from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.texture import add_texture, texture_gate
from mobilefaceswap_core.errors import ImageError, OptionError
from mobilefaceswap_core.faces.geometry import compose
from mobilefaceswap_core.identity.encoder import load_identity_encoder
from mobilefaceswap_core.pipeline import Pipeline
from tests.fakes.training_faces import schematic_face

SIDE = 448
LANDMARKS = schematic_face() * SIDE
CHEEK = np.s_[int(0.55 * SIDE) : int(0.68 * SIDE), int(0.22 * SIDE) : int(0.36 * SIDE)]
FACE = np.ones((SIDE, SIDE), np.float32)
FLAT = np.full((SIDE, SIDE, 3), (190, 150, 130), np.uint8)


def grainy(deviation: float = 6.0) -> np.ndarray:
    """A flat face of skin colour with grain on it."""
    grain = np.random.default_rng(0).normal(0, deviation, (SIDE, SIDE, 1))
    return np.clip(FLAT + grain, 0, 255).astype(np.uint8)


def change_of(result: np.ndarray, before: np.ndarray) -> np.ndarray:
    return result.astype(int) - before


def test_a_smooth_face_takes_over_most_of_the_grain_and_none_of_its_colour() -> None:
    added = change_of(add_texture(FLAT, grainy(), FACE, LANDMARKS), FLAT)
    assert 3.5 < added[CHEEK].std() < 6.5 and np.ptp(added, axis=2).max() == 0
    assert abs(added[CHEEK].mean()) < 0.3


def test_nothing_is_added_where_the_weight_is_zero_and_half_where_it_is_half() -> None:
    target, weight = grainy(), FACE.copy()
    weight[:, SIDE // 2 :] = 0
    added = change_of(add_texture(FLAT, target, weight, LANDMARKS), FLAT)
    assert not added[:, SIDE // 2 :].any() and added[:, : SIDE // 2].any()
    whole = change_of(add_texture(FLAT, target, FACE, LANDMARKS), FLAT)[CHEEK]
    half = change_of(add_texture(FLAT, target, FACE / 2, LANDMARKS), FLAT)[CHEEK]
    assert half.std() == pytest.approx(whole.std() / 2, rel=0.1)
    assert add_texture(FLAT, target, FACE * 0, LANDMARKS) is FLAT
    assert add_texture(FLAT, target, FACE, LANDMARKS, strength=0) is FLAT


@pytest.mark.parametrize("region", ["brows", "eyes", "mouth"])
def test_brows_eyes_and_mouth_keep_their_own_pixels(region) -> None:
    added = change_of(add_texture(FLAT, grainy(12), FACE, LANDMARKS), FLAT)
    assert not added[region_mask(region, LANDMARKS, SIDE) > 0].any()


def test_where_the_structure_differs_nothing_of_the_target_shows() -> None:
    target = grainy()
    cv2.circle(target, (int(0.29 * SIDE), int(0.61 * SIDE)), int(0.05 * SIDE), (90, 60, 50), -1)
    inside = np.s_[int(0.59 * SIDE) : int(0.63 * SIDE), int(0.26 * SIDE) : int(0.32 * SIDE)]
    added = change_of(add_texture(FLAT, target, FACE, LANDMARKS), FLAT)
    plain = change_of(add_texture(FLAT, grainy(), FACE, LANDMARKS), FLAT)
    assert added[inside].std() < 0.15 * plain[inside].std()


def test_a_mole_of_the_target_does_not_mark_the_swapped_face() -> None:
    target = grainy(3)
    centre = (int(0.29 * SIDE), int(0.61 * SIDE))
    cv2.circle(target, centre, 3, (110, 75, 60), -1, cv2.LINE_AA)  # 80 levels darker than the skin
    added = change_of(add_texture(FLAT, target, FACE, LANDMARKS), FLAT)
    assert added[centre[1] - 3 : centre[1] + 4, centre[0] - 3 : centre[0] + 4].min() > -10


def test_a_face_that_has_the_targets_texture_already_keeps_its_strength() -> None:
    target = grainy()
    result = add_texture(target, target, FACE, LANDMARKS)
    assert result[CHEEK].astype(float).std() == pytest.approx(target[CHEEK].astype(float).std(), rel=0.35)


@pytest.mark.parametrize("side", [64, 224, 900])
def test_it_works_at_any_size_and_the_gate_stays_the_same(side) -> None:
    small, flat = (cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in (grainy(), FLAT))
    landmarks = LANDMARKS * side / SIDE
    assert add_texture(flat, small, np.ones((side, side), np.float32), landmarks).shape == (side, side, 3)
    gate = texture_gate(flat, small, landmarks)
    assert gate.shape == (224, 224) and 0 <= gate.min() <= gate.max() <= 1


def test_wrong_sizes_and_strengths_are_refused() -> None:
    with pytest.raises(ImageError, match="one size"):
        add_texture(FLAT, FLAT[:10], FACE, LANDMARKS)
    with pytest.raises(OptionError, match="strength"):
        add_texture(FLAT, FLAT, FACE, LANDMARKS, strength=-1)


def test_it_brings_back_nobody(astronaut, group) -> None:
    """By the shipped encoder: not nearer to the target, not further from the source, than without it."""
    pipeline, encoder = Pipeline.load("student", "lite", device="cpu", threads=1), load_identity_encoder()
    source = pipeline.prepare_source([group])
    face = pipeline.with_landmarks(astronaut, pipeline.detect(astronaut)[0], always=True)
    aligned = pipeline.align(astronaut, face)
    crop = pipeline.swap_aligned([aligned], [source])[0]
    native = cv2.warpAffine(
        astronaut, compose(np.array([[2.0, 0, 0.5], [0, 2.0, 0.5]]), aligned.crop_from_frame), (448, 448)
    )
    matched = match_colours(crop.image, aligned.image, crop.mask)
    swapped = cv2.resize(matched, (448, 448), interpolation=cv2.INTER_CUBIC)
    weight = cv2.resize(refine_mask(crop.mask), (448, 448))
    landmarks = aligned.landmarks * 2 + 0.5
    textured = add_texture(swapped, native, weight, landmarks)
    assert np.abs(change_of(textured, swapped)).max() > 2
    pasted = [
        (native * (1 - w) + image * w).astype(np.uint8) for image in (swapped, textured) for w in (weight[..., None],)
    ]
    them, target, without, with_ = encoder.embed(
        [
            source.thumbnails[0],
            aligned.image,
            *[cv2.resize(p, (224, 224), interpolation=cv2.INTER_AREA) for p in pasted],
        ]
    )
    assert with_ @ them > without @ them - 0.02 and with_ @ target < without @ target + 0.02
