"""The target's fine detail on a swapped face: pores, stubble, wrinkles, grain, which a crop of 224 px cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, OptionError
from ..types import Image, Mask, Points
from .limits import region_mask
from .luma import small_luma
from .mask import odd

# Fractions of the crop's side. Detail is luma less its mean over a box as wide as three standard deviations of 3/448, which
# is a pixel and a half of a 224 crop; structure is what lies between that and five times as much.
_DETAIL_SIGMA, _STRUCTURE_RATIO = 3 / 448, 5
_BOX_SIGMAS = 12**0.5  # the box whose variance is that of a Gaussian
# Difference of structure at which the texture has fallen to 1/e. Measured on 24 pairs at 448 px, detail of the skin against
# the target's and dlib's distance to the source: without texture 0.47 and 0.399, at 7 levels 0.63 and 0.400, at 12 0.72 and
# 0.401, at 20 0.78 and 0.403.
_AGREEMENT_LEVELS = 12.0
_OWN_SHARE = 0.7  # of the swapped face's own fine detail, an enlargement's, that makes way
_FEATURE_GROWTH, _FEATURE_BLUR = 0.03, 0.012
_BAND_ROWS = 96
_GATE_PX = 224  # the gate is smooth; at this size it costs the same for every face
# A mole or a scar is a mark of the target's person, and stands out from the skin's own detail: what is more than this many
# times its mean strength is cut to it. By eye: at 2.5 moles are gone and skin looks as without the limit.
_LARGEST_SHARE = 2.5


def add_texture(swapped: Image, target: Image, weight: Mask, landmarks: Points, *, strength: float = 1.0) -> Image:
    """Add the target's detail where both faces agree in coarser structure, away from brows, eyes and mouth.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8 at the face's native size, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weight: ``(S, S)`` in [0, 1], where the swapped face shows; 0 gets nothing.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        strength: of what is added; 0 changes nothing.

    Returns:
        ``(S, S, 3)`` uint8.

    Raises:
        ImageError: the images or the weight differ in size.
        OptionError: a strength below 0.
    """
    if swapped.shape != target.shape or weight.shape != swapped.shape[:2]:
        raise ImageError(
            f"Got a swapped face {swapped.shape}, a target {target.shape} and a weight {weight.shape}; wanted one size."
        )
    if strength < 0:
        raise OptionError(f"Got a texture strength of {strength}; wanted 0 or more.")
    left, top, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    if strength == 0 or not width:
        return swapped
    side, part = len(swapped), np.s_[top : top + height, left : left + width]
    gate = cv2.resize(texture_gate(swapped, target, landmarks), (side, side), interpolation=cv2.INTER_LINEAR)[part]
    shown = np.multiply(gate, weight[part], dtype=np.float32)
    box = odd(_BOX_SIGMAS * _DETAIL_SIGMA * side)
    change = _change(swapped[part], target[part], box, strength)
    largest = _LARGEST_SHARE * _mean_strength(change, shown)
    out = swapped.copy()
    for rows in _bands(height):
        own = np.clip(change[rows], -largest, largest)
        added = cv2.multiply(own, shown[rows], dtype=cv2.CV_16S)
        cv2.add(swapped[part][rows], cv2.merge([added] * 3), dst=out[part][rows], dtype=cv2.CV_8U)
    return out


def _change(swapped: Image, target: Image, box: int, strength: float) -> NDArray[np.float32]:
    """The target's detail less the share of the swapped face's own that makes way, levels."""
    height, halo = len(swapped), box // 2
    change = np.empty(swapped.shape[:2], np.float32)
    for rows in _bands(height):
        first, last = max(rows.start - halo, 0), min(rows.stop + halo, height)
        ours, theirs = (cv2.cvtColor(image[first:last], cv2.COLOR_RGB2GRAY) for image in (swapped, target))
        # What comes less what goes, before the mean is taken off: that is linear, so once is enough.
        both = cv2.addWeighted(theirs, strength, ours, -_OWN_SHARE * min(strength, 1.0), 0, dtype=cv2.CV_32F)
        own = slice(rows.start - first, rows.stop - first)
        np.subtract(both[own], cv2.boxFilter(both, -1, (box, box))[own], out=change[rows])
    return change


def _bands(height: int) -> Iterator[slice]:
    """Rows that fit a processor's cache; at 900 px whole images take three times as long, most of it for new memory."""
    for top in range(0, height, _BAND_ROWS):
        yield slice(top, min(top + _BAND_ROWS, height))


def _mean_strength(change: NDArray[Any], shown: NDArray[Any]) -> float:
    """Mean absolute change where it will show; a fourth of the rows and columns tell it as well as all."""
    change, shown = change[::4, ::4], shown[::4, ::4]
    return float((np.abs(change) * shown).sum()) / max(float(shown.sum()), 1e-6)


def texture_gate(swapped: Image, target: Image, landmarks: Points) -> Mask:
    """How far texture may come through, ``(224, 224)`` in [0, 1]; 0 on brows, eyes and mouth.

    What makes a face somebody's - brows, lids, lips, furrows - is coarser than texture, so where the two faces differ in
    structure nothing of the target is shown.
    """
    side, size = len(swapped), _GATE_PX
    sigma = _DETAIL_SIGMA * size
    difference = np.abs(_structure(target, sigma) - _structure(swapped, sigma))
    agreement = np.exp(-((_blurred(difference, 2 * sigma) / np.float32(_AGREEMENT_LEVELS)) ** 2))
    own = landmarks * (size / side)
    features = np.max([region_mask(region, own, size) for region in ("brows", "eyes", "mouth")], axis=0)
    features = cv2.dilate(features, np.ones((odd(_FEATURE_GROWTH * size),) * 2))
    features = np.maximum(features, np.minimum(2 * _blurred(features, _FEATURE_BLUR * size), 1))
    return agreement * (1 - features)


def _structure(image: Image, sigma: float) -> NDArray[np.float32]:
    luma = small_luma(image, _GATE_PX)
    return _blurred(luma, sigma) - _blurred(luma, _STRUCTURE_RATIO * sigma)


def _blurred(image: NDArray[Any], sigma: float) -> NDArray[np.float32]:
    box = (odd(_BOX_SIGMAS * sigma),) * 2
    return cv2.blur(cv2.blur(image, box), box) if sigma > 2 else cv2.GaussianBlur(image, (0, 0), sigma)  # type: ignore[return-value]
