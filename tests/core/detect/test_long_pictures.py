"""Panoramas and long screenshots: they are searched in tiles, so that scaling does not make every face too small."""

from __future__ import annotations

import numpy as np
import pytest

from mobilefaceswap_core.detect.lite import LiteDetector
from mobilefaceswap_core.detect.windows import looks, search_px
from tests.fakes.clips import head, textured


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920), (1920, 804), (4000, 3000)])
def test_ordinary_pictures_and_the_widest_films_are_searched_as_they_were(size: tuple[int, int]) -> None:
    assert search_px(*size) == 2560
    assert [look.window for look in looks(*size, 0)] == [(0, 0, *size)]


@pytest.mark.parametrize("size", [(1000, 20000), (8000, 1200), (3000, 1000), (20000, 500)])
@pytest.mark.parametrize("levels", [0, 2])
def test_every_face_lies_whole_in_a_tile(size: tuple[int, int], levels: int) -> None:
    width, height = size
    short, long = sorted(size)
    found = list(dict.fromkeys(look.window for look in looks(width, height, levels)))
    assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in found)
    along = [(x0, x1) if width > height else (y0, y1) for x0, y0, x1, y1 in found[1:]]
    for side in (short // 4, short - 1):
        for start in range(0, long - side, max(1, short // 7)):
            assert any(a <= start and start + side <= b for a, b in along), (side, start)


def test_a_very_long_picture_is_bounded() -> None:
    assert search_px(1000, 20000) == 20000
    assert search_px(3000, 60000) < 60000
    assert len(list(looks(100, 4000, 2))) < 300


def test_the_faces_of_a_long_screenshot_are_found() -> None:
    canvas = textured((400, 4800)).copy()
    tops = (300, 2300, 4200)
    for number, top in enumerate(tops):
        canvas[top : top + 250, 75:325] = head(number)
    faces = LiteDetector(levels=0, turn=False).detect(canvas)
    centres = sorted(float(face.box[[1, 3]].mean()) for face in faces)
    assert len(centres) == len(tops)
    assert np.abs(np.array(centres) - [top + 125 for top in tops]).max() < 60
