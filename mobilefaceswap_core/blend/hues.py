"""Green or violet shades that no face has: about brows, lids and beards, most of all where dark skin becomes light.

Between grey and the colour of somebody's skin lies nearly all that a face shows but its lips and irises. What a swapper makes of a dark
shade on light skin lies beside that line at times: green moustaches and rims of eyes, violet brows.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import area_mean
from ..faces.landmarks68 import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from ..types import Image, Mask, Points
from .colour import MIN_WEIGHT
from .luma import LUMA
from .outline import WEIGHT_PX, at_side, on_weight, outline_at, soft_hull

SIDE_PX = 112  # colours are looked at as small as this: they are blurred in any photo, and noise is averaged away
BLUR_PX = 1.0  # standard deviation, of these pixels
DARK = 8.0  # levels: below, a share of the light is noise
# One in twenty of the target's pixels may lie further from the line between grey and its skin, on either side, as a share of the light, and any
# swapped one as far as that. Of 80 photos of 448 px it was .033 on the green side and .035 on the other in the middle.
OUTER, LEAST = 0.05, 0.02
FEWEST = 200  # pixels that tell it
# Of a grey face nobody can say where its skin lies; the mean of the same photos, red and blue by the light, of which the greyest had .10.
GREY, USUAL_SKIN = 0.08, (0.24, -0.21)
SLACK = 0.75  # levels that anything may differ by besides: nobody sees them, and most faces need no change then
# Lips may be any red, irises any colour; of the crop's side.
LIPS_GROWTH, LIPS_BLUR = 1 / 40, 1 / 75
EYES_GROWTH, EYES_BLUR = 1 / 150, 1 / 190
HUES_FRAMES = 8  # of a clip have the same limits

Floats = NDArray[np.float32]
_ROUNDED = 0.5  # levels along `violet`: less changes no byte


class HueLimits(NamedTuple):
    """How green and how violet a target's face is.

    Attributes:
        violet: ``(3,)`` of unit length, the change of red, green and blue that makes a pixel more violet and no lighter.
        low: the least of it that a pixel may have, as a share of its light: the greenest one.
        high: the most.
    """

    violet: Floats
    low: float
    high: float


def hue_limits(target: Image, mask: Mask, landmarks: Points) -> HueLimits | None:
    """What a face in this picture may look like.

    Args:
        target: ``(S, S, 3)`` RGB uint8, a crop.
        mask: ``(S, S)`` in [0, 1], where the face is.
        landmarks: ``(68, 2)`` of the target, px of the crop.

    Returns:
        ``None`` where too little of the face is seen.
    """
    small = _small(target)
    face = _inside(mask, len(small)) & (_kept(landmarks, len(target), len(small)) < MIN_WEIGHT)
    pixels = small[face]
    if len(pixels) < FEWEST:
        return None
    red, _, blue = (pixels / np.maximum(pixels @ LUMA, DARK)[:, None]).mean(0) - 1
    if np.hypot(red, blue) < GREY:
        red, blue = USUAL_SKIN
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
    violet = np.cross(LUMA, (red, green, blue)).astype(np.float32)
    violet *= -np.sign(violet[1]) / np.linalg.norm(violet)
    luma, own = _beside(small, violet)
    shares = np.sort(own[face] / np.maximum(luma[face], DARK))
    low, high = shares[int(OUTER * len(shares))], shares[int((1 - OUTER) * len(shares))]
    return HueLimits(violet, min(float(low), -LEAST), max(float(high), LEAST))


def calm_hues(swapped: Image, mask: Mask, landmarks: Points, limits: HueLimits) -> Image:
    """Make a swapped face no greener and no more violet than the target's; how light it is stays.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        mask: ``(S, S)`` in [0, 1].
        landmarks: ``(68, 2)`` of the target, px of the crop.
        limits: of the target; see :func:`hue_limits`.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where nothing is. Lips and eyes stay as they are.
    """
    small = _small(swapped)
    luma, own = _beside(small, limits.violet)
    light = np.maximum(luma, np.float32(DARK))
    beyond = own - np.clip(own, limits.low * light, limits.high * light)  # levels
    inside = _inside(mask, len(small))
    if float((np.abs(beyond) * inside).max()) <= SLACK:
        return swapped
    less = np.sign(beyond) * np.maximum(np.abs(beyond) - np.float32(SLACK), 0)
    less *= 1 - _kept(landmarks, len(swapped), len(small))
    if float((np.abs(less) * inside).max()) < _ROUNDED:
        return swapped
    less = at_side(less, len(swapped))
    # Channel by channel: OpenCV's own product of one with three takes six times as long.
    return cv2.subtract(swapped, cv2.merge([less * share for share in limits.violet]), dtype=cv2.CV_8U)  # type: ignore[return-value]


def _beside(small: Floats, violet: Floats) -> tuple[Floats, Floats]:
    """Levels of light, and by how many a pixel lies beside the line between grey and skin, violet above 0 and green below."""
    # Three to three, of which one is for nothing: to two OpenCV takes ten times as long.
    luma, own, _ = cv2.split(cv2.transform(small, np.stack([LUMA, violet - violet.sum() * LUMA, violet])))
    return cv2.GaussianBlur(luma, (0, 0), BLUR_PX), cv2.GaussianBlur(own, (0, 0), BLUR_PX)  # type: ignore[return-value]


def _inside(mask: Mask, side: int) -> NDArray[np.bool_]:
    return cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA) > MIN_WEIGHT  # type: ignore[no-any-return]


def _small(image: Image) -> Floats:
    return area_mean(image, max(1, len(image) // SIDE_PX)).astype(np.float32)


def _kept(landmarks: Points, size_px: int, side: int) -> Mask:
    own = on_weight(landmarks, size_px)
    kept = soft_hull(own[OUTER_LIPS], growth=LIPS_GROWTH, blur=LIPS_BLUR)
    for eye in (LEFT_EYE, RIGHT_EYE):
        if outline := outline_at(own[eye], WEIGHT_PX, growth=EYES_GROWTH, blur=EYES_BLUR):
            kept[outline.part] = np.maximum(kept[outline.part], outline.weight)
    return at_side(kept, side)
