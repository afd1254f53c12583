"""A 3D mean face as a mesh over 68 landmarks: pose, shape, topology, and the dense map a warped face is sampled by.

Mesh coordinates: x to the right of the image, y down, z towards the viewer, origin inside the head; from temple to
temple it measures about 1.25. Lengths that must follow the face and not the crop are given in these units.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from ..faces.head_pose import MEAN_68, HeadPose
from ..faces.landmarks68 import MIRROR_68
from ..types import Points

Float = NDArray[np.float64]

# Points the 68 lack: one above each brow point and each temple, hung on that landmark by a 3D offset. The forehead
# reaches 0.2 above the brows: about half of a bald forehead, below most hair lines.
_PARENTS = np.array([0, *range(17, 27), 16])
_RISE = np.array([0.17, 0.15, 0.19, 0.21, 0.22, 0.22, 0.22, 0.22, 0.21, 0.19, 0.15, 0.17])
_SINK = np.array([-0.10, 0.02, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.03, 0.02, -0.10])  # the skull curves back
_EXTRA_MIRROR = 68 + np.arange(11, -1, -1)

MIRROR = np.concatenate([MIRROR_68, _EXTRA_MIRROR])
FOREHEAD = slice(68, 80)


_EXTRA_OFFSETS = np.stack([np.zeros(12), -_RISE, -_SINK], axis=1)
MEAN_80: Float = np.concatenate([MEAN_68, MEAN_68[_PARENTS] + _EXTRA_OFFSETS])


def shape_offsets(landmarks: Points, pose: HeadPose) -> Float:
    """What the person's proportions add to the mean face, ``(68, 3)`` mesh units, left and right averaged.

    The smallest 3D offsets that explain the landmarks; averaging with the mirror image removes what is left of pose
    and of one-sided expression.
    """
    residual = (landmarks - pose.shift_px) / pose.scale_px - MEAN_68 @ pose.rotation[:2].T
    offsets = residual @ pose.rotation[:2]
    return (offsets + offsets[MIRROR_68] * [-1, 1, 1]) / 2


def with_forehead(landmarks: Points, pose: HeadPose) -> Points:
    """``(68, 2)`` landmarks and 12 points above the brows and temples: ``(80, 2)``."""
    return np.concatenate([landmarks, landmarks[_PARENTS] + pose.project(_EXTRA_OFFSETS)])


@lru_cache(maxsize=1)
def triangles() -> NDArray[np.int64]:
    """Vertex numbers ``(T, 3)`` of the mesh: Delaunay over the frontal mean face, clockwise in the image."""
    corners = np.asarray(Delaunay(MEAN_80[:, :2]).simplices, np.int64)
    return np.where((_doubled_areas(MEAN_80[:, :2], corners) < 0)[:, None], corners[:, ::-1], corners)


def _doubled_areas(points: Points, corners: NDArray[np.int64]) -> Float:
    a, b, c = (points[corners[:, k]] for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def rasterise(
    points: Points, pose: HeadPose, values: Float, size_px: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Interpolate vertex values over the visible part of the mesh.

    Args:
        points: ``(80, 2)`` mesh in pixels.
        pose: decides what is in front.
        values: ``(80, K)`` one row for each vertex.
        size_px: side of the square result.

    Returns:
        ``(K, S, S)`` float32 values, 0 outside the mesh, and ``(S, S)`` uint8 coverage (1 inside). Triangles seen from
        behind are left out, nearer ones are drawn over farther ones.
    """
    corners = triangles()
    areas = _doubled_areas(points, corners)
    front = np.flatnonzero(areas > 1e-3)
    depth = (MEAN_80 @ pose.rotation[2])[corners].mean(1)
    index = np.zeros((size_px, size_px), np.int32)  # 0: none
    fixed_point = np.round(np.clip(points, -8 * size_px, 9 * size_px) * 16).astype(np.int32)
    for triangle in front[np.argsort(depth[front], kind="stable")]:
        cv2.fillConvexPoly(index, fixed_point[corners[triangle]], int(triangle) + 1, shift=4)
    # In each triangle the values are an affine function of the pixel: solve for it at the three corners.
    homogeneous = np.concatenate([points[corners], np.ones((len(corners), 3, 1))], axis=2)
    flat = areas <= 1e-3
    homogeneous[flat] = np.eye(3)
    coefficients = np.linalg.solve(homogeneous, values[corners])  # (T, 3, K)
    coefficients[flat] = 0.0
    table = np.concatenate([np.zeros((1, 3, values.shape[1])), coefficients]).astype(np.float32)
    rows, columns = np.nonzero(index)
    picked = table[index[rows, columns]]  # (P, 3, K)
    inside = picked[:, 0] * columns[:, None] + picked[:, 1] * rows[:, None] + picked[:, 2]
    out = np.zeros((values.shape[1], size_px, size_px), np.float32)
    out[:, rows, columns] = inside.T
    return out, (index > 0).astype(np.uint8)
