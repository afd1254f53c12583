"""Face templates, the two fits that map five points onto them, and the maps between frame and crop.

Convention for every matrix here: ``(2, 3)`` float64, ``b_from_a``, acting on column vectors ``(x, y, 1)`` in pixels whose
origin is the centre of the top left pixel.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import AlignedFace, CropSpec, Face, Fit, Image, Matrix, Points
from .landmarks68 import LEFT_EYE, LEFT_MOUTH, NOSE_TIP, RIGHT_EYE, RIGHT_MOUTH

# Five points on a 112 x 112 crop. Source: insightface `face_align.arcface_dst`; the official MobileFaceSwap code
# (`utils/align_face.py`) writes the same points as the 96-wide template shifted by 8 px.
_ARCFACE_112 = np.array(
    [
        [38.29459953, 51.69630051],
        [73.53179932, 51.50139999],
        [56.02519989, 71.73660278],
        [41.54930115, 92.3655014],
        [70.72990036, 92.20410156],
    ]
)
# The frontal one of the five pose templates of SimSwap and GHOST (`face_align_ffhqandnewarc.src3`): a wider crop.
_FRONTAL_112 = np.array([[39.730, 51.138], [72.270, 51.138], [56.000, 68.493], [42.463, 87.010], [69.537, 87.010]])
# Fractions of the side, as facefusion 3.8.1 has them (`ffhq_512`, `mtcnn_512`).
_FFHQ = np.array(
    [
        [0.37691676, 0.46864664],
        [0.62285697, 0.46912813],
        [0.50123859, 0.61331904],
        [0.39308822, 0.72541100],
        [0.61150205, 0.72490465],
    ]
)
_MTCNN = np.array(
    [
        [0.36562865, 0.46733799],
        [0.63305391, 0.46585885],
        [0.50019127, 0.61942959],
        [0.39032951, 0.77598822],
        [0.61178945, 0.77476328],
    ]
)
TEMPLATES_112: dict[str, Points] = {
    "arcface": _ARCFACE_112,
    "arcface_frontal": _FRONTAL_112,
    # `insightface.utils.face_align.estimate_norm` at 128: the 112 points unscaled, 8 px further right.
    "arcface_128": np.add(_ARCFACE_112, [8.0, 0.0]) * (112 / 128),
    "ffhq": _FFHQ * 112,
    "mtcnn": _MTCNN * 112,
}

# As one product: a mean of six points by NumPy's own takes ten times as long, and a frame of a clip takes dozens of them.
_FIVE_OF_68 = np.zeros((5, 68))
_FIVE_OF_68[0, LEFT_EYE] = _FIVE_OF_68[1, RIGHT_EYE] = 1 / 6
_FIVE_OF_68[[2, 3, 4], [NOSE_TIP, LEFT_MOUTH, RIGHT_MOUTH]] = 1
_BETWEEN_EYES = _FIVE_OF_68[1] - _FIVE_OF_68[0]


def template_points(spec: CropSpec) -> Points:
    """The spec's five template points in crop pixels, ``(5, 2)``."""
    return TEMPLATES_112[spec.template] * (spec.size_px / 112.0)


def five_from_68(landmarks: Points) -> Points:
    """Five alignment points from 68 landmarks: eye centres, nose tip, mouth corners. ``(68, 2)`` -> ``(5, 2)``."""
    return _FIVE_OF_68 @ landmarks


def between_eyes(landmarks: Points) -> NDArray[np.float64]:
    """From the centre of the eye on the left of the image to that of the other, of ``(68, 2)`` landmarks: ``(2,)``."""
    return _BETWEEN_EYES @ landmarks


def similarity_from_points(points_a: Points, points_b: Points) -> Matrix:
    """Least-squares rotation, scale and shift taking ``points_a`` to ``points_b``.

    Args:
        points_a: ``(N, 2)``.
        points_b: ``(N, 2)``.

    Returns:
        ``b_from_a``, ``(2, 3)``; never a reflection. Degenerate input (all points equal) gives a pure shift.

    Source:
        Umeyama 1991, equations 34-43; closed form in the plane.

    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    >>> similarity_from_points(corners, 2 * corners + [5.0, 3.0]).round(6) + 0.0  # twice as large, shifted
    array([[2., 0., 5.],
           [0., 2., 3.]])
    """
    # In the plane a point is a complex number, and a rotation with scale is one: sum(conj(a) b) / sum(|a|^2). So written it takes
    # half the time of real arrays, and a frame of a clip takes dozens of them.
    a, b = (np.ascontiguousarray(points, np.float64).view(np.complex128)[:, 0] for points in (points_a, points_b))
    mean_a, mean_b = complex(a.sum()) / len(a), complex(b.sum()) / len(b)
    centred_a, centred_b = a - mean_a, b - mean_b
    spread = float(np.vdot(centred_a, centred_a).real)
    turn = 1 + 0j if spread == 0.0 else complex(np.vdot(centred_a, centred_b)) / spread
    shift = mean_b - turn * mean_a
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def affine_from_points(points_a: Points, points_b: Points) -> Matrix:
    """Least-squares affine map taking ``points_a`` to ``points_b``; it may shear.

    Source:
        Official MobileFaceSwap, `utils/align_face.py:align_with_five_points`.
    """
    a = np.hstack([np.asarray(points_a, np.float64), np.ones((len(points_a), 1))])
    solution, *_ = np.linalg.lstsq(a, np.asarray(points_b, np.float64), rcond=None)
    return np.ascontiguousarray(solution.T)


def crop_from_frame_matrix(five: Points, spec: CropSpec) -> Matrix:
    """The map that brings five face points of a frame onto the spec's template."""
    fits: dict[Fit, object] = {"similarity": similarity_from_points, "affine": affine_from_points}
    return fits[spec.fit](five, template_points(spec))  # type: ignore[operator]


def invert(b_from_a: Matrix) -> Matrix:
    """``a_from_b`` of an invertible ``(2, 3)`` map.

    >>> invert(np.array([[2.0, 0.0, 10.0], [0.0, 2.0, -4.0]])) + 0.0
    array([[ 0.5,  0. , -5. ],
           [ 0. ,  0.5,  2. ]])
    """
    # Written out: a frame of a clip takes dozens of them, and a general solver needs ten times as long.
    (a, b, x), (c, d, y) = b_from_a.tolist()
    determinant = a * d - b * c
    if determinant == 0.0:
        raise np.linalg.LinAlgError("Singular matrix")
    a, b, c, d = d / determinant, (0.0 - b) / determinant, (0.0 - c) / determinant, a / determinant  # no -0.0
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]])


def compose(c_from_b: Matrix, b_from_a: Matrix) -> Matrix:
    """``c_from_a``: first ``b_from_a``, then ``c_from_b``.

    >>> shift, double = np.array([[1.0, 0, 3], [0, 1.0, 0]]), np.array([[2.0, 0, 0], [0, 2.0, 0]])
    >>> transform_points(compose(double, shift), np.array([[1.0, 1.0]]))  # shifted first
    array([[8., 2.]])
    """
    result = c_from_b[:, :2] @ b_from_a
    result[:, 2] += c_from_b[:, 2]
    return result


def transform_points(b_from_a: Matrix, points_a: Points) -> Points:
    """Apply a ``(2, 3)`` map to ``(N, 2)`` points."""
    return np.asarray(points_a, np.float64) @ b_from_a[:, :2].T + b_from_a[:, 2]


def scale_of(b_from_a: Matrix) -> float:
    """Length in ``b`` of what is 1 long in ``a``; of a map that shears, the root of what becomes of an area of 1.

    >>> scale_of(np.array([[0.0, -3.0, 1.0], [3.0, 0.0, 2.0]]))
    3.0
    """
    (a, b, _), (c, d, _) = b_from_a.tolist()
    return abs(a * d - b * c) ** 0.5  # type: ignore[no-any-return]


def side_in_frame(crop_from_frame: Matrix, size_px: int) -> float:
    """Side in the frame, in px, of a crop of ``size_px``; for an affine crop that of the square of the same area."""
    return size_px / scale_of(crop_from_frame)


def scaled_crop(crop_from_frame: Matrix, scale: float) -> Matrix:
    """The map to the same crop with ``scale`` times as many pixels a side; pixel centres at integers."""
    larger_from_crop = np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])
    return compose(larger_from_crop, crop_from_frame)


def crop_of_contract(crop_from_frame: Matrix, spec: CropSpec, wanted: CropSpec) -> Matrix:
    """The map that cuts the same face out by another contract.

    Args:
        crop_from_frame: ``(2, 3)`` of the crop that is there.
        spec: its contract.
        wanted: the other contract.

    Note:
        The five points themselves are gone; where the template lies in the frame they are met but for the fit's residual.
    """
    five = transform_points(invert(crop_from_frame), template_points(spec))
    return crop_from_frame_matrix(five, wanted)


def recut(crop: Image, spec: CropSpec, wanted: CropSpec) -> Image:
    """Cut a face out of its own crop by another contract.

    Args:
        crop: ``(S, S, 3)``, as ``spec`` says.
        spec: its contract.
        wanted: the other contract; what lies outside the crop is its repeated border.

    Note:
        Templates meet but for the residual of a similarity between them; the five points of the face are gone.
    """
    if spec == wanted:
        return crop
    wanted_from_crop = similarity_from_points(template_points(spec), template_points(wanted))
    return warp_to_crop(crop, wanted_from_crop, wanted.size_px)


def align_face(frame: Image, face: Face, spec: CropSpec) -> AlignedFace:
    """Cut a face out of a frame.

    Args:
        frame: ``(H, W, 3)`` RGB uint8.
        face: its points in frame pixels.
        spec: template, size and fit of the network that will read the crop.

    Returns:
        The crop, its matrix, and the face's 68 landmarks in crop pixels when the face has them.

    Convention:
        Bilinear; outside the frame the border pixel is repeated (a black border moves batch statistics and draws an
        edge that the mask head was never trained on). A face larger than the crop is first halved by area averaging
        until at most twice too large, so that detail is averaged and not skipped.
    """
    crop_from_frame = crop_from_frame_matrix(face.five, spec)
    landmarks = None if face.landmarks is None else transform_points(crop_from_frame, face.landmarks)
    image = warp_to_crop(frame, crop_from_frame, spec.size_px)
    return AlignedFace(image, crop_from_frame, landmarks)


def warp_to_crop(frame: Image, crop_from_frame: Matrix, size_px: int) -> Image:
    """Sample a square crop from a frame; see :func:`align_face` for the convention."""
    return warp(frame, crop_from_frame, (size_px, size_px), border=cv2.BORDER_REPLICATE)


def warp(
    image: NDArray[Any],
    out_from_in: Matrix,
    size_px: tuple[int, int],
    *,
    border: int = cv2.BORDER_CONSTANT,
    interpolation: int = cv2.INTER_LINEAR,
) -> NDArray[Any]:
    """Resample an image without skipping detail when it shrinks.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``, any dtype OpenCV warps.
        out_from_in: ``(2, 3)``.
        size_px: width and height of the result.
        border: OpenCV border mode; constant means zeros.
        interpolation: OpenCV flag, used where the image does not shrink to less than half.

    Convention:
        Pixel centres at integers. Where the image shrinks by more than two it is first averaged over areas, only as far
        as the result needs it.
    """
    factor = _averaged_pixels(out_from_in)
    if factor == 1:
        return cv2.warpAffine(image, out_from_in, size_px, flags=interpolation, borderMode=border)
    left, top, right, bottom = _needed(image, out_from_in, size_px, factor)
    region = image[top:bottom, left:right]
    small = area_mean(region, factor)
    ratio_x, ratio_y = region.shape[1] / small.shape[1], region.shape[0] / small.shape[0]
    # Area averaging puts the centre of small pixel i at region coordinate (i + 0.5) * ratio - 0.5.
    in_from_small = np.array([[ratio_x, 0, left + 0.5 * ratio_x - 0.5], [0, ratio_y, top + 0.5 * ratio_y - 0.5]])
    out_from_small = compose(out_from_in, in_from_small)
    return cv2.warpAffine(small, out_from_small, size_px, flags=cv2.INTER_LINEAR, borderMode=border)


def grey_crop(frame: Image, crop_from_frame: Matrix, size_px: int) -> NDArray[np.uint8]:
    """:func:`warp_to_crop` in grey, ``(size_px, size_px)``: a third as much is averaged as of three colours."""
    left, top, right, bottom = _needed(frame, crop_from_frame, (size_px, size_px), _averaged_pixels(crop_from_frame))
    grey = cv2.cvtColor(frame[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    crop_from_grey = compose(crop_from_frame, np.array([[1.0, 0, left], [0, 1.0, top]]))
    return warp(grey, crop_from_grey, (size_px, size_px), border=cv2.BORDER_REPLICATE)


def area_mean(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """An image averaged over squares of so many pixels, in one go: each halving would round anew, and upwards.

    Args:
        image: ``(H, W)`` or ``(H, W, C)``, any dtype OpenCV resizes.
        factor: where it does not divide a side, the squares are a little longer so that they fill the image, which takes
            several times as long.

    Returns:
        ``(H // factor, W // factor)`` or ``(..., C)``, no side below 1.
    """
    size = max(1, image.shape[1] // factor), max(1, image.shape[0] // factor)
    return image if factor == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _averaged_pixels(out_from_in: Matrix) -> int:
    """Side in pixels of the areas that a warp averages first: a power of two, 1 where it shrinks by no more than two."""
    scale = scale_of(out_from_in)
    return 1 if scale >= 0.5 or scale == 0.0 else int(2 ** math.floor(math.log2(1.0 / scale)))


def _needed(
    image: NDArray[Any], out_from_in: Matrix, size_px: tuple[int, int], factor: int
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the pixels that a result of this size reads, and a rim of two averaged ones; never empty.

    Whole averaged pixels, but at a border of the image that ends within one.
    """
    (a, b, x), (c, d, y) = invert(out_from_in).tolist()
    width_out, height_out = size_px

    def span(start: float, across: float, down: float, length: int) -> tuple[int, int]:
        """First and last along one axis of the image. Numbers of Python: arrays of two take three times as long."""
        low, high = start + min(across, 0.0) + min(down, 0.0), start + max(across, 0.0) + max(down, 0.0)
        first = min(max(math.floor(low) - 2 * factor, 0), length - 1)
        last = first + factor * math.ceil((math.ceil(high) + 2 * factor - first) / factor)
        return first, min(max(last, first + 1), length)

    left, right = span(x, a * width_out, b * height_out, image.shape[1])
    top, bottom = span(y, c * width_out, d * height_out, image.shape[0])
    return left, top, right, bottom
