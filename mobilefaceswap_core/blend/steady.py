"""What comes back of the target: blended in, and from frame to frame without flicker."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np

from ..types import Image, Mask

HALF_LIFE_S = 0.02  # a blink or a syllable takes 0.1 to 0.3 s and must not be averaged away
LONGEST_GAP_S = 0.5


def shown_part(weight: Mask) -> tuple[slice, slice] | None:
    """The rectangle in which a weight is not 0, as rows and columns; ``None`` where it is 0 everywhere."""
    left, top, width, height = cv2.boundingRect((weight > 0).view(np.uint8))
    return np.s_[top : top + height, left : left + width] if width else None


def brought_back(swapped: Image, target: Image, weight: Mask) -> Image:
    """Blend the target into the swapped face.

    Args:
        swapped: ``(S, S, 3)`` RGB uint8, colours matched.
        target: ``(S, S, 3)`` RGB uint8, the same crop.
        weight: ``(S, S)`` float32 in [0, 1], how far the target shows.

    Returns:
        ``(S, S, 3)`` uint8; the input itself where the target shows nowhere.
    """
    part = shown_part(weight)
    if part is None:
        return swapped
    out, share = swapped.copy(), weight[part]
    out[part] = cv2.blendLinear(swapped[part], target[part], 1 - share, share)
    return out


class SteadyShares:
    """Averages a few numbers over time.

    Args:
        half_life_s: after which a frame counts half.
        middle_of: of so many frames, the last ones, the middle number counts: 3 leaves out what is seen in one frame alone.
    """

    def __init__(self, *, half_life_s: float = HALF_LIFE_S, middle_of: int = 1) -> None:
        self._half_life_s = half_life_s
        self._recent: deque[tuple[float, ...]] = deque(maxlen=middle_of)
        self._before: tuple[float, ...] | None = None
        self._time_s = 0.0

    def reset(self) -> None:
        """Forget the face: at a cut, or when it was lost."""
        self._before = None
        self._recent.clear()

    def __call__(self, now: Sequence[float], *, time_s: float) -> tuple[float, ...]:
        """The next frame's shares, averaged with those before.

        Args:
            now: as they are in this frame; as many as in the frame before.
            time_s: when the frame is shown; not later than the one before, or much later, begins anew.
        """
        gap_s = time_s - self._time_s
        self._time_s = time_s
        is_next = 0 < gap_s < LONGEST_GAP_S
        if not is_next:
            self._recent.clear()
        self._recent.append(tuple(now))
        shares = tuple(now)
        if len(self._recent) == self._recent.maxlen:
            shares = tuple(statistics.median(numbers) for numbers in zip(*self._recent, strict=True))
        if self._before is not None and is_next:
            keep = 0.5 ** (gap_s / self._half_life_s)
            shares = tuple(keep * old + (1 - keep) * new for old, new in zip(self._before, shares, strict=True))
        self._before = shares
        return shares
