"""Luma of a face at the size of a crop: what decides about texture and edges is smooth and need not be full size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import area_mean
from ..types import Image

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # red, green and blue of OpenCV's grey


def small_luma(image: Image, side: int) -> NDArray[np.float32]:
    """Luma of a square image, averaged down.

    Args:
        image: ``(S, S, 3)`` RGB uint8, S of any size; a smaller one is enlarged.

    Returns:
        ``(side, side)`` float32, levels of 0 to 255.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if (whole := len(grey) // side) > 1:  # averaging whole pixels is ten times faster than fractions of them
        if len(grey) % whole:
            grey = cv2.resize(grey, (len(grey) // whole * whole,) * 2, interpolation=cv2.INTER_LINEAR)
        grey = area_mean(grey, whole)
    if len(grey) != side:
        grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_LINEAR)
    return grey.astype(np.float32)
