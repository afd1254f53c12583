"""Colours and contrast of a swapped face: light and shade follow the target, features stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap_core.blend.colour import match_colours


def shaded(side: int, contrast: float, *, lips: bool = True) -> np.ndarray:
    """A face that is darker on the right, with thin dark lips in the middle."""
    x = np.linspace(-1, 1, side)[None].repeat(side, 0)
    light = 150 * (1 - 0.4 * contrast * x)
    if lips:
        light[side // 2 - side // 56 : side // 2 + side // 56, side // 3 : 2 * side // 3] *= 0.4
    return np.clip(light[..., None] * [1.1, 1.0, 0.9], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("side", [224, 512])
def test_more_contrast_deepens_shade_and_leaves_dark_lips_as_dark_as_they_were(side: int) -> None:
    swapped, target, mask = shaded(side, 0.5), shaded(side, 1.0), np.ones((side, side), np.float32)
    matched = match_colours(swapped, target, mask).astype(float).mean(2)
    before = swapped.astype(float).mean(2)

    def across(image: np.ndarray) -> float:
        return float(image[side // 4, side // 8] / image[side // 4, -side // 8])

    def lips(image: np.ndarray) -> float:
        return float(image[side // 2, side // 2] / image[side // 2 - side // 12, side // 2])

    assert across(matched) > across(before) + 0.1
    assert lips(matched) == pytest.approx(lips(before), abs=0.1)


def test_less_contrast_takes_features_with_it() -> None:
    swapped, mask = shaded(224, 1.0), np.ones((224, 224), np.float32)
    faint = (100 + 0.3 * shaded(224, 1.0).astype(float)).astype(np.uint8)  # as in fog
    matched = match_colours(swapped, faint, mask).astype(float).mean(2)
    assert matched[112, 112] / matched[90, 112] > 1.2 * swapped[112, 112].mean() / swapped[90, 112].mean()


def test_a_face_too_small_to_measure_stays_as_it_is() -> None:
    swapped = shaded(224, 0.5)
    assert match_colours(swapped, shaded(224, 1.0), np.zeros((224, 224), np.float32)) is swapped
