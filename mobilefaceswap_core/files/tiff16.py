"""TIFF files with 16 bits a colour: OpenCV reads them, and this module writes them; Pillow does neither."""

from __future__ import annotations

import io
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import TiffImagePlugin

# TIFF 6.0, section 8; compression 8 is Adobe's deflate (Technical note 2).
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _EXTRA = 273, 277, 278, 279, 284, 338
_ICC, _SAMPLE_FORMAT = 34675, 339
_DEFLATE, _RGB, _NOT_MULTIPLIED = 8, 2, 2


def is_deep(picture: PillowImage.Image) -> bool:
    """Whether an opened TIFF has 16 bits in each of three or four colours, of which Pillow would drop half."""
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(_BITS, ())
    return isinstance(bits, tuple) and len(bits) in (3, 4) and set(bits) == {16} and tags.get(_PHOTOMETRIC) == _RGB


def decode(data: bytes) -> tuple[NDArray[np.uint16], str]:
    """All 16 bits.

    Raises:
        ValueError: it does not decode.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError("16-bit TIFF does not decode")
    if pixels.shape[2] == 4:
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), "RGBA16"  # type: ignore[return-value]
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), "RGB16"  # type: ignore[return-value]


def encode(
    native: NDArray[np.uint16], *, icc_profile: bytes | None, exif: PillowImage.Exif, dpi: tuple[float, float] | None
) -> bytes:
    """A file of one strip.

    Args:
        native: ``(H, W, 3)`` or ``(H, W, 4)`` RGB(A) uint16.
        icc_profile: to embed.
        exif: tags to write, those of its own directories too.
        dpi: resolution for print.
    """
    height, width, samples = native.shape
    strip = zlib.compress(np.ascontiguousarray(native, "<u2").tobytes(), 4)
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    directories: dict[int, Any] = {number: dict(exif.get_ifd(number)) for number in (34665, 34853)}  # EXIF, location
    for number, value in exif.items():
        if number not in directories:
            tags[number] = value
    for number, values in directories.items():
        if values:
            tags[number] = values
    tags[_WIDTH], tags[_HEIGHT], tags[_BITS] = width, height, (16,) * samples
    tags[_COMPRESSION], tags[_PHOTOMETRIC], tags[_SAMPLES], tags[_ROWS] = _DEFLATE, _RGB, samples, height
    tags[_PLANAR], tags[_SAMPLE_FORMAT], tags[_STRIP_BYTES] = 1, (1,) * samples, len(strip)
    if samples == 4:
        tags[_EXTRA] = _NOT_MULTIPLIED
    if icc_profile:
        tags.tagtype[_ICC] = 7  # bytes
        tags[_ICC] = icc_profile
    if dpi:
        tags[282], tags[283], tags[296] = dpi[0], dpi[1], 2  # resolution across, down, in inches
    tags[_STRIPS] = 0  # from where the tags end, which Pillow adds
    file = io.BytesIO()
    tags.save(file)
    file.write(strip)
    return file.getvalue()
