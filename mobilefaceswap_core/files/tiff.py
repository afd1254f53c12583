"""TIFF files: OpenCV reads those with 16 bits a colour, and this module writes all of them.

Pillow reads and writes eight bits of such colours, and drops the date and place of a photo from a compressed TIFF.
"""

from __future__ import annotations

import io
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import TiffImagePlugin
from PIL.ExifTags import IFD

# TIFF 6.0, section 8; compression 8 is Adobe's deflate (Technical note 2).
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _SAMPLES, _ROWS, _STRIP_BYTES, _PLANAR, _EXTRA = 273, 277, 278, 279, 284, 338
_ICC, _SAMPLE_FORMAT, _ACROSS, _DOWN, _UNIT = 34675, 339, 282, 283, 296
_DEFLATE, _NOT_MULTIPLIED = 8, 2
_MEANINGS = {"L": 1, "RGB": 2, "CMYK": 5}


def is_deep(picture: PillowImage.Image) -> bool:
    """Whether an opened TIFF has 16 bits in each of three or four colours, of which Pillow would drop half."""
    tags = getattr(picture, "tag_v2", {})
    bits = tags.get(_BITS, ())
    return (
        isinstance(bits, tuple)
        and len(bits) in (3, 4)
        and set(bits) == {16}
        and tags.get(_PHOTOMETRIC) == _MEANINGS["RGB"]
    )


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
    native: NDArray[Any],
    mode: str,
    *,
    icc_profile: bytes | None,
    exif: PillowImage.Exif,
    dpi: tuple[float, float] | None,
) -> bytes:
    """A file of one compressed strip.

    Args:
        native: ``(H, W)`` or ``(H, W, C)``, uint8 or uint16.
        mode: its layout; see :mod:`.codecs`.
        icc_profile: to embed.
        exif: tags to write, those of its own directories too.
        dpi: resolution for print.
    """
    height, width = native.shape[:2]
    samples = native.shape[2] if native.ndim == 3 else 1
    pixels = np.ascontiguousarray(native, native.dtype.newbyteorder("<"))
    strip = zlib.compress(pixels.tobytes(), 4)
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    directories: dict[int, Any] = {number: dict(exif.get_ifd(number)) for number in (IFD.Exif, IFD.GPSInfo)}
    for number, value in (*exif.items(), *directories.items()):
        if number not in directories or directories[number]:
            tags[number] = directories.get(number, value)
    tags[_WIDTH], tags[_HEIGHT], tags[_BITS] = width, height, (8 * native.itemsize,) * samples
    tags[_COMPRESSION], tags[_PHOTOMETRIC] = _DEFLATE, _MEANINGS[mode.removesuffix("16").removesuffix("A")]
    tags[_SAMPLES], tags[_ROWS], tags[_STRIP_BYTES] = samples, height, len(strip)
    tags[_PLANAR], tags[_SAMPLE_FORMAT] = 1, (1,) * samples
    if mode.removesuffix("16").endswith("A"):
        tags[_EXTRA] = _NOT_MULTIPLIED
    if icc_profile:
        tags.tagtype[_ICC] = 7  # bytes
        tags[_ICC] = icc_profile
    if dpi:
        tags[_ACROSS], tags[_DOWN], tags[_UNIT] = *dpi, 2  # inches
    tags[_STRIPS] = 0  # from where the tags end, which Pillow adds
    file = io.BytesIO()
    tags.save(file)
    file.write(strip)
    return file.getvalue()
