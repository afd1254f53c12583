"""Detail of a swapped face against the target's."""

import cv2
import numpy as np
import pytest

from mobilefaceswap_core.blend.detail import match_detail

FACE = np.ones((64, 64), np.float32)


def stripes(amplitude: float) -> np.ndarray:
    """Columns of period 4 about grey: one frequency, so that a gain shows as the amplitude's."""
    columns = 128 + amplitude * np.array([1, 1, -1, -1] * 16)
    return np.repeat(np.repeat(columns[None, :, None], 64, 0), 3, 2).astype(np.uint8)


def amplitude(image: np.ndarray) -> float:
    return float(image[20:40, 20:40].astype(float).std())


@pytest.mark.parametrize(("ours", "theirs", "wanted"), [(20, 26, 26), (20, 60, 32), (20, 20, 20), (20, 8, 20)])
def test_detail_reaches_the_targets_up_to_the_limit_and_is_never_weakened(ours, theirs, wanted) -> None:
    # The Gaussian takes a little of the stripes too, so their gain is the detail's less that: at most 6 % of what is added.
    got = amplitude(match_detail(stripes(ours), stripes(theirs), FACE))
    assert abs(got - wanted) <= 0.08 * (wanted - ours) + 0.5


def test_what_is_sharp_enough_soft_or_hidden_comes_back_as_it_is() -> None:
    sharp, soft = stripes(30), cv2.GaussianBlur(stripes(30), (9, 9), 2)
    assert match_detail(sharp, soft, FACE) is sharp
    assert match_detail(soft, sharp, np.zeros_like(FACE)) is soft


def test_strength_is_that_of_the_face_alone() -> None:
    mask = FACE.copy()
    mask[:, 32:] = 0
    target = stripes(20)
    target[:, 40:] = stripes(100)[:, 40:]  # a sharp background, further away than the kernel reaches
    assert amplitude(match_detail(stripes(20), target, mask)) == pytest.approx(20, abs=0.5)


def test_detail_is_added_to_brightness_not_to_colour() -> None:
    ours = stripes(15).astype(int) + np.array([30, 0, -30])
    added = match_detail(ours.astype(np.uint8), stripes(40), FACE).astype(int) - ours
    assert np.ptp(added, axis=2).max() <= 1 and np.abs(added).max() > 5
