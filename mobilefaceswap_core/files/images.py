"""Read photos as RGB arrays and write results back the way the photo was: same size, mode, bit depth and ICC profile.

A :class:`LoadedImage` keeps the file's own pixels (``native``) beside the RGB view that networks read. Writing merges
the two: a pixel whose RGB value was not touched keeps its native value bit for bit, in grey, CMYK and 16-bit files too.
Colour values are never converted between RGB profiles; the profile travels with the file.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from ..errors import ImageError, OutputError
from ..runtime.memory import memory_guard
from ..types import Image
from . import tiff
from .atomic import write_bytes
from .codecs import XMP_KEY, decode_png_rgb16, encode, native_of, orientation_of, rgb_of, text_of, upright
from .exif import Facts, facts_of
from .formats import WRITABLE_SUFFIXES, Format, format_of
from .opening import MAX_BYTES, MAX_PIXELS, TOO_LITTLE, UNREADABLE, PathOrBytes, open_picture, read_bytes

__all__ = [
    "XMP_KEY",
    "LoadedImage",
    "check_image",
    "format_for",
    "native_from_rgb",
    "picture_size",
    "read_image",
    "write_image",
]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """A photo as read, upright.

    Attributes:
        image: ``(H, W, 3)`` RGB uint8, EXIF orientation applied; what every network and detector reads.
        native: the same pixels as the file has them: ``(H, W)`` or ``(H, W, C)``, uint8 or uint16.
        mode: layout of ``native``: L, LA, RGB, RGBA, CMYK, or L16, RGB16, RGBA16. Palettes, 1-bit and YCbCr files are
            expanded to the nearest of these.
        file_mode: Pillow's name of the mode in the file, such as ``P`` or ``I;16``.
        format: Pillow's name of the format found in the file; the extension is not believed.
        icc_profile: embedded colour profile, or ``None``.
        orientation: EXIF orientation that was applied (1 when there was none). Never write it again.
        frames: how many frames or pages the file has; only the first is read.
        text: text the file carries: PNG text chunks, the EXIF image description, an XMP packet under ``XMP_KEY``.
        facts: when and with what it was taken, and more that a result may carry on.
    """

    image: Image
    native: NDArray[Any]
    mode: str
    file_mode: str
    format: str
    icc_profile: bytes | None = None
    orientation: int = 1
    frames: int = 1
    text: Mapping[str, str] = field(default_factory=dict)
    facts: Facts = field(default_factory=Facts)

    @property
    def alpha(self) -> NDArray[Any] | None:
        """``(H, W)`` opacity in the file's depth, or ``None``."""
        return self.native[..., -1] if self.mode in ("LA", "RGBA", "RGBA16") else None


def check_image(array: Any, *, what: str = "image") -> Image:
    """Validate an array that should be a picture.

    Args:
        array: anything.
        what: how to call it in the message.

    Returns:
        The same pixels, C-contiguous ``(H, W, 3)`` uint8.

    Raises:
        ImageError: not a NumPy array, another dtype or shape, or empty.
    """
    wanted = "wanted RGB uint8 of shape (height, width, 3)"
    if not isinstance(array, np.ndarray):
        raise ImageError(f"{what}: got {type(array).__name__}, {wanted}. Read files with images.read_image().")
    if array.dtype != np.uint8:
        advice = "Scale to 0..255, round and convert with astype(numpy.uint8)."
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            advice = "It also holds NaN or infinity: look for the step that produced them."
        raise ImageError(f"{what}: got dtype {array.dtype}, {wanted}. {advice}")
    if array.ndim != 3 or array.shape[2] != 3:
        advice = "Repeat a grey image three times and drop alpha, or read the file with images.read_image()."
        raise ImageError(f"{what}: got shape {array.shape}, {wanted}. {advice}")
    if array.size == 0:
        raise ImageError(f"{what}: got an empty array of shape {array.shape}, {wanted}. Check the crop or the file.")
    return np.ascontiguousarray(array)


def read_image(source: PathOrBytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> LoadedImage:
    """Read a photo from a file or from bytes.

    Args:
        source: path, or the encoded file itself.
        max_pixels: refuse larger pictures before decoding them. Pillow itself refuses twice its limit of 89 million.
        max_bytes: refuse larger files before reading them.

    Returns:
        The first frame, upright.

    Raises:
        ImageError: missing, a folder, unreadable, empty, over a limit, truncated, or no image this package reads.
    """
    data, name = read_bytes(source, max_bytes)
    with open_picture(data, name, max_pixels) as picture:
        width, height = picture.size
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: got {width} x {height} pixels, wanted at most {max_pixels}. Scale the picture down or raise "
                "the limit (max_pixels)."
            )
        try:
            return _decode(picture, data)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from error
        except MemoryError as error:
            raise ImageError(f"{name}: {width} x {height} pixels. {TOO_LITTLE}") from error
        except UNREADABLE as error:
            raise ImageError(
                f"{name}: the {picture.format} file is damaged or truncated ({error}). Download or copy it again."
            ) from error


def picture_size(source: PathOrBytes, *, max_bytes: int = MAX_BYTES) -> tuple[int, int]:
    """Width and height of a photo as its header says, before it is turned upright; no pixel is decoded.

    Raises:
        ImageError: as :func:`read_image` does, but for what only decoding shows and for the number of pixels.
    """
    data, name = read_bytes(source, max_bytes)
    with open_picture(data, name, MAX_PIXELS) as picture:
        return picture.size


def write_image(
    path: str | os.PathLike[str],
    image: Image,
    like: LoadedImage | None = None,
    *,
    quality: int = 95,
    text: Mapping[str, str] | None = None,
    personal: bool = False,
) -> Path:
    """Write a picture; the file appears whole or not at all.

    Args:
        path: the extension chooses the format: JPEG, PNG, WebP, BMP or TIFF.
        image: ``(H, W, 3)`` RGB uint8.
        like: the photo it was made from. Mode, bit depth, transparency and ICC profile follow it as far as the format
            can hold them; pixels equal to ``like.image`` get their native value. JPEG and BMP cannot hold transparency:
            it is laid over white there.
        quality: 1-100 for JPEG (4:4:4) and WebP; 100 is lossless in WebP.
        text: text to carry. PNG: one chunk per key. Others: ``key: value`` lines in the EXIF image description.
            ``XMP_KEY`` goes where the format keeps XMP.
        personal: carry on what ``like`` says of where, by whom and whose it is; its date, camera and resolution are kept
            anyway.

    Returns:
        The path written.

    Raises:
        ImageError: ``image`` is no picture, or not of the size of ``like``.
        OutputError: unknown extension, missing folder, no permission, no space, or text for a format without room.
    """
    path = Path(path)
    image = check_image(image)
    row = format_for(path)
    format_name = row.pillow[0]
    if text and not row.statement:
        raise OutputError(
            f"{path}: {row.name} cannot carry text about its making. Write PNG, JPEG, WebP or TIFF instead."
        )
    native, mode = (image, "RGB") if like is None else native_from_rgb(image, like)
    icc_profile = None if like is None else like.icc_profile
    if mode not in row.modes:
        if mode == "CMYK":
            icc_profile = None  # it describes inks, and the pixels become RGB
        native, mode = _nearest_mode(image, native, mode, row.modes)
    with memory_guard(f"Encoding {image.shape[1]} x {image.shape[0]} px as {format_name}"):
        data = encode(
            native, mode, format_name, icc_profile=icc_profile, quality=quality, text=dict(text or {}),
            facts=Facts() if like is None else like.facts, personal=personal,
        )  # fmt: skip
    write_bytes(path, data)
    return path


def format_for(path: str | os.PathLike[str]) -> Format:
    """Format an output path asks for. Raises OutputError for an extension under which no photo is written."""
    row = format_of(path)
    if row is None or not row.modes:
        raise OutputError(
            f"{path}: cannot write {Path(path).suffix.lower() or 'a file without extension'}; wanted "
            f"{', '.join(WRITABLE_SUFFIXES)}: change the extension."
        )
    return row


def native_from_rgb(image: Image, like: LoadedImage) -> tuple[NDArray[Any], str]:
    """Bring an edited RGB picture back to the layout of the photo it was made from.

    Args:
        image: ``(H, W, 3)`` RGB uint8, edited.
        like: the photo before the edit.

    Returns:
        Pixels and mode as in ``like``. Where ``image`` equals ``like.image`` the value is ``like.native``'s, bit for
        bit. Transparency is that of ``like``. In 16-bit files the edit is added at 16-bit scale, so that the low bits
        of the photo survive under a soft edge.

    Raises:
        ImageError: the sizes differ.
    """
    if image.shape != like.image.shape:
        raise ImageError(
            f"image: got shape {image.shape}, wanted {like.image.shape}, the size of the photo it was made from."
        )
    if like.mode in ("RGB", "RGBA"):
        return np.dstack([image, like.native[..., 3:]]), like.mode
    changed = (image != like.image).any(-1)
    native = like.native.copy()
    if like.mode in ("L", "LA"):
        grey = native if like.mode == "L" else native[..., 0]
        grey[changed] = _luma(image)[changed]
    elif like.mode == "CMYK":
        native[changed] = np.asarray(PillowImage.fromarray(image).convert("CMYK"))[changed]
    else:
        now, before = (image, like.image) if like.mode != "L16" else (_luma(image), like.image[..., 0])
        colours = native if like.mode == "L16" else native[..., :3]
        edit = (now.astype(np.int32) - before) * 257  # 65535 / 255
        colours[changed] = np.clip(colours.astype(np.int32) + edit, 0, 65535).astype(np.uint16)[changed]
    return native, like.mode


def _luma(image: Image) -> NDArray[np.uint8]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)  # type: ignore[return-value]


def _decode(picture: PillowImage.Image, data: bytes) -> LoadedImage:
    file_mode, format_name = picture.mode, picture.format or ""
    frames = int(getattr(picture, "n_frames", 1))
    if format_name == "PNG" and data[24] == 16 and file_mode != "I;16":
        picture.load()  # checks every chunk's CRC, which OpenCV forgives
        native, mode = decode_png_rgb16(data)
    elif format_name == "TIFF" and tiff.is_deep(picture):
        native, mode = tiff.decode(data)
    else:
        native, mode = native_of(picture)
    orientation = orientation_of(picture)
    native = np.ascontiguousarray(upright(native, orientation))
    return LoadedImage(
        image=rgb_of(native, mode),
        native=native,
        mode=mode,
        file_mode=file_mode,
        format=format_name,
        icc_profile=picture.info.get("icc_profile") or None,
        orientation=orientation,
        frames=frames,
        text=text_of(picture),
        facts=facts_of(picture),
    )


def _nearest_mode(image: Image, native: NDArray[Any], mode: str, modes: Collection[str]) -> tuple[NDArray[Any], str]:
    """The one of ``modes`` that is closest to ``mode``, and the pixels in it."""
    alpha = native[..., -1] if mode in ("LA", "RGBA", "RGBA16") else None
    if alpha is not None and alpha.dtype == np.uint16:
        alpha = ((alpha.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if alpha is not None and "RGBA" in modes:
        return np.dstack([image, alpha]), "RGBA"
    if alpha is not None:
        weight = alpha[..., None].astype(np.uint32)
        image = ((image * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)
    if mode in ("L", "LA", "L16") and "L" in modes:
        return _luma(image), "L"
    return image, "RGB"
