"""Average eyes where a source's own are covered.

A network that reads dark glasses, or a hand, as part of a person draws them half into every target. Nobody knows the eyes behind
them. The average of many faces has eyes that are nobody's: with those the rest of the face comes through.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import similarity_from_points, template_points, warp
from ..files.images import read_image
from ..types import CropSpec, Image, Mask, Points

# ``(64, 64, 3)``, of 8,172 faces that generators drew, those with glasses left out: ``python -m mobilefaceswap_core.training.data.average``.
AVERAGE = Path(__file__).with_name("average_face.png")
AVERAGE_PX = 64
_OF = CropSpec()  # what was averaged, and made smaller
# In distances between the eyes: how far above and below them skin is compared, side of the squares whose means are, and of those that soften
# the edge.
_ABOVE, _BELOW, _SQUARE, _EDGE = 0.9, 1.38, 0.73, 0.1
_VISIBLE = 0.2  # probability of hiding below which a pixel shows skin
_DARK, _MOST = 8.0, 4.0  # levels added to both means: the noise of dark skin; how much lighter or darker at most
_LEAST = 1e-3  # share of a square that shows skin, where there is none


class Lengths(NamedTuple):
    """In whole pixels of a crop; squares have odd sides.

    Attributes:
        rows: from and to which skin is compared.
        square: over which its means are.
        edge: of the square that softens what is put in.
    """

    rows: tuple[int, int]
    square: int
    edge: int


def lengths(eyes: Points) -> Lengths:
    """Of a crop with the eyes' centres there, ``(2, 2)``."""
    unit, height = float(np.linalg.norm(eyes[1] - eyes[0])), float(eyes[:, 1].mean())
    rows = max(0, round(height - _ABOVE * unit)), round(height + _BELOW * unit)
    return Lengths(rows, odd(_SQUARE * unit), odd(_EDGE * unit))


def with_average_eyes(image: Image, covered: NDArray[np.bool_], hidden: Mask, eyes: Points) -> Image:
    """The crop with the average face where an eye is covered, as light as the skin around it.

    Args:
        image: ``(S, S, 3)`` RGB uint8; not changed.
        covered: ``(S, S)``, as :func:`~.glasses.find_glasses` gave it.
        hidden: ``(S, S)`` float32, the probability that a pixel shows no visible face.
        eyes: ``(2, 2)``, the eyes' centres in it, the left one of the image first.
    """
    own, average = lengths(eyes), _average_on(eyes, len(image))
    visible, rows, size = np.zeros_like(hidden), slice(*own.rows), (own.square, own.square)
    visible[rows] = (hidden < _VISIBLE)[rows] & ~covered[rows]
    shown = cv2.blur(visible, size) + np.float32(_LEAST)
    ours, theirs = (
        cv2.blur(face * visible[..., None], size) / shown[..., None] for face in (image.astype(np.float32), average)
    )
    light = np.clip((ours + np.float32(_DARK)) / (theirs + np.float32(_DARK)), 1 / _MOST, _MOST)
    share: NDArray[Any] = cv2.blur(covered.astype(np.float32), (own.edge, own.edge))[..., None]
    return np.clip(np.rint(image * (1 - share) + average * light * share), 0, 255).astype(np.uint8)


def _average_on(eyes: Points, side: int) -> NDArray[np.float32]:
    """The average face with its eyes there, ``(S, S, 3)`` levels."""
    own_eyes = (template_points(_OF)[:2] + 0.5) * (AVERAGE_PX / _OF.size_px) - 0.5  # a pixel's centre stays one
    crop_from_average = similarity_from_points(own_eyes, eyes)
    return warp(average_face().astype(np.float32), crop_from_average, (side, side), border=cv2.BORDER_REPLICATE)


@cache
def average_face() -> Image:
    """``(64, 64, 3)`` RGB uint8, read-only."""
    average = read_image(AVERAGE).image
    average.flags.writeable = False
    return average


def odd(length: float) -> int:
    """The odd whole number next to a length: sides of squares that have a middle."""
    return 2 * round((length - 1) / 2) + 1
