"""Edges of a crop that is enlarged: lines instead of stairs.

A lid, a lip or a brow that a network draws in a crop is a row of pixels with steps in it. Enlarged four times, and made crisp after that,
each step is seen. So a crop is averaged along its edges, and only there: across them it stays as sharp as it was.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Image

FACTOR = 2  # edges are averaged at so many times the crop's side, where half a pixel of it can be told
# In px of the crop: the deviation over which an edge's direction is averaged, and how far ahead and behind on the edge the pixels lie that count
# a quarter each. Two rounds with half the steps were no smoother and took twice as long.
DIRECTION_BLUR_PX, REACH_PX = 1.5, 2.1
# Levels a pixel of the crop: below the first an edge is a shade of the skin, from the second on it is averaged whole.
FAINT, PLAIN = 1.2, 5.2
_RIM_PX = 6  # beyond it nothing decides about a pixel: four deviations of the blur
NOTHING = 0.5  # squared levels: what directions differ by in flat skin is noise

Floats = NDArray[np.float32]


def along_edges(pixels: Image, *, strength: float = 1.0, part: tuple[slice, slice] | None = None) -> Image:
    """A crop at :data:`FACTOR` times its side, averaged along its edges.

    Args:
        pixels: ``(S, S, 3)`` RGB uint8.
        strength: in [0, 1]; 0 only enlarges.
        part: rows and columns that are seen; what lies further off is only enlarged.

    Returns:
        ``(2 S, 2 S, 3)`` uint8.

    Source:
        The structure tensor of Foerstner and Guelch, 1987; means along its direction as coherence-enhancing diffusion has them
        (Weickert, IJCV 1999), in one step.
    """
    side = FACTOR * len(pixels)
    larger: Image = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
    if strength <= 0:
        return larger
    everything = slice(0, len(pixels))
    (top, bottom), (left, right) = (
        (max(one.start - _RIM_PX, 0), min(one.stop + _RIM_PX, len(pixels))) for one in part or (everything, everything)
    )
    along_x, along_y, share = _edges(pixels[top:bottom, left:right])
    x = np.arange(FACTOR * left, FACTOR * right, dtype=np.float32)
    y = np.arange(FACTOR * top, FACTOR * bottom, dtype=np.float32)[:, None]
    way_x, way_y = (along * np.float32(REACH_PX * FACTOR) for along in (along_x, along_y))
    ahead, behind = (
        cv2.remap(larger, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for to_x, to_y in ((x + way_x, y + way_y), (x - way_x, y - way_y))
    )
    share *= np.float32(strength / 2)
    seen = larger[FACTOR * top : FACTOR * bottom, FACTOR * left : FACTOR * right]
    seen[...] = cv2.blendLinear(seen, cv2.addWeighted(ahead, 0.5, behind, 0.5, 0), 1 - share, share)
    return larger


def _edges(pixels: Image) -> tuple[Floats, Floats, Floats]:
    """Edges of a picture at :data:`FACTOR` times its size: the direction at each pixel, ``x`` and ``y`` of length 1, and in [0, 1] how plain the edge is."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    xx, xy, yy = across * across, across * down, down * down
    half, mixed, mean = (
        cv2.resize(cv2.GaussianBlur(product, (0, 0), DIRECTION_BLUR_PX), None, fx=FACTOR, fy=FACTOR)
        for product in ((xx - yy) / 2, xy, (xx + yy) / 2)
    )
    apart = cv2.magnitude(half, mixed)  # half of what the squares along and across differ by
    share = (cv2.sqrt(mean + apart) - np.float32(FAINT)) * np.float32(1 / (PLAIN - FAINT))
    share = np.clip(share, 0, 1) * apart / (mean + np.float32(NOTHING / 2))
    # The gradient has half the angle of (half, mixed), and the edge lies across it.
    cosine = half / (apart + np.float32(1e-6))
    along_x, along_y = (cv2.sqrt(np.maximum(1 + way * cosine, 0) * np.float32(0.5)) for way in (-1, 1))
    return np.copysign(along_x, -mixed), np.asarray(along_y), share
