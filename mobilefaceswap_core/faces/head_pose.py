"""Where a head looks: a 3D mean face of 68 landmarks and the camera that puts it on a photo.

Mesh coordinates: x to the right of the image, y down, z towards the viewer, origin inside the head; from temple to
temple it measures about 1.25.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Points
from .landmarks68 import BROWS, JAW, MIRROR_68, MOUTH

Float = NDArray[np.float64]

# Source: insightface 2.1 (MIT), `insightface/data/objects/meanshape_68.pkl`, rounded to three decimals.
# fmt: off
_MEAN_68 = np.array(
    [
        [-0.627, -0.293, -0.314], [-0.600, -0.123, -0.292], [-0.571, 0.051, -0.255], [-0.534, 0.213, -0.187],
        [-0.480, 0.351, -0.048], [-0.396, 0.447, 0.073], [-0.299, 0.511, 0.180], [-0.188, 0.554, 0.317],
        [0.001, 0.584, 0.388], [0.191, 0.552, 0.314], [0.327, 0.490, 0.168], [0.440, 0.402, 0.036],
        [0.507, 0.312, -0.095], [0.541, 0.205, -0.203], [0.574, 0.046, -0.284], [0.599, -0.146, -0.296],
        [0.628, -0.308, -0.302], [-0.475, -0.438, 0.236], [-0.417, -0.472, 0.316], [-0.348, -0.484, 0.366],
        [-0.261, -0.476, 0.399], [-0.167, -0.458, 0.417], [0.123, -0.459, 0.425], [0.206, -0.480, 0.416],
        [0.287, -0.490, 0.392], [0.362, -0.477, 0.353], [0.426, -0.450, 0.295], [-0.008, -0.323, 0.462],
        [-0.008, -0.256, 0.510], [-0.008, -0.199, 0.553], [-0.007, -0.143, 0.599], [-0.145, 0.033, 0.420],
        [-0.084, 0.031, 0.473], [-0.005, 0.040, 0.515], [0.063, 0.046, 0.479], [0.134, 0.022, 0.419],
        [-0.387, -0.313, 0.260], [-0.317, -0.350, 0.329], [-0.234, -0.355, 0.333], [-0.155, -0.315, 0.314],
        [-0.231, -0.284, 0.326], [-0.318, -0.285, 0.310], [0.139, -0.310, 0.318], [0.219, -0.353, 0.338],
        [0.302, -0.350, 0.333], [0.377, -0.314, 0.263], [0.297, -0.287, 0.322], [0.215, -0.291, 0.331],
        [-0.201, 0.237, 0.380], [-0.137, 0.186, 0.465], [-0.076, 0.151, 0.504], [-0.003, 0.169, 0.516],
        [0.064, 0.151, 0.505], [0.126, 0.179, 0.469], [0.218, 0.239, 0.376], [0.133, 0.284, 0.440],
        [0.068, 0.297, 0.477], [0.000, 0.300, 0.487], [-0.069, 0.297, 0.481], [-0.143, 0.274, 0.438],
        [-0.178, 0.231, 0.396], [-0.074, 0.215, 0.465], [-0.003, 0.214, 0.483], [0.060, 0.211, 0.472],
        [0.167, 0.231, 0.397], [0.060, 0.224, 0.466], [-0.001, 0.226, 0.475], [-0.075, 0.231, 0.467],
    ]
)
# fmt: on


def _symmetric_mean() -> Float:
    mirrored = _MEAN_68[MIRROR_68] * [-1, 1, 1]
    return (_MEAN_68 + mirrored) / 2


MEAN_68: Float = _symmetric_mean()

# How far a landmark is trusted in the pose fit: the jaw of a turned head is drawn where it is seen, not where it is,
# and mouth and brows move with the expression.
_POSE_WEIGHTS = np.ones(68)
_POSE_WEIGHTS[JAW], _POSE_WEIGHTS[BROWS], _POSE_WEIGHTS[MOUTH] = 0.3, 0.6, 0.5


def _camera_from_landmarks() -> Float:
    weights = np.sqrt(_POSE_WEIGHTS)
    design = np.hstack([MEAN_68, np.ones((68, 1))])
    return np.linalg.pinv(design * weights[:, None]) * weights


# (4, 68): times (68, 2) landmarks it is the least-squares affine camera, transposed: what x, y and z of the mesh move by in
# the image, then its origin.
CAMERA_FROM_LANDMARKS: Float = _camera_from_landmarks()


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """A scaled orthographic camera on the mean face.

    Attributes:
        rotation: ``(3, 3)`` from mesh to camera axes.
        scale_px: pixels per mesh unit.
        shift_px: ``(2,)`` image of the mesh origin.
    """

    rotation: Float
    scale_px: float
    shift_px: Float

    @property
    def yaw_deg(self) -> float:
        """Positive when the face looks towards the right border of the image."""
        return float(np.degrees(np.arctan2(self.rotation[0, 2], self.rotation[2, 2])))

    @property
    def pitch_deg(self) -> float:
        """Positive when the face looks down."""
        return float(np.degrees(np.arcsin(np.clip(self.rotation[1, 2], -1, 1))))

    def project(self, offsets: Float) -> Points:
        """Mesh vectors ``(..., 3)`` to pixel vectors ``(..., 2)``, without the shift."""
        return self.scale_px * offsets @ self.rotation[:2].T


def head_pose(landmarks: Points) -> HeadPose:
    """Least-squares scaled orthographic pose of ``(68, 2)`` landmarks.

    Source:
        DeMenthon and Davis 1995 without the iterations: affine camera, then the nearest rotation.
    """
    camera = (CAMERA_FROM_LANDMARKS @ landmarks).T  # (2, 4)
    left, singular, right = np.linalg.svd(camera[:, :3], full_matrices=False)
    rows = left @ right
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    scale = float(singular.mean())
    shift = np.average(landmarks - scale * MEAN_68 @ rows.T, axis=0, weights=_POSE_WEIGHTS)
    return HeadPose(rotation, scale, shift)
