"""Judges of expression and face shape: the 68-landmark model, landmark actions, mediapipe's blendshapes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import BackendError, NoFaceError, OptionError
from mobilefaceswap_core.faces.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from mobilefaceswap_core.files.digest import file_sha256
from mobilefaceswap_core.types import Face, Image

from .base import SELECTED_ON, JudgeInfo, require_landmarks
from .face_model import MODEL_FILE, FaceFit, fit_face, load_face_model
from .pose import package_version

_MODEL_LICENCE = "statistics of landmarks of CelebA photos: non-commercial research"


class FaceModelExpression:
    """What the expression part of the joint fit moves: 15 action units, weighted by how far each moves the landmarks.

    Coefficients alone would count a tenth of a millimetre of a brow like a broad smile; on hand-labelled photos they did not
    tell smiling from neutral (docs/evaluation.md), the displacement does.
    """

    def __init__(self) -> None:
        self._model = load_face_model()
        self._info = JudgeInfo(
            name="facemodel",
            kind="expression",
            title="68-landmark 3D model, identity and expression fitted jointly",
            version="2",
            files={MODEL_FILE.name: file_sha256(MODEL_FILE)},
            licence=_MODEL_LICENCE,
            selected_on=SELECTED_ON,
            source="this project; the construction of 3DMM fitting (Blanz and Vetter 1999) on landmarks",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Displacement of the 68 points by expression, ``(204,)``, in units of its spread within one person's photos."""
        coefficients = _fit(require_landmarks(face, "facemodel").astype(np.float64).tobytes()).expression
        moved = np.tensordot(coefficients, self._model.expression, axes=1).reshape(-1)
        # Each coefficient has variance 1 within people, so the whole displacement's is the sum of the squared bases.
        return moved / float(np.sqrt((self._model.expression**2).sum()))


class FaceModelShape(FaceModelExpression):
    """Identity coefficients of the same fit."""

    def __init__(self) -> None:
        super().__init__()
        base = self._info
        self._info = JudgeInfo(
            name="facemodel-shape",
            kind="shape",
            title="68-landmark 3D model, identity coefficients",
            version=base.version,
            files=base.files,
            licence=base.licence,
            source=base.source,
        )

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """Identity coefficients ``(24,)``."""
        return _fit(require_landmarks(face, "facemodel-shape").astype(np.float64).tobytes()).identity


@lru_cache(maxsize=4)
def _fit(landmarks: bytes) -> FaceFit:
    """The fit of 68 landmarks as float64 bytes; kept for the other judge, who asks next about the same face."""
    return fit_face(np.frombuffer(landmarks, np.float64).reshape(-1, 2), load_face_model())


ACTIONS = (
    "left eye opening",
    "right eye opening",
    "mouth opening",
    "mouth width",
    "left mouth corner height",
    "right mouth corner height",
    "left brow height",
    "right brow height",
)
# Standard deviation of each action within one person's photos: root mean variance over 256 people with several CelebA
# photos each (4,077 photos, 68 landmarks). Made by `python -m eval.judges.make_action_scale LANDMARKS.npz`.
ACTION_SPREAD = np.array([0.0231, 0.0231, 0.0818, 0.1020, 0.0656, 0.0656, 0.0454, 0.0454])


class LandmarkActions:
    """Eight openings, widths and heights read straight off the landmarks, in standard deviations within one person.

    Simple and unregularised, hence a check on the model: but a person with a wide mouth reads as one who stretches it.
    """

    def __init__(self) -> None:
        self._info = JudgeInfo(
            name="actions",
            kind="expression",
            title="landmark actions: eyes, mouth, corners, brows",
            version="1",
            licence="none needed",
            selected_on=SELECTED_ON,
            source="eye and mouth aspect ratios (Soukupova and Cech 2016) and their kin",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """``(8,)`` actions divided by their spread within people."""
        return landmark_actions(require_landmarks(face, "actions")) / ACTION_SPREAD


def landmark_actions(landmarks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eight lengths in units of the distance between the eyes, in the order of :data:`ACTIONS`.

    Args:
        landmarks: ``(68, 2)``; the result does not change when they are shifted, turned or scaled.

    Raises:
        OptionError: when the eyes coincide.
    """
    left_eye, right_eye = landmarks[LEFT_EYE].mean(0), landmarks[RIGHT_EYE].mean(0)
    across = right_eye - left_eye
    eyes = float(np.linalg.norm(across))
    if eyes == 0.0:
        raise OptionError("Landmark actions need two eyes at different places.")
    right = across / eyes
    down = np.array([-right[1], right[0]])
    x, y = landmarks @ right / eyes, landmarks @ down / eyes
    lips = y[[51, 57]].mean()
    return np.array(
        [
            y[[40, 41]].mean() - y[[37, 38]].mean(),
            y[[46, 47]].mean() - y[[43, 44]].mean(),
            y[65:68].mean() - y[61:64].mean(),
            x[54] - x[48],
            lips - y[48],
            lips - y[54],
            y[LEFT_EYE].mean() - y[LEFT_BROW].mean(),
            y[RIGHT_EYE].mean() - y[RIGHT_BROW].mean(),
        ]
    )


class MediapipeBlendshapes:
    """mediapipe's 52 blendshapes, when that extra is installed and its ``face_landmarker.task`` is on disk."""

    def __init__(self, argument: str) -> None:
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise BackendError("The judge mediapipe needs the package: pip install mediapipe.") from error
        path = Path(argument)
        if not path.is_file():
            raise BackendError(
                f"The judge mediapipe needs face_landmarker.task; no file at {argument!r}. Use mediapipe:PATH."
            )
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)), output_face_blendshapes=True, num_faces=1
        )
        self._mediapipe: Any = mediapipe
        self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        self._info = JudgeInfo(
            name="mediapipe",
            kind="expression",
            title="mediapipe blendshapes",
            version=package_version("mediapipe"),
            files={path.name: file_sha256(path)},
            licence="Apache-2.0",
            source="mediapipe Face Landmarker; unit: 0.1 of a blendshape's range",
        )

    @property
    def info(self) -> JudgeInfo:
        return self._info

    def measure(self, image: Image, face: Face) -> NDArray[np.float64]:
        """``(52,)`` coefficients times 10.

        Raises:
            NoFaceError: mediapipe's own detector sees no face.
        """
        left, top, right, bottom = face.box
        grow = 0.4 * max(right - left, bottom - top)
        height, width = image.shape[:2]
        x0, y0 = int(max(0, left - grow)), int(max(0, top - grow))
        x1, y1 = int(min(width, right + grow)), int(min(height, bottom + grow))
        crop = np.ascontiguousarray(image[y0:y1, x0:x1])
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=crop)
        result = self._landmarker.detect(picture)
        if not result.face_blendshapes:
            raise NoFaceError("mediapipe finds no face in this crop.")
        return np.array([c.score for c in result.face_blendshapes[0]], np.float64) * 10.0
