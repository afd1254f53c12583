"""The 68 landmarks of iBUG 300-W: which point lies where. Zero based; left and right are those of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

JAW, BROWS, NOSE = slice(0, 17), slice(17, 27), slice(27, 36)
LEFT_BROW, RIGHT_BROW = slice(17, 22), slice(22, 27)
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
MOUTH, OUTER_LIPS, INNER_LIPS = slice(48, 68), slice(48, 60), slice(60, 68)
CHIN, NOSE_TIP, LEFT_MOUTH, RIGHT_MOUTH = 8, 30, 48, 54
NOSE_OUTLINE = np.array([27, 31, 32, 33, 34, 35])  # bridge, then the wings and what lies between them

# Landmark i of a mirrored face is landmark MIRROR_68[i] of the face. Follows from the numbering.
MIRROR_68: NDArray[np.int64] = np.concatenate(
    [
        np.arange(16, -1, -1),  # jaw
        np.arange(26, 16, -1),  # brows
        [27, 28, 29, 30, 35, 34, 33, 32, 31],  # nose
        [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],  # eyes
        [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55],  # outer lips
        [64, 63, 62, 61, 60, 67, 66, 65],  # inner lips
    ]
)

# How far a face goes on above its brows, as a fraction of the distance from chin to brows: a forehead is about a third of a face.
FOREHEAD_RISE = 0.45


def forehead(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(10, 2)`` points on the upper edge of the forehead, one above each brow point of ``(68, 2)`` landmarks."""
    brows = landmarks[BROWS]
    return brows + (brows.mean(0) - landmarks[CHIN]) * FOREHEAD_RISE


def eye_opening(landmarks: NDArray[np.float64], eye: slice) -> float:
    """Height over width of an eye, about 0.3 when open; of ``(68, 2)`` landmarks at any scale."""
    outer, top_a, top_b, inner, low_b, low_a = landmarks[eye]
    height = float(np.linalg.norm(top_a - low_a) + np.linalg.norm(top_b - low_b))
    return height / max(2 * float(np.linalg.norm(outer - inner)), 1e-6)


def mouth_opening(landmarks: NDArray[np.float64]) -> float:
    """Distance of the inner lips over that of the eyes' outer corners, of ``(68, 2)`` landmarks at any scale.

    A closed mouth reads 0.00 to 0.02, and speech moves most between 0.03 and 0.10.
    """
    upper, lower = landmarks[INNER_LIPS][[2, 6]]
    width = float(np.linalg.norm(landmarks[LEFT_EYE.start] - landmarks[RIGHT_EYE.start + 3]))
    return float(np.linalg.norm(upper - lower)) / max(width, 1e-6)
