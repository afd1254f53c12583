"""Values passed between modules: plain, frozen, and safe to share between threads.

Images are RGB uint8 ``(H, W, 3)``. Points are float64 ``(x, y)`` pixels with the origin at the centre of the top left
pixel (OpenCV's convention). Matrices are named ``b_from_a``: ``crop_from_frame @ [x, y, 1]`` gives crop pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.float32]  # (H, W), [0, 1]
Points = NDArray[np.float64]  # (N, 2) x, y in pixels
Matrix = NDArray[np.float64]  # (2, 3)

Fit = Literal["similarity", "affine"]
Region = Literal["skin", "brows", "eyes", "nose", "mouth"]  # parts of a face that may be swapped or kept
REGIONS: tuple[Region, ...] = get_args(Region)


@dataclass(frozen=True, slots=True)
class CropSpec:
    """How a network wants its faces cut out; part of the network's input contract.

    Attributes:
        size_px: side of the square crop in pixels.
        template: name of the five-point template in :mod:`mobilefaceswap_core.faces.geometry`.
        fit: ``similarity`` (rotation, scale, shift: InsightFace and the weights trained here) or ``affine``
            (least squares, may shear: the official MobileFaceSwap code).
    """

    size_px: int = 224
    template: str = "arcface"
    fit: Fit = "similarity"


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detected face, in pixels of the frame it was found in.

    Attributes:
        box: ``(4,)`` left, top, right, bottom; may reach over the frame's border.
        score: detector's confidence; comparable only within one detector.
        five: ``(5, 2)`` left eye, right eye, nose tip, left and right mouth corner, as seen in the image.
        landmarks: ``(68, 2)`` in the iBUG 300-W order, or ``None`` where the detector gives only five.
    """

    box: NDArray[np.float64]
    score: float
    five: Points
    landmarks: Points | None = None

    @property
    def size_px(self) -> float:
        """Side of the square with the box's area."""
        return float(np.sqrt(max(self.box[2] - self.box[0], 0.0) * max(self.box[3] - self.box[1], 0.0)))


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFace:
    """A face cut out of a frame as a :class:`CropSpec` asks for.

    Attributes:
        image: ``(S, S, 3)`` RGB uint8 crop.
        crop_from_frame: ``(2, 3)`` matrix that took frame pixels to crop pixels.
        landmarks: ``(68, 2)`` in crop pixels, or ``None``.
        glasses_filled: whether glasses were filled with skin; see :mod:`~mobilefaceswap_core.identity.glasses`.
    """

    image: Image
    crop_from_frame: Matrix
    landmarks: Points | None = None
    glasses_filled: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SwappedCrop:
    """What a swapper made of one aligned target.

    Attributes:
        image: ``(S, S, 3)`` RGB uint8. Where the mask is 0 it need not equal the target.
        mask: ``(S, S)`` float32 in [0, 1]; 1 where ``image`` replaces the target.
        blue_eyes: how surely the source's own eyes are blue, in [0, 1]; 1 where nobody knows. A swapper need not say.
    """

    image: Image
    mask: Mask
    blue_eyes: float = 1.0


@dataclass(frozen=True, slots=True)
class FrameReport:
    """What happened to one image or frame. A frame without a face is data, not an error.

    Attributes:
        faces_found: faces the detector returned.
        faces_swapped: faces replaced.
        skipped: reason by face index for faces that were found but left alone.
    """

    faces_found: int
    faces_swapped: int
    skipped: dict[int, str] = field(default_factory=dict)
