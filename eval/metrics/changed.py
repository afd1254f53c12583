"""Where a swapped image differs from its target: a rectangle round the face, mostly, and nothing of the rest is looked at."""

from __future__ import annotations

import cv2
import numpy as np

from mobilefaceswap_core.types import Image

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels; right and bottom lie outside


def changed_box(first: Image, second: Image) -> Box | None:
    """The smallest rectangle outside of which two images of one size are equal; ``None`` when they are equal.

    Args:
        first: ``(H, W, 3)`` uint8.
        second: the same size.

    >>> a = np.zeros((8, 9, 3), np.uint8)
    >>> b = a.copy()
    >>> b[2, 3:5] = 1
    >>> changed_box(a, b), changed_box(a, a)
    ((3, 2, 5, 3), None)
    """
    difference = cv2.absdiff(first, second).reshape(first.shape[0], -1)
    rows = np.flatnonzero(difference.any(1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(difference[top:bottom].any(0)) // first.shape[2]
    return int(columns[0]), top, int(columns[-1]) + 1, bottom


def grown(box: Box, by: int, height: int, width: int) -> Box:
    """A rectangle made larger on every side, as far as the image reaches."""
    left, top, right, bottom = box
    return max(0, left - by), max(0, top - by), min(width, right + by), min(height, bottom + by)
