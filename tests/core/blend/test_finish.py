"""The ordered stages between a swapped crop and the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mobilefaceswap_core.blend import appearance
from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.detail import match_detail
from mobilefaceswap_core.blend.finish import (
    APPEARANCE,
    STAGES,
    finish,
    stages,
    swapped_crop,
)
from mobilefaceswap_core.blend.finishing import FinishOptions, Setting
from mobilefaceswap_core.blend.irises import EYES_FRAMES, SURELY_CALM
from mobilefaceswap_core.blend.limits import MaskLimits, limit_weight
from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.blend.memory import FaceMemories
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop
from tests.fakes.training_faces import schematic_face

SOFT = SwapperInfo("soft", "a soft network", CropSpec(), "none", "tests", match_detail=True)
PLAIN = FinishOptions(
    beard=False, pupils=0, folds=False, brows=False, gaze=0, lids=False, mouth=0, occlusion=False, sharpen=0, texture=0
)
SHARP = replace(SOFT, name="sharp", match_colours=False, match_detail=False)
BOX = replace(PLAIN, limits=MaskLimits(box=(0.2, 0.0, 0.0, 0.0)))


@pytest.fixture(scope="module")
def pair() -> tuple[AlignedFace, SwappedCrop]:
    chance = np.random.default_rng(5)
    target = chance.integers(0, 255, (224, 224, 3)).astype(np.uint8)
    y, x = np.mgrid[0:224, 0:224] - 112
    mask = np.clip(90 - np.hypot(x, y), 0, 1).astype(np.float32)
    swapped = np.full((224, 224, 3), (90, 60, 40), np.uint8) + chance.integers(0, 9, (224, 224, 3)).astype(np.uint8)
    return AlignedFace(target, np.eye(2, 3), None), SwappedCrop(swapped, mask)


def test_stages_run_in_the_stated_order_and_give_what_their_functions_give(pair) -> None:
    target, crop = pair
    steps = stages(Setting(SOFT, BOX))
    assert [step.name for step in steps] == ["colour", "detail", "mask", "limits", "native"]
    done = finish(target, crop, steps)
    coloured = match_colours(crop.image, target.image, crop.mask)
    assert (done.pixels == match_detail(coloured, target.image, crop.mask)).all()
    assert (done.weight == limit_weight(refine_mask(crop.mask), None, BOX.limits)).all()
    assert (done.crop_from_frame == target.crop_from_frame).all()


def test_a_stage_with_nothing_to_do_is_left_out_and_an_option_overrules_the_swapper() -> None:
    def names(info, options, **more):
        return [step.name for step in stages(Setting(info, options, **more))]

    assert names(SHARP, PLAIN) == ["colour", "mask", "native"]  # a target of one tone gives it to any face
    for info in (SOFT, SHARP):
        assert "colour" not in names(info, replace(PLAIN, match_colours=False))
    assert names(SHARP, replace(PLAIN, match_colours=True), moving=True) == ["colour", "mask"]
    assert names(SOFT, replace(PLAIN, match_detail=False), moving=True) == ["colour", "mask"]
    assert [step.name for step in stages(Setting(SOFT, BOX), only=APPEARANCE)] == ["colour", "detail"]
    everything = FinishOptions(limits=BOX.limits, gaze=0.5, mouth=1, sharpen=1, strength=0.5, enhancer="codeformer")
    offered = {"occlusion": lambda: None, "network": lambda name: None, "sharpening": lambda: None}
    assert names(SOFT, everything, **offered) == [name for name, _ in STAGES]
    assert "enhance" not in names(SOFT, replace(everything, enhancement=0), **offered)
    assert "enhance" not in names(SOFT, replace(everything, enhancer="none"), **offered)
    # What an enhancer drew is crisp already.
    assert "sharpen" not in names(SOFT, replace(everything, sharpen=None), **offered)
    assert "sharpen" in names(SOFT, replace(everything, sharpen=None, enhancer="none"), **offered)
    # A clip has no time for texture, a photo keeps its gaze, and no network is loaded where none is offered.
    assert names(SHARP, FinishOptions(), moving=True) == [
        "colour",
        "folds",
        "mask",
        "beard",
        "brows",
        "gaze",
        "lids",
        "mouth",
    ]
    # Whoever asks for detail in a clip gets the size at which there is any.
    assert names(SHARP, replace(PLAIN, texture=0.5), moving=True) == ["colour", "mask", "native", "texture"]
    assert names(SHARP, replace(PLAIN, sharpen=0.5), moving=True, **offered) == ["colour", "mask", "native", "sharpen"]


def test_nothing_that_is_given_to_a_stage_is_written_to(pair) -> None:
    target, crop = pair
    before = target.image.copy(), crop.image.copy(), crop.mask.copy()
    finish(target, crop, stages(Setting(SOFT, BOX)))
    assert all((now == was).all() for now, was in zip((target.image, crop.image, crop.mask), before, strict=True))


def test_a_stage_that_needs_landmarks_says_so_where_there_are_none(pair) -> None:
    target, crop = pair
    eyes = FinishOptions(limits=MaskLimits(keep=("eyes",)))
    with pytest.raises(OptionError, match="68 landmarks"):
        finish(target, crop, stages(Setting(SOFT, eyes)))


def test_a_swapped_crop_is_the_target_where_the_swapper_draws_nothing(pair) -> None:
    target, crop = pair
    whole = swapped_crop(target, crop, SHARP)
    assert (whole[crop.mask == 0] == target.image[crop.mask == 0]).all()
    assert (whole[crop.mask == 1] == crop.image[crop.mask == 1]).all()


def test_strength_scales_the_weight_and_is_refused_out_of_its_range(pair) -> None:
    target, crop = pair
    whole, half = (finish(target, crop, stages(Setting(SHARP, replace(PLAIN, strength=s)))) for s in (1.0, 0.5))
    assert np.allclose(half.weight, whole.weight / 2) and (half.pixels == whole.pixels).all()
    with pytest.raises(OptionError, match=r"strength of 1.5; wanted 0 to 1"):
        FinishOptions(strength=1.5)


def test_what_hides_a_face_takes_from_the_weight_and_from_nothing_else(pair) -> None:
    target, crop = pair
    hidden = np.zeros((224, 224), np.float32)
    hidden[:, :112] = 1

    class Sees:
        crop = CropSpec()

        def __call__(self, image):
            return hidden

    options = replace(PLAIN, occlusion=True)
    plain, kept = (finish(target, crop, stages(Setting(SHARP, chosen, occlusion=Sees))) for chosen in (PLAIN, options))
    assert (kept.weight[:, :112] == 0).all() and (kept.weight[:, 112:] == plain.weight[:, 112:]).all()
    assert (kept.pixels == plain.pixels).all()


def test_a_large_face_is_finished_at_its_own_side_and_a_small_one_at_the_crops(pair) -> None:
    target, crop = pair
    frame = np.zeros((600, 600, 3), np.uint8)
    for scale, side in ((2.0, 448), (1.1, 224), (8.0, 1024)):
        placed = replace(target, crop_from_frame=np.array([[1 / scale, 0, 0], [0, 1 / scale, 0]]))
        done = finish(placed, crop, stages(Setting(SHARP, PLAIN)), frame=frame)
        assert done.pixels.shape == (side, side, 3) and done.weight.shape == (side, side)
        # The corner of the crop lies at the same place of the frame, whatever the side.
        corner = np.linalg.inv(np.vstack([done.crop_from_frame, [0, 0, 1]])) @ [side - 0.5, side - 0.5, 1]
        assert np.allclose(corner[:2], scale * 223.5, atol=1e-6)


def test_memories_are_kept_for_faces_in_view_and_forgotten_with_them() -> None:
    memories = FaceMemories()
    first = memories.of(1)
    memories.of(2)
    memories.keep({1})
    assert memories.of(1) is first
    memories.keep(())
    assert memories.of(1) is not first


def test_of_a_clip_whose_eyes_were_calm_for_a_while_few_are_looked_at(pair, monkeypatch) -> None:
    looked: list[bool] = []

    def calm_eyes(swapped, target, landmarks, *, blue):
        looked.append(is_violet)
        return swapped.copy() if is_violet else swapped

    monkeypatch.setattr(appearance, "calm_eyes", calm_eyes)
    target, crop = replace(pair[0], landmarks=schematic_face() * 224), pair[1]
    steps, memory = stages(Setting(SOFT, PLAIN), only=["colour"]), FaceMemories().of(0)

    def seen(frames: int) -> int:
        before = len(looked)
        for _ in range(frames):
            finish(target, crop, steps, memory=memory)
        return len(looked) - before

    is_violet = False
    assert seen(SURELY_CALM) == SURELY_CALM and seen(10 * EYES_FRAMES) == 10
    is_violet = True
    assert seen(EYES_FRAMES + 20) > 20  # each, once one was
    is_violet = False
    assert seen(9) == 9  # as in a blink
