"""Pictures of one tone: black and white ones, and brown ones as old photos are.

Their colours follow from their light alone, and a face that is swapped into one has no others. Without this a grey photo got faint skin,
reddish lips and blue or brown eyes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import area_mean
from ..types import Image, Mask
from .colour import MIN_WEIGHT

SIDE_PX = 56  # the target is looked at as small as this: noise and the squares of a JPEG are averaged away
LEVELS = 16  # of light, for which the tone is measured; between them it is interpolated
FEWEST = 3  # pixels that a level needs
# Root mean square of what colours differ from the tone by, as a share of the light. 1,343 colour photos of 448 px had .0266 and more, and
# brown ones with much noise .022 at most and .014 in the middle.
ONE_TONE, COLOURED = 0.021, 0.0265
COLOURED_FRAMES = 12  # of a clip: half a second; a film whose colours go takes longer
DARK = 32.0  # levels: below, a share of the light is noise

Floats = NDArray[np.float32]


def match_tone(swapped: Image, target: Image, mask: Mask) -> Image:
    """Give a swapped face the tone of a target that has one only.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched or the network's own.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        mask: ``(S, S)`` in [0, 1].

    Returns:
        ``(S, S, 3)`` uint8, as light as before; the input itself for a target in colours.
    """
    small = area_mean(target, max(1, len(target) // SIDE_PX))
    inside = cv2.resize(mask, small.shape[1::-1], interpolation=cv2.INTER_AREA) > MIN_WEIGHT
    colours = small[inside].astype(np.float32)
    if len(colours) < LEVELS * FEWEST:
        return swapped
    luma = cv2.cvtColor(colours[None], cv2.COLOR_RGB2GRAY)[0]
    tone = _tone(colours - luma[:, None], luma)
    if tone is None:
        return swapped
    apart = colours - luma[:, None] - tone[np.rint(luma).astype(int)]
    unlike = float(np.sqrt((apart[:, ::2] ** 2).sum(1).mean())) / max(float(luma.mean()), DARK)
    share = min(max((COLOURED - unlike) / (COLOURED - ONE_TONE), 0.0), 1.0)
    if share == 0:
        return swapped
    shades = np.clip(np.rint(np.arange(256, dtype=np.float32)[:, None] + tone), 0, 255).astype(np.uint8)
    grey = cv2.cvtColor(swapped, cv2.COLOR_RGB2GRAY)
    toned = cv2.LUT(cv2.merge([grey] * 3), shades[None])
    return cv2.addWeighted(toned, share, swapped, 1 - share, 0)  # type: ignore[return-value]


def _tone(chroma: Floats, luma: Floats) -> Floats | None:
    """What is added to each of 256 levels of light, ``(256, 3)``: means of chroma; ``None`` where no level has enough pixels."""
    level = (luma * np.float32(LEVELS / 256)).astype(int)
    count = np.bincount(level, minlength=LEVELS)
    known = count >= FEWEST
    if not known.any():
        return None
    at, *means = (np.bincount(level, values, minlength=LEVELS)[known] / count[known] for values in (luma, *chroma.T))
    return np.stack([np.interp(np.arange(256), at, mean) for mean in means], 1).astype(np.float32)
