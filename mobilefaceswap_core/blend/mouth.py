"""The target's open mouth comes back as it opens: a swapper that learnt from closed mouths opens them too little.

What lies between the lips, teeth and tongue, costs no likeness; the lips do.
"""

from __future__ import annotations

import numpy as np

from ..faces.landmarks68 import INNER_LIPS, OUTER_LIPS, mouth_opening
from ..types import Image, Mask, Points
from .outline import at_side, on_weight, soft_hull
from .steady import brought_back

# Of the distance between the outer corners of the eyes: at the first the target's mouth begins to come, at the second it is there.
_BEGINS, _ENDS = 0.02, 0.08
INSIDE_ALONE = 0.5  # strength at which all of what lies between the lips has come, and nothing of the lips
_INNER_GROWTH, _INNER_BLUR = 1 / 224, 1 / 224  # of the crop's side
_GROWTH, _BLUR = 1 / 40, 1 / 60  # of the crop's side: the swapped lips may lie outside of the target's


def mouth_share(landmarks: Points) -> float:
    """How far the target's mouth shows, 0 while it is closed, 1 where it is wide open; of ``(68, 2)`` landmarks at any scale."""
    return float(np.clip((mouth_opening(landmarks) - _BEGINS) / (_ENDS - _BEGINS), 0, 1))


def mouth_weight(landmarks: Points, share: float, size_px: int, *, strength: float = 1.0) -> Mask:
    """Where and how far the target's mouth shows, ``(S, S)`` float32 in [0, 1].

    Args:
        landmarks: ``(68, 2)`` px of the crop.
        share: see :func:`mouth_share`.
        strength: up to :data:`INSIDE_ALONE` what lies between the lips comes, above that the lips as well.
    """
    own = on_weight(landmarks, size_px)
    inside = soft_hull(own[INNER_LIPS], growth=_INNER_GROWTH, blur=_INNER_BLUR)
    weight = inside * np.float32(share * min(strength / INSIDE_ALONE, 1))
    if strength > INSIDE_ALONE:
        lips = soft_hull(own[OUTER_LIPS], growth=_GROWTH, blur=_BLUR)
        # Whole up to the lips' edge and soft beyond it, as the lids are.
        weight = np.maximum(
            weight, np.minimum(2 * lips, 1) * np.float32(share * (strength - INSIDE_ALONE) / (1 - INSIDE_ALONE))
        )
    return at_side(weight, size_px)


def bring_back_mouth(swapped: Image, target: Image, landmarks: Points, share: float, *, strength: float = 1.0) -> Image:
    """Blend the target's open mouth into the swapped face.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        landmarks: ``(68, 2)`` of the target, px of the crop.
        share: see :func:`mouth_share`; of a clip, averaged by :class:`~.steady.SteadyShares`.
        strength: see :func:`mouth_weight`.

    Returns:
        ``(S, S, 3)`` uint8; the input itself while the mouth is closed.
    """
    if share * strength <= 0:
        return swapped
    return brought_back(swapped, target, mouth_weight(landmarks, share, len(swapped), strength=strength))
