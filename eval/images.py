"""Reading images by reference, so that a pair list can name files, video frames and packed crops alike.

A reference is a path relative to the data set's root, optionally followed by ``#N``: frame ``N`` of a video, or crop
``N`` of a pack (:mod:`mobilefaceswap_core.files.packs`; labels and landmarks may be missing).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import numpy as np

from mobilefaceswap_core.errors import ImageError, OutputError, VideoError
from mobilefaceswap_core.files.atomic import written_whole
from mobilefaceswap_core.files.codecs import plain_png
from mobilefaceswap_core.files.formats import CLIP_SUFFIXES
from mobilefaceswap_core.files.images import read_image as read_photo
from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.files.packs import Pack, read_pack
from mobilefaceswap_core.types import Image, Mask, Points

from .records import disk_refused

TARGET, MASK = "target.png", "mask.png"  # of a target that a run made, in a folder of its own (eval.made_targets)

# Photos that a reader keeps, 48 MB at most: a pair's two, and those of the pair before. Larger ones are decoded anew.
KEPT_IMAGES = 4
MOST_KEPT_PIXELS = 4_000_000


class ImageReader:
    """Read references under one root, and nothing outside it. Holds the last opened pack and the last photos.

    A photo that several methods and metrics ask for in turn is decoded once; nobody changes it.

    Args:
        root: the data set's root.
        drawn: folder of targets that the run made, which are read in place of the data set's.
        occluders: whether things were drawn over those.
        follow_links: whether links below the root may lead out of it.
    """

    def __init__(
        self, root: Path, *, drawn: Path | None = None, occluders: bool = True, follow_links: bool = False
    ) -> None:
        self._root = root.resolve()
        self._drawn = drawn
        self._occluders = occluders
        self._follow = follow_links
        self._pack: tuple[Path, Pack] | None = None
        self._last: OrderedDict[str, Image] = OrderedDict()

    def read(self, reference: str) -> Image:
        """The image of a reference, ``(H, W, 3)`` RGB uint8; the same array as before where it is one of the last.

        Raises:
            ImageError: naming the reference, when the file is missing, outside the root, unreadable or too short.
        """
        if reference not in self._last:
            image = self._decoded(reference)
            if image.shape[0] * image.shape[1] > MOST_KEPT_PIXELS:
                return image
            self._last[reference] = image
            if len(self._last) > KEPT_IMAGES:
                self._last.popitem(last=False)
        self._last.move_to_end(reference)
        return self._last[reference]

    def _decoded(self, reference: str) -> Image:
        path, number = split_reference(reference)
        full = inside(self._root, path, follow_links=self._follow)
        if full is None:
            raise ImageError(
                f"{_short(reference)}: leads out of the data set's root; references and links must stay inside it. Give a "
                "--root that holds everything, or --follow-links for links that you trust."
            )
        if not full.is_file():
            raise ImageError(
                f"{_short(reference)}: no such file under the data set's root; check the pair list and --root."
            )
        if full.suffix.lower() == ".npz":
            return self._crop(full, number, reference)
        if full.suffix.lower() in CLIP_SUFFIXES:
            return _video_frame(full, number, reference)
        return read_image(full)

    @property
    def has_occluders(self) -> bool:
        """Whether things are drawn over the targets of this run."""
        return self._drawn is not None and self._occluders

    def read_target(self, reference: str) -> Image:
        """The image of a target: as this run made it, otherwise as the data set has it; raises as :meth:`read`."""
        if self._drawn is not None and (path := self.drawn_at(reference) / TARGET).is_file():
            return read_image(path)
        return self.read(reference)

    def occluder(self, reference: str) -> Mask | None:
        """How far each pixel of a target's face is hidden, ``(H, W)`` float32 in [0, 1]; ``None`` where nothing was drawn."""
        if not self.has_occluders or not (path := self.drawn_at(reference) / MASK).is_file():
            return None
        return (read_image(path)[..., 0] / 255).astype(np.float32)

    def drawn_at(self, reference: str) -> Path:
        """The folder of a target that the run made; another one for every file, frame and crop.

        Raises:
            ImageError: the reference leads out of the root, or the run makes no targets.
        """
        path, number = split_reference(reference)
        full = inside(self._root, path, follow_links=self._follow)
        if full is None or self._drawn is None:
            raise ImageError(f"{_short(reference)}: no such target under the data set's root; check the pair list.")
        name = full.relative_to(self._root)
        return self._drawn / (name if number is None else name.with_name(f"{name.name}#{number}"))

    def landmarks(self, reference: str, size_px: int) -> Points | None:
        """Landmarks that the data set itself knows for a reference, in pixels of a crop of ``size_px``, or ``None``."""
        path, number = split_reference(reference)
        if not path.endswith(".npz") or number is None:
            return None
        full = inside(self._root, path, follow_links=self._follow)
        if full is None:
            raise ImageError(f"{_short(reference)}: leads out of the data set's root.")
        pack = self._open_pack(full)
        if not pack.has_landmarks:
            return None
        if number >= len(pack):
            raise ImageError(f"{_short(reference)}: the pack has landmarks of {len(pack)} crops.")
        return pack.landmarks[number].astype(np.float64) * size_px

    def _crop(self, path: Path, number: int | None, reference: str) -> Image:
        pack = self._open_pack(path)
        if number is None or not 0 <= number < len(pack):
            raise ImageError(f"{reference}: wanted #N with N from 0 to {len(pack) - 1}.")
        return decode_image(pack.encoded(number).tobytes(), reference)

    def _open_pack(self, path: Path) -> Pack:
        if self._pack is None or self._pack[0] != path:
            self._pack = (path, read_pack(path, optional=("lm", "ids"), error=ImageError))
        return self._pack[1]


_MOST_DIGITS = 12  # of a number after #; more name no frame
_NAME_SHOWN = 200  # characters of a reference in a message


def inside(root: Path, path: str, *, follow_links: bool = False) -> Path | None:
    """The file that a relative path names below a resolved folder; ``None`` if that leads out of it.

    Args:
        root: resolved.
        path: relative to it.
        follow_links: whether a link may lead out, as a data set that is made of links does; ``..`` never may.
    """
    try:
        named = Path(os.path.normpath(root / path))
        full = (root / path).resolve()
        full.is_file()  # raises for names that are too long for the file system
    except (OSError, ValueError, RuntimeError):  # also a NUL in the name, links in a circle
        return None
    if follow_links:
        return named if named.is_relative_to(root) and ".." not in Path(path).parts else None
    return full if full.is_relative_to(root) else None


def _short(reference: str) -> str:
    return reference if len(reference) <= _NAME_SHOWN else f"{reference[:_NAME_SHOWN]}..."


def split_reference(reference: str) -> tuple[str, int | None]:
    """``clip.mp4#12`` -> ``("clip.mp4", 12)``; without a number -> ``(reference, None)``."""
    path, mark, number = reference.rpartition("#")
    if mark and number.isdecimal() and len(number) <= _MOST_DIGITS:
        return path, int(number)
    return reference, None


def read_image(path: Path) -> Image:
    """Read a file as RGB uint8, turned upright by its EXIF orientation.

    Raises:
        ImageError: naming the file, when it cannot be decoded or is over the limits of :mod:`mobilefaceswap_core.files.images`.
    """
    try:
        return read_photo(path).image
    except ImageError as error:  # the whole path would differ from machine to machine in the records
        raise ImageError(str(error).replace(str(path), path.name)) from error


def decode_image(payload: bytes, name: str) -> Image:
    """Decode an encoded image to ``(H, W, 3)`` RGB uint8; of an animation the first picture; transparency is dropped."""
    try:
        return read_photo(payload).image
    except ImageError as error:
        raise ImageError(f"{name}: {str(error).removeprefix('image bytes: ')}") from error


def through_jpeg(image: Image, quality: int) -> Image:
    """A picture as it comes back from a JPEG of the given quality, ``(H, W, 3)`` RGB uint8."""
    import cv2

    _, payload = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(payload, cv2.IMREAD_COLOR)
    assert decoded is not None  # it was encoded a line above
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


def write_png(path: Path, image: Image) -> None:
    """Write a PNG whole or not at all. The same image gives the same bytes.

    Raises:
        OutputError: the disk refuses; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as partial:
            partial.write_bytes(plain_png(image))
    except (OSError, OutputError) as error:
        raise disk_refused(path, error) from error


def _video_frame(path: Path, number: int | None, reference: str) -> Image:
    """Decode forward from the keyframe before frame ``number``; exact for constant frame rates.

    Turned upright and converted as the core's own videos are (:mod:`mobilefaceswap_core.files.frames`).
    """
    import av

    try:
        image = _frame_after(path, number or 0, reference, seek=True)
        # An MPEG-TS has no index: a jump may land behind the frame, and only reading from the beginning finds it.
        image = _frame_after(path, number or 0, reference, seek=False) if image is None else image
    except VideoError as error:
        raise ImageError(str(error)) from error
    except (av.error.FFmpegError, ArithmeticError, IndexError, OSError, ValueError) as error:
        raise ImageError(f"{reference}: the clip cannot be decoded ({error}).") from error
    if image is None:
        raise ImageError(f"{reference}: the clip ends before frame {number}.")
    return image


def _frame_after(path: Path, wanted: int, reference: str, *, seek: bool) -> Image | None:
    """The frame, or ``None`` if a jump led behind it or the clip ends before it."""
    from mobilefaceswap_core.files.frames import shown_rgb
    from mobilefaceswap_core.files.media import bound_decoder, check_frame, picture_stream

    with open_media(path, name=reference) as container:
        stream = picture_stream(container, reference)
        bound_decoder(stream, reference)
        rate, base = stream.average_rate, stream.time_base
        start, jumps = stream.start_time or 0, bool(seek and wanted and rate and base)
        if jumps:
            container.seek(start + int(wanted / rate / base), stream=stream)
        for count, frame in enumerate(container.decode(stream)):
            check_frame(frame.width, frame.height, reference)
            known = frame.pts is not None and rate and base
            at = round(float((frame.pts - start) * base * rate)) if known else wanted
            if at > wanted and jumps and count == 0:
                return None
            if at >= wanted:
                return shown_rgb(frame)
    return None


def video_length(path: Path) -> int:
    """Frames of a clip, from its header, or counted when the header does not say or names more than the file has bytes.

    Raises:
        ImageError: when the clip cannot be opened.
    """
    import av

    try:
        with open_media(path, name=path.name) as container:
            stream = container.streams.video[0]
            if 0 < stream.frames <= path.stat().st_size:
                return int(stream.frames)
            return sum(1 for _ in container.demux(stream)) - 1
    except VideoError as error:
        raise ImageError(str(error)) from error
    except (av.error.FFmpegError, IndexError, OSError, ValueError) as error:
        raise ImageError(f"{path.name}: the clip cannot be opened ({error}).") from error
