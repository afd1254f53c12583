"""From a network's mask to the weight of the swapped pixels.

Source: official `utils/align_face.py:dealign`. Its pixel constants belong to a 224 crop; here they are fractions of the
crop's side, so a mask of another size is refined the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Mask

_SIDE = 224.0  # the crop the official constants were written for


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How a network's mask becomes the weight of the swapped pixels; lengths as fractions of the crop's side.

    Attributes:
        threshold: where the network's mask is above it, the face begins.
        close: side of the square that closes holes.
        erode: side of the same square, eroded again so that the edge falls inside the face.
        blur: side of the box blur on the eroded edge.
        border: width of the crop's own border that always stays the target's.
        border_blur: side of the box blur on that border.
    """

    threshold: float = 0.001
    close: float = 11 / _SIDE
    erode: float = 11 / _SIDE
    blur: float = 7 / _SIDE
    border: float = 10 / _SIDE
    border_blur: float = 11 / _SIDE

    def in_pixels(self, side: int) -> MaskLengths:
        """The lengths on a crop of ``side`` px: squares rounded to odd sides of at least 1, the border to 1 or more."""
        return MaskLengths(
            close=odd(self.close * side),
            erode=odd(self.erode * side),
            blur=odd(self.blur * side),
            border_blur=odd(self.border_blur * side),
            border=max(1, round(self.border * side)),
        )


class MaskLengths(NamedTuple):
    """The lengths of :class:`MaskOptions` in whole pixels of one crop."""

    close: int
    erode: int
    blur: int
    border_blur: int
    border: int


def refine_mask(mask: Mask, options: MaskOptions = MaskOptions()) -> Mask:
    """The weight of the swapped pixels from a network's mask.

    Args:
        mask: ``(S, S)`` float32 in [0, 1].

    Returns:
        ``(S, S)`` float32 in [0, 1]: the mask itself, faded to 0 at its own edge and at the crop's border.

    Note:
        The official code blends with the network's mask first and then with this fade; the product here is the same
        blend in one step.
    """
    side = len(mask)
    px = options.in_pixels(side)
    close, erode = np.ones((px.close, px.close), np.uint8), np.ones((px.erode, px.erode), np.uint8)
    solid: NDArray[Any] = (mask > options.threshold).view(np.uint8)
    solid = cv2.erode(cv2.dilate(solid, close), close)
    # The crop's outside counts as background, else a mask that fills the crop would not fade at its edge.
    solid = cv2.erode(solid, erode, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    solid = cv2.blur(solid.astype(np.float32), (px.blur, px.blur))
    return mask * solid * _border_fade(side, px)


@lru_cache(maxsize=16)
def _border_fade(side: int, px: MaskLengths) -> Mask:
    fade = np.zeros((side, side), np.float32)
    fade[px.border : -px.border, px.border : -px.border] = 1.0
    fade = np.asarray(cv2.blur(fade, (px.border_blur, px.border_blur)), np.float32)
    fade.flags.writeable = False
    return fade


def odd(length: float) -> int:
    """The odd whole number next to a length: sides of kernels that have a middle."""
    return max(1, 2 * round((length - 1) / 2) + 1)
