"""Judges of head pose: PnP with the mean face (offline default), insightface's 3D landmarks, any Hopenet-like network."""

from __future__ import annotations

from importlib import metadata

import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import BackendError, OptionError, WeightsError
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import Face, Image

from .base import SELECTED_ON, JudgeInfo, require_landmarks
from .face_model import euler_degrees, pose_from_shape
from .mean_face import mean_shape_68, mean_shape_file
from .onnx_file import OnnxContract, OnnxNetwork

# A portrait is taken from about 1 m; half a face is about 8 cm wide: 12 half widths. The camera is tied to the face and not
# to the image, so that cropping or scaling a picture does not turn the head.
_DISTANCE = 12.0

# The points that expression moves least, measured on the face model of this package: temples and upper cheeks, bridge and
# base of the nose, corners of the eyes. Jaw, lips, brows and lids move with speech and smiles, and would turn the head.
STEADY_POINTS = (0, 1, 2, 14, 15, 16, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45)


class PnpPose:
    """Perspective-n-point against insightface's mean 3D face, of the landmarks that expression moves least."""

    def __init__(self) -> None:
        self._shape = mean_shape_68()
        path = mean_shape_file()
        self._info = JudgeInfo(
            name="pnp",
            kind="pose",
            title=f"PnP of {len(STEADY_POINTS)} steady landmarks with a mean 3D face",
            version=f"2, opencv {cv2.__version__}",
            files={path.name: file_sha256(path)},
            licence="MIT (insightface code package)",
            selected_on=SELECTED_ON,
            source="mean face of insightface; OpenCV solvePnP, iterative",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Pitch, yaw, roll in degrees, ``(3,)``; roll about the viewing axis."""
        steady = list(STEADY_POINTS)
        return pnp_pose(require_landmarks(face, "pnp")[steady], self._shape[steady])


def pnp_pose(landmarks: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Head pose of landmarks.

    Args:
        landmarks: ``(N, 2)`` pixels, six or more.
        shape: ``(N, 3)`` the same points of a mean face; x right, y down, z towards the camera.

    Returns:
        Pitch (positive: looking up), yaw (positive: towards the image's right), roll (positive: clockwise), degrees.

    Raises:
        OptionError: when the landmarks admit no pose.
    """
    centre = landmarks.mean(0)
    spread = float(np.sqrt(((landmarks - centre) ** 2).sum(1).mean()))
    if not np.isfinite(spread) or spread == 0.0:
        raise OptionError("Head pose needs finite landmarks that differ.")
    points = (landmarks - centre) / spread
    # OpenCV's camera looks along +z with x right and y down: the model's z, which points to the camera, changes sign.
    model = (shape - shape.mean(0)) * [1.0, 1.0, -1.0]
    rotation, scale, _ = pose_from_shape(model, points)
    camera = np.array([[_DISTANCE * scale, 0, 0], [0, _DISTANCE * scale, 0], [0, 0, 1.0]])
    start, _ = cv2.Rodrigues(rotation)
    found, vector, _ = cv2.solvePnP(
        model, points, camera, None, start, np.array([[0.0], [0.0], [_DISTANCE]]), True, flags=cv2.SOLVEPNP_ITERATIVE
    )
    if not found:
        raise OptionError("No head pose fits these landmarks.")
    turned, _ = cv2.Rodrigues(vector)
    pitch, yaw, roll = euler_degrees(np.asarray(turned, np.float64))
    return np.array([pitch, -yaw, roll])


class InsightfacePose:
    """insightface's 1k3d68: 3D landmarks by a network, then a rotation against the mean face, as the package does."""

    def __init__(self, argument: str) -> None:
        self._network = OnnxNetwork(argument, OnnxContract(size_px=192))
        self._shape = mean_shape_68()
        self._info = JudgeInfo(
            name="insightface3d68",
            kind="pose",
            title=f"insightface 3D landmarks ({self._network.name})",
            version="ONNX file",
            files={self._network.name: self._network.sha256},
            used_in_training=self._network.contract.trained,
            licence="non-commercial research (insightface packs)",
            source="insightface model_zoo/landmark.py",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Pitch, yaw, roll in degrees as insightface gives them."""
        crop = box_crop(image, face, self._network.size_px, margin=0.5)
        output = self._network(crop)[0]
        if len(output) % 3 or len(output) < 204:
            raise WeightsError(
                f"{self._network.name}: gives {len(output)} numbers; wanted 3 for each of 68 or more points."
            )
        points = output.reshape(-1, 3)[-68:]
        design = np.hstack([self._shape, np.ones((68, 1))])
        solution, *_ = np.linalg.lstsq(design, points, rcond=None)
        first, second = (row / np.linalg.norm(row) for row in solution[:3, :2].T)
        return euler_degrees(np.vstack([first, second, np.cross(first, second)]))


class HopenetPose:
    """Hopenet and its kin: three outputs of 66 bins (yaw, pitch, roll, 3 degrees each from -99), or three angles.

    Source:
        Ruiz et al. 2018, `test_hopenet.py`: angle = sum(softmax * index) * 3 - 99; ImageNet mean and std, 224 px.
    """

    def __init__(self, argument: str) -> None:
        default = OnnxContract(size_px=224, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), margin=0.5)
        self._network = OnnxNetwork(argument, default)
        self._info = JudgeInfo(
            name="hopenet",
            kind="pose",
            title=f"Hopenet-like network ({self._network.name})",
            version="ONNX file",
            files={self._network.name: self._network.sha256},
            used_in_training=self._network.contract.trained,
            licence=self._network.licence or "as stated by its author",
            source="Ruiz et al. 2018",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Pitch, yaw, roll in degrees."""
        outputs = self._network(box_crop(image, face, self._network.size_px, margin=self._network.contract.margin))
        if len(outputs) >= 3 and all(len(o) == 66 for o in outputs[:3]):
            yaw, pitch, roll = (expected_angle(o) for o in outputs[:3])
        elif len(outputs) == 1 and len(outputs[0]) == 3:
            yaw, pitch, roll = outputs[0]
        else:
            raise WeightsError(
                f"{self._network.name}: gives outputs of {[len(o) for o in outputs]} numbers; wanted three of 66 bins or one "
                "of three angles (yaw, pitch, roll)."
            )
        return np.array([pitch, yaw, roll])


def expected_angle(logits: NDArray[np.float64]) -> float:
    """Angle in degrees of 66 bin scores."""
    weights = np.exp(logits - logits.max())
    return float((weights / weights.sum()) @ np.arange(len(logits)) * 3.0 - 99.0)


def box_crop(image: Image, face: Face, size_px: int, *, margin: float) -> Image:
    """The face's box made square, grown by ``margin`` of its side in all, scaled to ``size_px``."""
    from mobilefaceswap_core.faces.geometry import warp_to_crop

    left, top, right, bottom = (float(v) for v in face.box)
    side = max(right - left, bottom - top) * (1.0 + margin)
    if side <= 0:
        raise OptionError(f"The face box {face.box.tolist()} is empty.")
    scale = size_px / side
    shift_x = (size_px - 1) / 2 - scale * (left + right) / 2
    shift_y = (size_px - 1) / 2 - scale * (top + bottom) / 2
    return warp_to_crop(image, np.array([[scale, 0, shift_x], [0, scale, shift_y]]), size_px)


def insightface_pose(argument: str) -> InsightfacePose:
    """1k3d68 of an insightface pack on disk, or the file given."""
    from pathlib import Path

    if argument:
        return InsightfacePose(argument)
    found = sorted(Path("~/.insightface/models").expanduser().glob("*/1k3d68.onnx"))
    if not found:
        raise BackendError(
            "No 1k3d68.onnx of an insightface pack on disk; give its path: insightface3d68:/path/1k3d68.onnx."
        )
    return InsightfacePose(str(found[0]))


def package_version(name: str) -> str:
    """Installed version of a distribution, or ``not installed``."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
