"""Which parts of a picture a small network looks at, and how large: faces are found at every size that matters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .ultraface import HEIGHT, WIDTH

SEARCH_PX = 2560  # longest side that is searched: eight network widths
_WINDOW = 0.58  # window over picture, per level: two windows side by side share 16 % of the picture
_NEXT_WINDOW = 0.55  # of a level's windows, by side, over those of the level before
_SMALLEST_WINDOW_PX = 480  # below, a window shows the network an enlargement
_LONG = 2.5  # sides in this ratio make a picture a long one; the widest films have 2.4
_THINNEST_PX = 12  # a strip that is thinner holds no face that the network could see
_MOST_TILES = 40  # of the short side's length; what is longer is scaled down

Window = tuple[int, int, int, int]  # left, top, right, bottom


class Look(NamedTuple):
    """A part of a picture that is looked at in one run.

    Attributes:
        window: left, top, right, bottom in pixels of the picture.
        size_px: width and height of what the network sees of it.
    """

    window: Window
    size_px: tuple[int, int]


def search_px(width: int, height: int) -> int:
    """Longest side that is searched of a picture; a long one is cut into tiles, and only its short side is limited."""
    short, long = sorted((width, height))
    if long <= _LONG * short or short < _THINNEST_PX:
        return SEARCH_PX
    most = min(short, SEARCH_PX * 9 // 16)  # as many rows as an ordinary photo has
    return min(long, _MOST_TILES * most, max(SEARCH_PX, round(long * most / short)))


def looks(width: int, height: int, levels: int) -> Iterator[Look]:
    """The whole picture as small as the network was trained on, then larger: at each level as windows of that size show it.

    One run over all of it costs half of what overlapping windows did, and cuts no face.
    """
    for left, top, wide, high, own_levels in _pictures(width, height, levels):
        for window_wide, window_high in itertools.chain([(wide, high)], _levels(wide, high, own_levels)):
            scale = min(WIDTH / window_wide, HEIGHT / window_high)
            size = max(1, round(wide * scale)), max(1, round(high * scale))
            yield Look((left, top, left + wide, top + high), size)


def _pictures(width: int, height: int, levels: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Left, top, width, height and levels of what is searched like a picture of its own.

    A long picture, such as a panorama or the screenshot of a page, is cut into tiles along its length: of twice its short
    side, so that no face is cut, and of four thirds, which are searched like ordinary pictures.
    """
    short, long = sorted((width, height))
    if long <= _LONG * short or short < _THINNEST_PX:
        yield 0, 0, width, height, levels
        return
    yield 0, 0, width, height, 0
    for length, step, tile_levels in ((2 * short, short, 0), (short * 4 // 3, short * 5 // 6, levels)):
        count = -(-(long - length) // step) + 1
        for start in np.linspace(0, long - length, count).round().astype(int).tolist():
            yield (start, 0, length, short, tile_levels) if width > height else (0, start, short, length, tile_levels)


def _levels(width: int, height: int, levels: int) -> Iterator[tuple[int, int]]:
    """Width and height of each level's windows."""
    for level in range(1, levels + 1):
        share = _WINDOW * _NEXT_WINDOW ** (level - 1)
        if share * max(width, height) < _SMALLEST_WINDOW_PX:
            return
        yield max(1, round(width * share)), max(1, round(height * share))
