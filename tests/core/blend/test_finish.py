"""The ordered stages between a swapped crop and the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mobilefaceswap_core.blend.colour import match_colours
from mobilefaceswap_core.blend.detail import match_detail
from mobilefaceswap_core.blend.finish import APPEARANCE, STAGES, FinishOptions, finish, stages, swapped_crop
from mobilefaceswap_core.blend.limits import MaskLimits, limit_weight
from mobilefaceswap_core.blend.mask import refine_mask
from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.swapper import SwapperInfo
from mobilefaceswap_core.types import AlignedFace, CropSpec, SwappedCrop

SOFT = SwapperInfo("soft", "a soft network", CropSpec(), "none", "tests", match_detail=True)
SHARP = replace(SOFT, name="sharp", match_colours=False, match_detail=False)
BOX = FinishOptions(limits=MaskLimits(box=(0.2, 0.0, 0.0, 0.0)))


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
    steps = stages(SOFT, BOX)
    assert [step.name for step in steps] == [name for name, _ in STAGES] == ["colour", "detail", "mask", "limits"]
    done = finish(target, crop, steps)
    coloured = match_colours(crop.image, target.image, crop.mask)
    assert (done.pixels == match_detail(coloured, target.image, crop.mask)).all()
    assert (done.weight == limit_weight(refine_mask(crop.mask), None, BOX.limits)).all()
    assert (done.crop_from_frame == target.crop_from_frame).all()


def test_a_stage_with_nothing_to_do_is_left_out_and_an_option_overrules_the_swapper() -> None:
    assert [step.name for step in stages(SHARP)] == ["mask"]
    assert [step.name for step in stages(SHARP, FinishOptions(match_colours=True))] == ["colour", "mask"]
    assert [step.name for step in stages(SOFT, FinishOptions(match_detail=False))] == ["colour", "mask"]
    assert [step.name for step in stages(SOFT, BOX, only=APPEARANCE)] == ["colour", "detail"]


def test_nothing_that_is_given_to_a_stage_is_written_to(pair) -> None:
    target, crop = pair
    before = target.image.copy(), crop.image.copy(), crop.mask.copy()
    finish(target, crop, stages(SOFT, BOX))
    assert all((now == was).all() for now, was in zip((target.image, crop.image, crop.mask), before, strict=True))


def test_a_stage_that_needs_landmarks_says_so_where_there_are_none(pair) -> None:
    target, crop = pair
    eyes = FinishOptions(limits=MaskLimits(keep=("eyes",)))
    with pytest.raises(OptionError, match="68 landmarks"):
        finish(target, crop, stages(SOFT, eyes))


def test_a_swapped_crop_is_the_target_where_the_swapper_draws_nothing(pair) -> None:
    target, crop = pair
    whole = swapped_crop(target, crop, SHARP)
    assert (whole[crop.mask == 0] == target.image[crop.mask == 0]).all()
    assert (whole[crop.mask == 1] == crop.image[crop.mask == 1]).all()
