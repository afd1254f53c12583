"""Limits on where a swap may show: regions of the face, a box inside the crop, and a soft edge.

Every limit is a weight in [0, 1]; all of them and the network's own mask are combined by their minimum, so a limit can
only take away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from ..errors import OptionError
from ..faces.landmarks68 import (
    BROWS,
    JAW,
    LEFT_BROW,
    LEFT_EYE,
    NOSE_OUTLINE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    forehead,
)
from ..types import REGIONS, Mask, Points, Region

_BROW_HEIGHT = 0.06  # of the crop's side: thickness of a brow around its line of landmarks
_EYE_GROWTH, _NOSE_GROWTH = 0.03, 0.02  # of the crop's side: lids and nostrils lie outside the landmarks


@dataclass(frozen=True, slots=True)
class MaskLimits:
    """Where a swap may show, besides the network's mask.

    Attributes:
        regions: parts of the face that are swapped; empty means all of the network's mask.
        keep: parts that stay the target's.
        box: left, top, right and bottom margin that stays the target's, as fractions of the crop's side.
        feather: standard deviation of the soft edge of regions and box, as a fraction of the crop's side.
    """

    regions: tuple[Region, ...] = ()
    keep: tuple[Region, ...] = ()
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    feather: float = 0.02

    def __post_init__(self) -> None:
        for name in (*self.regions, *self.keep):
            if name not in REGIONS:
                raise OptionError(f"Unknown face region {name!r}; wanted one of {', '.join(REGIONS)}.")
        if len(self.box) != 4 or min(self.box) < 0 or self.box[0] + self.box[2] >= 1 or self.box[1] + self.box[3] >= 1:
            raise OptionError(
                f"The box margins {self.box} leave nothing; wanted four fractions of the crop, such as 0.1."
            )
        if not 0 <= self.feather < 0.5:
            raise OptionError(
                f"A feather of {self.feather} was asked for; wanted a fraction of the crop from 0 to 0.5."
            )

    @property
    def needs_landmarks(self) -> bool:
        return bool(self.regions or self.keep)

    @property
    def limits_nothing(self) -> bool:
        return not self.needs_landmarks and not any(self.box)


def limit_weight(
    weight: Mask,
    landmarks: Points | None,
    limits: MaskLimits,
    *,
    parts: Callable[[Region], Mask] | None = None,
) -> Mask:
    """The minimum of a weight and all limits.

    Args:
        weight: ``(S, S)`` float32 in [0, 1].
        landmarks: ``(68, 2)`` in pixels of the crop.
        parts: gives a part of the face as ``(S, S)``; :func:`region_mask` of the landmarks if not given.

    Raises:
        OptionError: regions were asked for, but nothing tells where they are: the face has no 68 landmarks.
    """
    if limits.limits_nothing:
        return weight
    side = len(weight)
    allowed = _box(side, limits.box)
    if limits.needs_landmarks:
        if parts is None:
            parts = _told_by(landmarks, side)
        if limits.regions:
            allowed = np.minimum(allowed, _union(limits.regions, parts))
        if limits.keep:
            allowed = np.minimum(allowed, 1.0 - _union(limits.keep, parts))
    if limits.feather:
        # The outside of the crop counts as forbidden; a lone blur would let the swap reach past its limit by half an
        # edge, so the product keeps the fade inside.
        soft = cv2.GaussianBlur(allowed, (0, 0), limits.feather * side, borderType=cv2.BORDER_REPLICATE)
        allowed = np.minimum(allowed, np.clip(2.0 * soft - 1.0, 0.0, 1.0))
    return np.minimum(weight, allowed)


def region_mask(region: Region, landmarks: Points, size_px: int) -> Mask:
    """One part of the face as ``(S, S)`` float32, 1 inside. ``skin`` is the face without brows, eyes and mouth."""
    mask = np.zeros((size_px, size_px), np.float32)
    if region == "skin":
        outline = np.concatenate([landmarks[JAW], landmarks[BROWS], forehead(landmarks)])
        _fill(mask, [outline], hull=True)
        return np.minimum(mask, 1.0 - _union(("brows", "eyes", "mouth"), _told_by(landmarks, size_px)))
    if region == "brows":
        for brow in (LEFT_BROW, RIGHT_BROW):
            line = np.round(landmarks[brow]).astype(np.int32)
            cv2.polylines(mask, [line], False, 1.0, max(1, round(_BROW_HEIGHT * size_px)))
    elif region == "eyes":
        _fill(mask, [landmarks[eye] for eye in (LEFT_EYE, RIGHT_EYE)], hull=True, growth_px=_EYE_GROWTH * size_px)
    elif region == "nose":
        _fill(mask, [landmarks[NOSE_OUTLINE]], hull=True, growth_px=_NOSE_GROWTH * size_px)
    else:
        _fill(mask, [landmarks[OUTER_LIPS]], hull=False)
    return mask


def _told_by(landmarks: Points | None, size_px: int) -> Callable[[Region], Mask]:
    """The parts of a face as its landmarks tell them."""
    if landmarks is None:
        raise OptionError("Face regions were asked for, but this face has no 68 landmarks; choose another detector.")
    return lambda region: region_mask(region, landmarks, size_px)


def _union(regions: Iterable[Region], parts: Callable[[Region], Mask]) -> Mask:
    return np.max([parts(region) for region in regions], axis=0)


def _fill(mask: Mask, outlines: list[Points], *, hull: bool, growth_px: float = 0.0) -> None:
    for outline in outlines:
        points = np.round(outline).astype(np.int32)
        cv2.fillPoly(mask, [cv2.convexHull(points) if hull else points], 1.0)
    if growth_px >= 1:
        side = 2 * round(growth_px) + 1
        cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dst=mask)


def _box(side: int, margins: tuple[float, float, float, float]) -> Mask:
    mask = np.zeros((side, side), np.float32)
    left, top, right, bottom = (round(margin * side) for margin in margins)
    mask[top : side - bottom, left : side - right] = 1.0
    return mask
