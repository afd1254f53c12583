"""A photo's file before anything of it is decoded: its bytes within limits, and the readers of Pillow that may open it."""

from __future__ import annotations

import io
import os
import struct
import zlib
from functools import cache
from pathlib import Path

import cv2
from PIL import Image as PillowImage

from ..errors import ImageError
from .formats import PILLOW_PHOTOS, SIGNATURE_BYTES, format_of_content
from .ordinary import check_ordinary

PathOrBytes = str | os.PathLike[str] | bytes | bytearray | memoryview

# Pillow's own threshold for "this may be a decompression bomb" (a quarter of a GiB of 24-bit pixels).
MAX_PIXELS = 89_478_485
MAX_BYTES = 256 * 2**20

TOO_LITTLE = "There is too little memory to decode it. Scale it down or close other programs."
# What decoders raise for damaged files; Pillow has no common base class for it. Too little memory is not the file's fault.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    cv2.error,
    struct.error,
    zlib.error,
)


def forget_other_formats() -> None:
    """Have Pillow open no other formats than :func:`~.images.read_image` takes, whoever calls it in this process.

    For programs that serve strangers: a library that opens a picture by itself would reach plug-ins such as EPS, which
    starts Ghostscript.
    """
    _add_plugins()  # all are registered by now; none comes back later
    PillowImage.ID[:] = [name for name in PillowImage.ID if name in PILLOW_PHOTOS]
    for name in [name for name in PillowImage.OPEN if name not in PILLOW_PHOTOS]:
        del PillowImage.OPEN[name]


@cache
def _add_plugins() -> None:
    """Register Pillow's own readers, and the one for photos of recent phones where its package is installed."""
    PillowImage.init()
    try:
        import pillow_heif
    except ImportError:
        return
    pillow_heif.register_heif_opener()


def open_picture(data: bytes, name: str, max_pixels: int) -> PillowImage.Image:
    """Pillow's picture of an encoded file, not decoded yet.

    Args:
        data: the file.
        name: what to call it in messages.
        max_pixels: for messages; Pillow has a limit of its own.

    Raises:
        ImageError: no image that this package reads, or one that Pillow takes for a bomb.
    """
    try:
        _add_plugins()
        formats = [name for name in PILLOW_PHOTOS if name in PillowImage.OPEN]  # some are optional in Pillow
        return PillowImage.open(io.BytesIO(data), formats=formats)
    except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name}: {error}. Wanted at most {max_pixels} pixels; scale the picture down first."
        ) from error
    except MemoryError as error:
        raise ImageError(f"{name}: {TOO_LITTLE}") from error
    except UNREADABLE as error:
        raise ImageError(
            f"{name}: {_what_it_is(data)}. Wanted JPEG, PNG, WebP, TIFF or BMP; convert it first."
        ) from error


def read_bytes(source: PathOrBytes, max_bytes: int) -> tuple[bytes, str]:
    """The encoded photo of a path or of bytes, and what to call it in messages.

    Raises:
        ImageError: missing, a folder, a pipe or device, unreadable, empty, or larger than ``max_bytes``.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, name = bytes(source), "image bytes"
    elif isinstance(source, (str, os.PathLike)):
        path, name = Path(source), str(source)
        try:
            if path.is_dir():
                raise ImageError(f"{name} is a folder; wanted an image file. Name a file inside it.")
            check_ordinary(path, error=ImageError, wanted="an image file")
            size = path.stat().st_size
            data = path.read_bytes() if size <= max_bytes else b""
        except FileNotFoundError:
            raise ImageError(f"{name} does not exist; wanted an image file. Check the path.") from None
        except (OSError, ValueError) as error:
            raise ImageError(f"{name} cannot be read ({error}). Check the path and its permissions.") from error
        if size > max_bytes:
            raise ImageError(
                f"{name}: got {size} bytes, wanted at most {max_bytes}. Save it smaller or raise max_bytes."
            )
    else:
        raise ImageError(f"got {type(source).__name__}, wanted the path or the bytes of an image file.")
    if not data:
        raise ImageError(f"{name} is empty (0 bytes); wanted an image file. Download or copy it again.")
    if len(data) > max_bytes:
        raise ImageError(
            f"{name}: got {len(data)} bytes, wanted at most {max_bytes}. Save it smaller or raise max_bytes."
        )
    return data, name


def _what_it_is(data: bytes) -> str:
    row = format_of_content(data[:SIGNATURE_BYTES])
    if row is None:
        named = {b"%PDF": "a PDF", b"<svg": "an SVG drawing", b"<?xml": "an XML file"}
        return next(
            (f"this is {name}" for start, name in named.items() if data.startswith(start)), "this is not an image"
        )
    if not row.pillow:
        return f"this is a clip ({row.name}); swap clips with `video`, or in the Video tab"
    if not any(name in PillowImage.OPEN for name in row.pillow):
        return f"this is a photo in {row.name}, which is read where pillow-heif is installed: pip install 'mobilefaceswap[heif]'"
    return f"the {row.name} file is damaged or of a variant that cannot be decoded"
