"""Between encoded files and arrays: the layouts Pillow and OpenCV give for a file, and the files made of them.

Modes here are L, LA, RGB, RGBA, CMYK (uint8) and L16, RGB16, RGBA16 (uint16); see :class:`images.LoadedImage`.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import PngImagePlugin
from PIL.ExifTags import Base

from ..errors import ImageError, OutputError
from ..types import Image
from . import tiff
from .exif import Facts

XMP_KEY = "XML:com.adobe.xmp"  # the key under which PNG stores an XMP packet; used for every format here
# How Pillow packs a PNG: runs alone are looked for (zlib's Z_RLE). A photo has few repetitions once its rows are filtered: it takes
# half the time of Pillow's default strategy at level 4 and is as large, a drawing of few colours is up to three times as large.
PNG_OPTIONS: dict[str, Any] = {"compress_level": 1, "compress_type": zlib.Z_RLE}
# How OpenCV packs one: the same, with one filter for all rows where Pillow tries five, in half to two thirds of the time and
# within half a percent of the size.
_PNG_PARAMETERS = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),  # first, for it resets the strategy
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
)
_EXIF_HEADER = b"Exif\0\0"  # stands before EXIF in JPEG, and not in PNG
_IMAGE_DESCRIPTION, _ORIENTATION, _TIFF_XMP = 0x010E, 0x0112, 700  # EXIF 2.32 and TIFF tag numbers


def native_of(picture: PillowImage.Image) -> tuple[NDArray[Any], str]:
    """The picture's own pixels and their mode. Raises ImageError for depths that cannot be kept."""
    mode = picture.mode
    if mode in ("I;16", "I;16L", "I;16B", "I;16N"):
        return np.asarray(picture).astype(np.uint16), "L16"
    if mode == "I":
        values = np.asarray(picture)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise ImageError(
                f"got 32-bit grey values from {values.min()} to {values.max()}, wanted 8 or 16 bits. Convert it."
            )
        return values.astype(np.uint16), "L16"
    if mode == "F":
        raise ImageError("got floating point pixels, wanted 8 or 16 bits per channel. Convert it to a 16-bit PNG.")
    has_alpha = picture.has_transparency_data
    if mode == "1":
        picture, mode = picture.convert("L"), "L"
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK") or (has_alpha and mode in ("L", "RGB")):
        mode = "RGBA" if has_alpha else "RGB"
        picture = picture.convert(mode)
    return np.asarray(picture).copy(), mode


def decode_png_rgb16(data: bytes) -> tuple[NDArray[np.uint16], str]:
    """All 16 bits of a colour PNG."""
    # Pillow keeps only the high byte of 16-bit colour; OpenCV reads all of it, in BGR.
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("16-bit PNG does not decode")
    if pixels.shape[2] == 4:
        return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA), "RGBA16"  # type: ignore[return-value]
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), "RGB16"  # type: ignore[return-value]


def rgb_of(native: NDArray[Any], mode: str) -> Image:
    """``(H, W, 3)`` RGB uint8 view of native pixels; 16 bits are rounded, transparency is dropped."""
    if mode == "CMYK":
        return np.asarray(PillowImage.fromarray(native, "CMYK").convert("RGB")).copy()
    if native.dtype == np.uint16:
        native = ((native.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if mode in ("L", "L16"):
        return np.repeat(native[..., None], 3, 2)
    if mode == "LA":
        return np.repeat(native[..., :1], 3, 2)
    return np.ascontiguousarray(native[..., :3])


def orientation_of(picture: PillowImage.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where the tag is missing or nonsense."""
    value = picture.getexif().get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation."""
    # EXIF 2.32, table 6: where row 0 and column 0 of the stored picture belong.
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def text_of(picture: PillowImage.Image) -> dict[str, str]:
    """Text chunks, image description and XMP packet of an open file."""
    text = {str(k): str(v) for k, v in getattr(picture, "text", {}).items()} if picture.format == "PNG" else {}
    if description := picture.getexif().get(_IMAGE_DESCRIPTION):
        text["ImageDescription"] = str(description)
    xmp = picture.info.get("xmp")
    if isinstance(xmp, (bytes, str)) and XMP_KEY not in text:
        text[XMP_KEY] = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else xmp
    return text


def encode(
    native: NDArray[Any], mode: str, format_name: str, *, icc_profile: bytes | None, quality: int, text: dict[str, str],
    facts: Facts = Facts(), personal: bool = False,
) -> bytes:  # fmt: skip
    """The bytes of a file. Raises OutputError where the encoder refuses the picture."""
    exif = facts.exif(personal=personal)
    chunks = PngImagePlugin.PngInfo()
    if format_name == "PNG":
        for key, value in text.items():
            chunks.add_itxt(key, value)
    elif format_name != "BMP":
        _add_text(exif, text, format_name)
    if format_name == "WEBP" and facts.dpi:
        exif[Base.XResolution], exif[Base.YResolution], exif[Base.ResolutionUnit] = *facts.dpi, 2  # inches
    if format_name == "TIFF":
        return tiff.encode(native, mode, icc_profile=icc_profile, exif=exif, dpi=facts.dpi)
    if format_name == "PNG" and mode not in ("LA", "CMYK"):  # Pillow writes one, and refuses the other
        return _encode_png(native, icc_profile, chunks, exif, facts.dpi)
    picture = PillowImage.fromarray(native) if mode == "L16" else PillowImage.fromarray(native, mode)
    options: dict[str, Any] = {"icc_profile": icc_profile} if icc_profile else {}
    if format_name == "PNG":
        options.update(pnginfo=chunks, **PNG_OPTIONS)
    elif format_name == "JPEG":
        options.update(quality=quality, subsampling=0)  # not "optimize": fails on noisy pictures
    elif format_name == "WEBP":
        options.update(quality=quality, lossless=quality >= 100, exact=True, method=4)
    if format_name in ("JPEG", "WEBP") and XMP_KEY in text:
        options["xmp"] = text[XMP_KEY].encode()
    if len(exif) and format_name != "BMP":
        options["exif"] = exif
    if facts.dpi:
        options["dpi"] = facts.dpi  # WebP passes over it, and has it in EXIF
    stream = io.BytesIO()
    try:
        picture.save(stream, format_name, **options)
    except (OSError, ValueError) as error:
        raise OutputError(f"could not encode {picture.size} {mode} as {format_name} ({error}). Try PNG.") from error
    return stream.getvalue()


def _add_text(exif: PillowImage.Exif, text: dict[str, str], format_name: str) -> None:
    lines = [f"{key}: {value}" for key, value in text.items() if key != XMP_KEY]
    if lines:
        exif[_IMAGE_DESCRIPTION] = "\n".join(lines)
    if XMP_KEY in text and format_name == "TIFF":
        exif[_TIFF_XMP] = text[XMP_KEY].encode()


def plain_png(native: NDArray[Any]) -> bytes:
    """A PNG that says nothing but its pixels: ``(H, W)``, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, uint8 or uint16.

    Raises:
        OutputError: the encoder refuses the picture.
    """
    if native.ndim == 3:
        native = cv2.cvtColor(native, cv2.COLOR_RGBA2BGRA if native.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    try:
        done, encoded = cv2.imencode(".png", native, _PNG_PARAMETERS)
    except cv2.error as error:
        raise OutputError(
            f"could not encode {native.shape} {native.dtype} as PNG ({error}). Try a smaller picture."
        ) from error
    if not done:
        raise OutputError(f"could not encode {native.shape} {native.dtype} as PNG. Try a smaller picture.")
    return _joined(encoded.tobytes())


def _joined(png: bytes) -> bytes:
    """The same PNG with its pixels in one chunk: OpenCV makes chunks of 8 kB, and who signs a file visits each of them six times."""
    parts, pixels, at = [png[:8]], [], 8  # behind the signature (PNG specification, 5.2)
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        end = at + 12 + length
        if kind == b"IDAT":
            pixels.append(png[at + 8 : end - 4])
        elif kind == b"IEND":
            joined = io.BytesIO()
            PngImagePlugin.putchunk(joined, b"IDAT", *pixels)
            parts += [joined.getvalue(), png[at:end]]
        else:
            parts.append(png[at:end])
        at = end
    return b"".join(parts)


def _encode_png(
    native: NDArray[Any], icc_profile: bytes | None, chunks: PngImagePlugin.PngInfo, exif: PillowImage.Exif,
    dpi: tuple[float, float] | None,
) -> bytes:  # fmt: skip
    # OpenCV writes neither profile nor text: they go right after the header.
    data = plain_png(native)
    header_end = 8 + 25  # signature, then IHDR: length, name, 13 bytes, CRC (PNG specification, 11.2.2)
    extra = io.BytesIO()
    if icc_profile:
        PngImagePlugin.putchunk(extra, b"iCCP", b"ICC Profile\0\0", zlib.compress(icc_profile))
    if dpi:
        per_metre = (round(value / 0.0254) for value in dpi)
        PngImagePlugin.putchunk(extra, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if len(exif):
        PngImagePlugin.putchunk(extra, b"eXIf", exif.tobytes()[len(_EXIF_HEADER) :])
    for chunk in chunks.chunks:
        PngImagePlugin.putchunk(extra, chunk[0], chunk[1])
    return data[:header_end] + extra.getvalue() + data[header_end:]
