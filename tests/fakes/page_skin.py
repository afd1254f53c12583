"""Faces with a beard, and with shades that no face has, for :mod:`tests.fakes.page_golden`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 224


def bearded_face(depth: int, grey: int = 0) -> NDArray[np.uint8]:
    """``(224, 224, 3)``: skin in light from the left, and below the nose hair, each at its own height.

    Args:
        depth: by how many levels the hair is darker.
        grey: how much of the skin's colour it lacks, in hundredths.
    """
    y, x, c = np.mgrid[:SIDE, :SIDE, :3]
    here = y > 140 + (x - 113) ** 2 // 400
    hair, height = here * depth, (7 * x + 11 * y + x * y) % 41
    skin = 205 - x // 8 - 20 * c + (3 * x + 5 * y) % 5
    return (skin - hair + hair * height // 80 + here * (20 * c * grey // 100)).astype(np.uint8)


def shaded_face() -> NDArray[np.uint8]:
    """``(224, 224, 3)``: the same skin without a beard, with a green cheek and violet above a brow."""
    y, x, c = np.mgrid[:SIDE, :SIDE, :3]
    green = (abs(x - 70) < 20) & (abs(y - 136) < 14)
    violet = (abs(x - 150) < 24) & (abs(y - 56) < 14)
    return (bearded_face(0) + np.where(c == 1, 22 * green - 22 * violet, 0)).astype(np.uint8)
