"""Contact sheets show faces, not photos."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from eval.contact_sheets import _SIDE_PX, around
from mobilefaceswap_core.detect import load_detector


def face_at(left: float, top: float, right: float, bottom: float) -> SimpleNamespace:
    box = np.array([left, top, right, bottom])
    return SimpleNamespace(box=box, size_px=right - left)


def test_a_tile_is_a_square_around_the_face() -> None:
    image = np.zeros((600, 900, 3), np.uint8)
    image[200:300, 400:500] = 255
    tile = around(image, face_at(400, 200, 500, 300))
    assert tile.shape == (_SIDE_PX, _SIDE_PX, 3)
    white = (tile > 127).mean()
    assert white == pytest.approx((1 / 1.6) ** 2, abs=0.02)
    assert tile[_SIDE_PX // 2, _SIDE_PX // 2, 0] == 255 and tile[2, 2, 0] == 0


def test_a_face_at_the_border_repeats_it_and_none_shows_the_whole_photo() -> None:
    image = np.full((100, 100, 3), 7, np.uint8)
    assert np.all(around(image, face_at(0, 0, 60, 60)) == 7)
    near = np.zeros((100, 100, 3), np.uint8)
    near[90:] = 255  # the last rows, which a tile that reaches over the border would repeat
    assert (around(near, face_at(40, 60, 80, 100)) == 255).mean() < 0.2
    wide = np.full((50, 100, 3), 7, np.uint8)
    whole = around(wide, None)
    assert np.all(whole[0] == 255) and np.all(whole[_SIDE_PX // 2] == 7)


def test_the_face_of_the_astronaut_fills_its_tile(astronaut: np.ndarray) -> None:
    detector = load_detector("lite", device="cpu")
    (face,) = detector.detect(astronaut)
    (seen,) = detector.detect(around(astronaut, face))
    assert seen.size_px > _SIDE_PX / 2
