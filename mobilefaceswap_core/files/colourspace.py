"""How a clip's numbers mean colours: matrix, range and depth, and the map from RGB to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hdr import CURVES, Curve

# Luma weights of red and blue. Source: ITU-T H.273, table 4 (matrix coefficients).
_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593), "smpte240m": (0.212, 0.087)}
_NAME_OF_CODE = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_SWSCALE_CODE = {"bt709": 1, "bt601": 5, "smpte240m": 7, "bt2020": 9}  # libswscale, SWS_CS_*
SD_HEIGHT = 576  # what players assume for clips that do not say: BT.601 up to here, BT.709 above
FULL_RANGE = 2  # AVCOL_RANGE_JPEG
LIMITED_RANGE = 1


@dataclass(frozen=True, slots=True)
class Colourspace:
    """Matrix, range, bit depth and, of an HDR frame, the curve of a planar YUV frame."""

    matrix: str
    full_range: bool
    bits: int = 8
    curve: Curve | None = None

    @property
    def swscale_code(self) -> int:
        return _SWSCALE_CODE[self.matrix]

    @property
    def range_code(self) -> int:
        return FULL_RANGE if self.full_range else LIMITED_RANGE

    def yuv_from_rgb(self) -> NDArray[np.float32]:
        """``(3, 4)`` matrix taking ``(r, g, b, 1)`` in [0, 255] to stored Y, U and V."""
        red, blue = _WEIGHTS[self.matrix]
        luma = np.array([red, 1 - red - blue, blue])
        rows = np.stack([luma, ([0, 0, 1] - luma) / (2 * (1 - blue)), ([1, 0, 0] - luma) / (2 * (1 - red))]) / 255
        top = float(2**self.bits - 1)
        unit = float(2 ** (self.bits - 8))
        scales = np.array([top, top, top] if self.full_range else [219 * unit, 224 * unit, 224 * unit])
        offsets = np.array([0.0 if self.full_range else 16 * unit, 128 * unit, 128 * unit])
        return np.hstack([rows * scales[:, None], offsets[:, None]]).astype(np.float32)


def colourspace_of(frame: Any) -> Colourspace:
    """Of a decoded frame. Clips that do not say get what players assume."""
    name = frame.format.name
    matrix = _NAME_OF_CODE.get(
        int(frame.colorspace), "bt601" if min(frame.height, frame.width) <= SD_HEIGHT else "bt709"
    )
    full = int(frame.color_range) == FULL_RANGE or name.startswith("yuvj")
    return Colourspace(matrix, full, frame.format.components[0].bits, CURVES.get(int(frame.color_trc)))
