"""Reading images by reference, so that a pair list can name files, video frames and packed crops alike.

A reference is a path relative to the data set's root, optionally followed by ``#N``: frame ``N`` of a video, or crop
``N`` of a pack (an ``.npz`` with ``buf`` and ``off``: crop i is the encoded image ``buf[off[i]:off[i + 1]]``).
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import ImageError
from mobilefaceswap_core.npz import read_npz
from mobilefaceswap_core.types import Image, Points

from .records import partial_name

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


class ImageReader:
    """Read references under one root. Holds the last opened pack, nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pack: tuple[Path, dict[str, NDArray[np.generic]]] | None = None

    def read(self, reference: str) -> Image:
        """The image of a reference, ``(H, W, 3)`` RGB uint8.

        Raises:
            ImageError: naming the reference, when the file is missing, unreadable or too short.
        """
        path, number = split_reference(reference)
        full = self._root / path
        if not full.is_file():
            raise ImageError(f"{reference}: no such file under the data set's root; check the pair list and --root.")
        if full.suffix.lower() == ".npz":
            return self._crop(full, number, reference)
        if full.suffix.lower() in VIDEO_SUFFIXES:
            return _video_frame(full, number, reference)
        return read_image(full)

    def landmarks(self, reference: str, size_px: int) -> Points | None:
        """Landmarks that the data set itself knows for a reference, in pixels of a crop of ``size_px``, or ``None``."""
        path, number = split_reference(reference)
        if not path.endswith(".npz") or number is None:
            return None
        pack = self._open_pack(self._root / path)
        return pack["lm"][number].astype(np.float64) * size_px if "lm" in pack else None

    def _crop(self, path: Path, number: int | None, reference: str) -> Image:
        pack = self._open_pack(path)
        offsets = pack["off"]
        if number is None or not 0 <= number < len(offsets) - 1:
            raise ImageError(f"{reference}: wanted #N with N from 0 to {len(offsets) - 2}.")
        return decode_image(pack["buf"][int(offsets[number]) : int(offsets[number + 1])].tobytes(), reference)

    def _open_pack(self, path: Path) -> dict[str, NDArray[np.generic]]:
        if self._pack is None or self._pack[0] != path:
            self._pack = (path, read_npz(path, error=ImageError, what="pack of face crops"))
        return self._pack[1]


# Bitmaps only: Pillow hands other files, such as EPS, to outside programs.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")


def split_reference(reference: str) -> tuple[str, int | None]:
    """``clip.mp4#12`` -> ``("clip.mp4", 12)``; without a number -> ``(reference, None)``."""
    path, mark, number = reference.rpartition("#")
    if mark and number.isdecimal():
        return path, int(number)
    return reference, None


def read_image(path: Path) -> Image:
    """Read a file as RGB uint8, turned upright by its EXIF orientation.

    Raises:
        ImageError: naming the file, when it cannot be decoded.
    """
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path.name}: cannot be read ({error.strerror}).") from error
    return decode_image(payload, path.name)


def decode_image(payload: bytes, name: str) -> Image:
    """Decode an encoded image to ``(H, W, 3)`` RGB uint8; transparency is dropped."""
    from PIL import Image as PillowImage
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with PillowImage.open(io.BytesIO(payload), formats=_FORMATS) as opened:
            return np.array(ImageOps.exif_transpose(opened).convert("RGB"))
    except UnidentifiedImageError as error:  # its text holds a memory address, which would differ from run to run
        raise ImageError(f"{name}: not an image that can be decoded (unknown format).") from error
    except (OSError, ValueError, PillowImage.DecompressionBombError) as error:
        raise ImageError(f"{name}: not an image that can be decoded ({error}).") from error


def write_png(path: Path, image: Image) -> None:
    """Write a PNG under a temporary name, then rename it into place. The same image gives the same bytes."""
    from PIL import Image as PillowImage

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    with partial.open("wb") as handle:
        PillowImage.fromarray(image).save(handle, format="PNG", compress_level=4)
    os.replace(partial, path)


def _video_frame(path: Path, number: int | None, reference: str) -> Image:
    """Decode forward from the keyframe before frame ``number``; exact for constant frame rates."""
    import av

    from mobilefaceswap_core.video.reader import MEDIA_OPTIONS

    try:
        with av.open(str(path), options=MEDIA_OPTIONS) as container:
            stream = container.streams.video[0]
            rate, base = stream.average_rate, stream.time_base
            wanted, start = number or 0, stream.start_time or 0
            if wanted and rate and base:
                container.seek(start + int(wanted / rate / base), stream=stream)
            for frame in container.decode(stream):
                at = wanted if frame.pts is None or not rate else round(float((frame.pts - start) * base * rate))
                if at >= wanted:
                    return frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, IndexError) as error:
        raise ImageError(f"{reference}: the clip cannot be decoded ({error}).") from error
    raise ImageError(f"{reference}: the clip ends before frame {number}.")


def video_length(path: Path) -> int:
    """Frames of a clip, from its header, or counted when the header does not say.

    Raises:
        ImageError: when the clip cannot be opened.
    """
    import av

    from mobilefaceswap_core.video.reader import MEDIA_OPTIONS

    try:
        with av.open(str(path), options=MEDIA_OPTIONS) as container:
            stream = container.streams.video[0]
            return int(stream.frames) or sum(1 for _ in container.demux(stream)) - 1
    except (av.error.FFmpegError, IndexError) as error:
        raise ImageError(f"{path.name}: the clip cannot be opened ({error}).") from error
