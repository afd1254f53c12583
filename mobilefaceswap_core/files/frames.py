"""A decoded frame of a clip as the picture that it shows: upright, in sRGB, by its own matrix, range and curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Image
from .codecs import upright
from .colourspace import FULL_RANGE, Colourspace, colourspace_of

_DISPLAY_MATRIX = "DISPLAYMATRIX"
_THUMBNAIL_PX = 16
# EXIF orientation by what a display matrix does: sides change places, left and right, top and bottom.
_ORIENTATIONS = {
    (False, False, False): 1, (False, True, False): 2, (False, True, True): 3, (False, False, True): 4,
    (True, False, False): 5, (True, True, False): 6, (True, True, True): 7, (True, False, True): 8,
}  # fmt: skip


def side_data(frame: Any) -> list[Any]:
    """What a decoder says of a frame besides its pixels.

    Who looks at it ties frame and data into a circle, and the pixels stay until Python looks for circles. So a thumbnail's is
    looked at, which has few; that takes half a millisecond.

    Args:
        frame: ``av.VideoFrame``.
    """
    return list(reformatted(frame, width=_THUMBNAIL_PX, height=_THUMBNAIL_PX).side_data)


def orientation_of_frame(frame: Any) -> int:
    """How a frame lies, as EXIF numbers it: 1 to 8, 1 for upright; of a slanted one the nearest.

    Args:
        frame: ``av.VideoFrame``.
    """
    for side in side_data(frame):
        if side.type.name == _DISPLAY_MATRIX:
            values = np.frombuffer(bytes(side), np.int32)
            if values.size < 9:
                return 1
            # A point (x, y) of the frame is shown at (a x + c y, b x + d y); libavutil/display.h.
            a, b, _, c, d = (int(value) for value in values[:5])
            if abs(a) + abs(d) >= abs(b) + abs(c):
                return _ORIENTATIONS[False, a < 0, d < 0]
            return _ORIENTATIONS[True, c < 0, b < 0]
    return 1


class Orientations:
    """:func:`orientation_of_frame` of one frame of a clip after another.

    Side data are looked at where the frame's rotation is another than before, which can be asked for at once.
    """

    def __init__(self) -> None:
        self._rotation: int | None = None
        self._orientation = 1

    def __call__(self, frame: Any) -> int:
        """As EXIF numbers it: 1 to 8.

        Args:
            frame: ``av.VideoFrame``.
        """
        if frame.rotation != self._rotation:
            self._rotation, self._orientation = frame.rotation, orientation_of_frame(frame)
        return self._orientation


def reformatted(frame: Any, **wanted: Any) -> Any:
    """``VideoFrame.reformat`` in this thread alone.

    Left to itself PyAV starts a thread for each processor and each frame, which live as long as the frame: a clip of 720p had 160 of
    them, and converting took twice the processor's time.
    """
    return frame.reformat(threads=1, **wanted)


def converted(frame: Any, pixel_format: str, colourspace: Colourspace) -> Any:
    """A frame in another pixel format, with the same matrix and range (an RGB result is always full range)."""
    to_rgb = pixel_format.startswith(("rgb", "bgr", "argb", "gbr"))
    return reformatted(
        frame,
        format=pixel_format,
        src_colorspace=colourspace.swscale_code,
        dst_colorspace=colourspace.swscale_code,
        src_color_range=colourspace.range_code,
        dst_color_range=FULL_RANGE if to_rgb else colourspace.range_code,
    )


def rgb_of(frame: Any, colourspace: Colourspace) -> Image:
    """``(H, W, 3)`` sRGB uint8 of a frame as it is stored; HDR is shown as :mod:`.hdr` says."""
    if colourspace.curve is not None:
        return colourspace.curve.shown(converted(frame, "rgb48le", colourspace).to_ndarray())
    return converted(frame, "rgb24", colourspace).to_ndarray()  # type: ignore[no-any-return]


def shown_rgb(frame: Any) -> Image:
    """``(H, W, 3)`` sRGB uint8 of a frame as a player shows it: upright too."""
    name = frame.format.name
    is_yuv = name.startswith(("yuv", "nv", "p0", "p2", "uyvy", "yuyv", "gray"))
    pixels = rgb_of(frame, colourspace_of(frame)) if is_yuv else reformatted(frame, format="rgb24").to_ndarray()
    return np.ascontiguousarray(upright(pixels, orientation_of_frame(frame)))
