"""68 landmarks of a face by a small network on an upright, tight crop.

The network reads a grey 64 x 64 crop. Cut out by a detector's box alone, that crop varies, and the landmarks are off by 5 to
6 % of the eye distance, more when the head is tilted. So the network looks twice more, each time at a crop fitted to its last
answer: turned upright, with the margins below. The error falls to about 4 %, the same at 0 and 45 degrees; see
docs/detectors.md.

Of a face that the picture's border cuts, the network sees the border's pixels repeated, fading to grey: long streaks of
them pull the landmarks inwards, and a grey edge alone ends the face where the picture ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..faces.geometry import area_mean, between_eyes, compose, grey_crop, invert, transform_points, warp, warp_to_crop
from ..faces.landmarks68 import MIRROR_68
from ..runtime.sessions import open_session
from ..types import Image, Matrix, Points

if TYPE_CHECKING:
    import onnx

SIZE_PX = 64
# Crop around the landmarks' own extent, as fractions of it: sides, top, bottom. Chosen from a grid on CelebA crops as
# the place where the network agrees best with the reference landmarks and repeated looks do not drift.
SIDES, TOP, BOTTOM = 0.10, 0.15, 0.10
_BOX_GROWTH = 1.1  # of a detector's box, from the network's authors; made square here, which helps tilted heads
_CROP_CORNERS = np.array([[0.0, 0.0], [SIZE_PX, 0.0], [SIZE_PX, SIZE_PX], [0.0, SIZE_PX]]) - 0.5
_TURNS = (0, 1, 3, 2)  # quarter turns tried in this order for a face that may lie on its side
_FADE = 0.2  # of a face's width, over which the repeated border becomes grey; best of 0, 0.2, 0.4 and none on cut faces
_GREY = 127  # where there is nothing to see; what UltraFace subtracts
_CUT = 0.05  # of the landmarks' extent: a face that reaches further out of the picture is cut by its border
NO_DOUBT = 0.06  # between the doubt of right and wrong ways up; see LandmarkNetwork.track


class LandmarkNetwork:
    """Holds the network; all methods are pure and may run in several threads at once."""

    def __init__(self, path: Path, *, device: str = "cpu") -> None:
        self._session = open_session(of_any_count(path).SerializeToString(), name=str(path), device=device)
        self._input = self._session.get_inputs()[0].name

    def from_box(
        self, image: Image, box: NDArray[np.float64], *, may_lie: Callable[[], bool] = lambda: True
    ) -> tuple[Points, float]:
        """68 landmarks of the face in a detector's box, whichever way up it is.

        Args:
            image: ``(H, W, 3)`` RGB uint8.
            box: ``(4,)`` left, top, right, bottom in pixels.
            may_lie: asked when the answer for an upright face is doubtful: whether other ways up are worth a try.

        Returns:
            ``(68, 2)`` in pixels of ``image``, and the doubt (see :meth:`track`); infinite where no other way was tried.
        """
        around, answers = _Around(image), []
        for turns in _TURNS:
            answers.append(self._fit(around, box, turns * np.pi / 2))
            if answers[-1][1] < NO_DOUBT:
                break
            if turns == 0 and not may_lie():
                return answers[0][0], np.inf
        return min(answers, key=lambda answer: answer[1])

    def refine(self, image: Image, landmarks: Points) -> Points:
        """68 landmarks near known ones, ``(68, 2)`` in pixels of ``image``: one look, about a millisecond."""
        return self.track(image, landmarks)[0]

    def track(self, image: Image, landmarks: Points) -> tuple[Points, float]:
        """:meth:`refine` with the doubt about the answer.

        The doubt is how far the answers for the crop and for its mirror image lie apart, by the distance of the eyes.
        On CelebA faces it is below 0.04 in 95 % of the cases, and above 0.09 in 95 % of them when the face is taken for
        another way up.
        """
        crop_from_frame = crop_from_landmarks(landmarks)
        crop = _faded(grey_crop(image, crop_from_frame, SIZE_PX), landmarks, image.shape, crop_from_frame)
        return self._look_twice(crop, crop_from_frame)

    def _fit(self, around: _Around, box: NDArray[np.float64], angle: float) -> tuple[Points, float]:
        side = _BOX_GROWTH * float(max(box[2] - box[0], box[3] - box[1], 1.0))
        crop_from_frame = crop_from_region((box[:2] + box[2:]) / 2, np.array([side, side]), angle, SIZE_PX)
        points = transform_points(invert(crop_from_frame), self._run(around.grey(crop_from_frame))[0])
        crop_from_frame = crop_from_landmarks(points)
        points = transform_points(invert(crop_from_frame), self._run(around.view(points, crop_from_frame))[0])
        crop_from_frame = crop_from_landmarks(points)
        return self._look_twice(around.view(points, crop_from_frame), crop_from_frame)

    def _look_twice(self, crop: NDArray[Any], crop_from_frame: Matrix) -> tuple[Points, float]:
        """The mean of the answers for a crop and its mirror image: a mirrored photo gives mirrored landmarks."""
        one, other = self._run(crop, crop[:, ::-1])  # in one call: a sixth less than in two
        other = other[MIRROR_68]
        other[:, 0] = SIZE_PX - 1 - other[:, 0]
        points = (one + other) / 2
        eyes_px = np.linalg.norm(between_eyes(points))
        doubt = float(np.hypot(*(one - other).T).mean() / max(eyes_px, 1.0))
        return transform_points(invert(crop_from_frame), points), doubt

    def _run(self, *crops: NDArray[Any]) -> NDArray[np.float64]:
        """``(N, 68, 2)`` px of as many grey crops."""
        fractions = self._session.run(None, {self._input: np.stack(crops)[:, None].astype(np.float32) / 256})[0]
        return fractions.reshape(-1, 68, 2).astype(np.float64) * SIZE_PX - 0.5  # type: ignore[no-any-return]


def of_any_count(path: Path) -> onnx.ModelProto:
    """The network reading any number of crops at once; the file that ships reads one."""
    import onnx

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "count"
    return model


class _Around:
    """A face's surroundings, grey and averaged down once: looking at it from several sides costs little then."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._patch: NDArray[Any] | None = None
        self._patch_from_frame = np.zeros((2, 3))
        self._low = self._high = np.zeros(2)

    def grey(self, crop_from_frame: Matrix) -> NDArray[Any]:
        """``(64, 64)`` grey crop."""
        corners = transform_points(invert(crop_from_frame), _CROP_CORNERS)
        low, high = np.maximum(corners.min(0), 0), np.minimum(corners.max(0), self._image.shape[1::-1])
        if self._patch is None or (low < self._low).any() or (high > self._high).any():
            self._cut(corners.min(0), corners.max(0))
        assert self._patch is not None
        patch_crop = compose(crop_from_frame, invert(self._patch_from_frame))
        return warp(self._patch, patch_crop, (SIZE_PX, SIZE_PX), border=cv2.BORDER_REPLICATE)

    def view(self, landmarks: Points, crop_from_frame: Matrix) -> NDArray[Any]:
        """:meth:`grey` of a face at these landmarks, faded where the border of the picture cuts it."""
        return _faded(self.grey(crop_from_frame), landmarks, self._image.shape, crop_from_frame)

    def _cut(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Take what a crop shows and half as much on each side, at no less than one and a half times its pixels."""
        side = high - low
        factor = int(2 ** np.floor(np.log2(np.clip(side.min() / (1.5 * SIZE_PX), 1, None))))
        limits = np.array(self._image.shape[1::-1])
        # A picture's border need not be a multiple of the factor: what is left over repeats what lies before it.
        limits = np.maximum(limits // factor * factor, 1)
        first = np.clip(np.floor((low - side / 2) / factor) * factor, 0, limits - 1).astype(int) // factor * factor
        last = np.clip(np.ceil((high + side / 2) / factor) * factor, first + 1, limits).astype(int)
        region = cv2.cvtColor(self._image[first[1] : last[1], first[0] : last[0]], cv2.COLOR_RGB2GRAY)
        self._patch = area_mean(region, factor)
        ratio = region.shape[1] / self._patch.shape[1], region.shape[0] / self._patch.shape[0]
        frame_from_patch = np.array(
            [[ratio[0], 0, first[0] + ratio[0] / 2 - 0.5], [0, ratio[1], first[1] + ratio[1] / 2 - 0.5]]
        )
        self._patch_from_frame = invert(frame_from_patch)
        self._low, self._high = np.where(first > 0, first + factor, 0), np.where(last < limits, last - factor, np.inf)


def is_cut(landmarks: Points, shape: tuple[int, ...]) -> bool:
    """Whether the border of a picture of this shape cuts a face."""
    low, high = landmarks.min(0), landmarks.max(0)
    out = np.maximum(-low, high - [shape[1] - 1, shape[0] - 1])
    return bool((out > _CUT * (high - low)).any())


def view_of_face(image: Image, landmarks: Points, crop_from_frame: Matrix, size_px: int) -> Image:
    """A square view of a face for a network that looks for faces.

    Args:
        image: ``(H, W, 3)`` RGB uint8.
        landmarks: ``(68, 2)`` in pixels of ``image``; they may lie outside of it.
        crop_from_frame: of the view.
        size_px: side of the view.

    Convention:
        As :func:`~mobilefaceswap_core.faces.geometry.warp_to_crop`; where the border cuts the face, what is repeated of it
        fades to grey.
    """
    return _faded(warp_to_crop(image, crop_from_frame, size_px), landmarks, image.shape, crop_from_frame)


def _faded(view: NDArray[Any], landmarks: Points, shape: tuple[int, ...], crop_from_frame: Matrix) -> NDArray[Any]:
    """A square view, grey or in colours, whose repeated border becomes grey where the border of the picture cuts the face."""
    if not is_cut(landmarks, shape):
        return view
    size_px, (height, width) = len(view), shape[:2]
    x, y = np.meshgrid(np.arange(size_px, dtype=np.float32), np.arange(size_px, dtype=np.float32))
    (a, b, c), (d, e, f) = invert(crop_from_frame).astype(np.float32)
    across, down = a * x + b * y + c, d * x + e * y + f  # in the frame
    outside = np.maximum(np.maximum(-across, across - (width - 1)), np.maximum(-down, down - (height - 1)))
    share = np.clip(outside / (_FADE * max(float(np.ptp(landmarks, axis=0).max()), 1.0)), 0, 1)
    share = share.reshape(share.shape + (1,) * (view.ndim - 2))
    return np.round(view + share * (_GREY - view.astype(np.float32))).astype(np.uint8)  # type: ignore[no-any-return]


def upright_angle(landmarks: Points) -> float:
    """Tilt of the line through the eye centres in radians, clockwise in the image; 0 for an upright face."""
    x, y = between_eyes(landmarks).tolist()
    return math.atan2(y, x)


def upright_extent(landmarks: Points) -> tuple[float, Points, NDArray[np.float64], NDArray[np.float64]]:
    """Angle, rotation ``(2, 2)`` from upright to frame, and lower and upper corner of the landmarks when upright."""
    angle = upright_angle(landmarks)
    cos, sin = math.cos(angle), math.sin(angle)
    frame_from_upright = np.array([[cos, -sin], [sin, cos]])
    upright = landmarks @ frame_from_upright
    return angle, frame_from_upright, upright.min(0), upright.max(0)


def crop_from_landmarks(landmarks: Points) -> Matrix:
    """Map onto the network's crop: eyes level, the landmarks' extent plus the margins filling the square."""
    angle, frame_from_upright, low, high = upright_extent(landmarks)
    extent = np.maximum(high - low, 1.0)
    low, high = low - extent * [SIDES, TOP], high + extent * [SIDES, BOTTOM]
    return crop_from_region(frame_from_upright @ ((low + high) / 2), high - low, angle, SIZE_PX)


def crop_from_region(centre: NDArray[np.float64], sides: NDArray[np.float64], angle: float, size_px: int) -> Matrix:
    """Map a turned rectangle of the frame onto a square crop.

    Args:
        centre: ``(2,)`` frame pixels.
        sides: ``(2,)`` width and height in frame pixels along the rectangle's own axes.
        angle: of its horizontal axis in radians, clockwise in the image.
        size_px: side of the crop.
    """
    # Numbers of Python: arrays of two take longer, and a frame of a clip takes several of these maps.
    across, down = (float(side) / size_px for side in sides)
    (x, y), middle = centre.tolist(), (size_px - 1) / 2
    cos, sin = math.cos(angle), math.sin(angle)
    a, b, c, d = cos * across, -sin * down, sin * across, cos * down
    return invert(np.array([[a, b, x - (a + b) * middle], [c, d, y - (c + d) * middle]]))
