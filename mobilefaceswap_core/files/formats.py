"""The one table of file formats: their extensions, what they can hold, and who reads and writes them.

A format can be several things at once: a WebP file is a photo for ``image`` and an animation for ``video``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ImageError
from .ordinary import is_special

SIGNATURE_BYTES = 16  # of a file's beginning are enough for every signature below


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    Attributes:
        name: what people call it.
        suffixes: its extensions, lower case; the usual one first.
        media_type: its MIME type.
        signature: regular expression of its first bytes; empty where they say too little.
        pillow: names under which Pillow reads it as a photo, the first also for writing; empty for clips.
        modes: layouts in which a photo can be written (see :mod:`.codecs`); empty where none is written.
        animated: Pillow reads animations of it, and ``video`` takes it for one.
        writes_animation: Pillow writes animations of it, with every mark that it has room for.
        time_unit_ms: in which an animation says how long a picture is shown.
        demuxer: FFmpeg's name for reading it as a clip; empty for photos.
        muxer: FFmpeg's name for writing it as a clip; empty where none is written.
        counts_pictures: its clock is the picture's number; frames between two ticks are moved to the nearer one.
        codec: FFmpeg's encoder for such a clip if none is asked for.
        statement: how the statement of :mod:`mobilefaceswap_core.marking.metadata` gets into it: ``inside`` an encoded
            file, only ``while writing`` it, in a ``box`` at a clip's end, or not at all (empty).
        credentials: it can carry C2PA content credentials.
    """

    name: str
    suffixes: tuple[str, ...]
    media_type: str
    signature: bytes = b""
    pillow: tuple[str, ...] = ()
    modes: frozenset[str] = frozenset()
    animated: bool = False
    writes_animation: bool = False
    time_unit_ms: int = 1
    demuxer: str = ""
    muxer: str = ""
    counts_pictures: bool = False
    codec: str = "libx264"
    statement: Literal["inside", "while writing", "box", ""] = ""
    credentials: bool = False

    @property
    def holds_frames(self) -> bool:
        """Whether a file of it may hold more than a photo, as clips and animations do."""
        return bool(self.demuxer) or self.animated or self.name == "PNG"  # a PNG that moves is an APNG


# Only formats that are pixels: Pillow would otherwise hand EPS to Ghostscript. HEIC is read where pillow-heif is
# installed. Signatures are tried from top to bottom: MP4's fits AVIF, HEIC and MOV too.
FORMATS = (
    Format("PNG", (".png",), "image/png", rb"\x89PNG", ("PNG",),
           frozenset({"L", "LA", "RGB", "RGBA", "L16", "RGB16", "RGBA16"}), statement="inside", credentials=True),
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), "image/jpeg", rb"\xff\xd8\xff", ("JPEG", "MPO"),
           frozenset({"L", "RGB", "CMYK"}), statement="inside", credentials=True),
    Format("WebP", (".webp",), "image/webp", rb"RIFF....WEBP", ("WEBP",),
           frozenset({"RGB", "RGBA"}), animated=True, writes_animation=True, statement="inside", credentials=True),
    Format("BMP", (".bmp",), "image/bmp", rb"BM", ("BMP",), frozenset({"L", "RGB"})),
    Format("TIFF", (".tif", ".tiff"), "image/tiff", rb"II\*\0|MM\0\*", ("TIFF",),
           frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "L16", "RGB16", "RGBA16"}), statement="while writing", credentials=True),
    Format("GIF", (".gif",), "image/gif", rb"GIF8", ("GIF",),
           animated=True, writes_animation=True, time_unit_ms=10, statement="inside", credentials=True),
    Format("APNG", (".apng",), "image/apng", b"", ("PNG",), animated=True, writes_animation=True, statement="inside"),
    Format("MPO", (".mpo",), "image/mpo", b"", ("MPO", "JPEG")),
    Format("AVIF", (".avif", ".avifs"), "image/avif", rb"....ftypavi[fs]", ("AVIF",), animated=True,
           credentials=True),
    Format("HEIC", (".heic", ".heif", ".hif"), "image/heic", rb"....ftyp(?:heic|heix|heim|heis|mif1)", ("HEIF",),
           credentials=True),
    Format("HEIF sequence", (".heics", ".heifs"), "image/heic-sequence", rb"....ftyp(?:hevc|hevx|hevm|hevs|msf1)",
           ("HEIF",), demuxer="mov"),
    Format("JPEG 2000", (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"), "image/jp2",
           rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", ("JPEG2000",)),
    Format("PPM", (".ppm", ".pgm", ".pbm", ".pnm"), "image/x-portable-anymap", rb"P[1-6]\s", ("PPM",)),
    Format("MOV", (".mov",), "video/quicktime", rb"....ftypqt  ", demuxer="mov", muxer="mov",
           statement="box", credentials=True),
    Format("MP4", (".mp4", ".m4v"), "video/mp4", rb"....ftyp", demuxer="mov", muxer="mp4",
           statement="box", credentials=True),
    Format("3GP", (".3gp",), "video/3gpp", b"", demuxer="mov"),
    Format("WebM", (".webm",), "video/webm", b"", demuxer="webm", muxer="webm",
           codec="libvpx-vp9"),
    Format("Matroska", (".mkv",), "video/x-matroska", rb"\x1aE\xdf\xa3", demuxer="matroska", muxer="matroska"),
    Format("AVI", (".avi",), "video/x-msvideo", rb"RIFF....AVI ", demuxer="avi", muxer="avi", counts_pictures=True),
    Format("MPEG-TS", (".ts", ".mts", ".m2ts"), "video/mp2t", b"", demuxer="mpegts", muxer="mpegts"),
    Format("MPEG", (".mpg", ".mpeg"), "video/mpeg", rb"\0\0\x01\xba", demuxer="mpeg"),
    Format("FLV", (".flv",), "video/x-flv", rb"FLV\x01", demuxer="flv"),
    Format("WMV", (".wmv", ".asf"), "video/x-ms-wmv", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", demuxer="asf"),
    Format("Ogg", (".ogv",), "video/ogg", rb"OggS", demuxer="ogg"),
)  # fmt: skip

_OF_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}


def _suffixes(rows: Iterator[Format]) -> tuple[str, ...]:
    return tuple(suffix for row in rows for suffix in row.suffixes)


PHOTO_SUFFIXES = _suffixes(row for row in FORMATS if row.pillow)
WRITABLE_SUFFIXES = _suffixes(row for row in FORMATS if row.modes)  # as photos
ANIMATION_SUFFIXES = _suffixes(row for row in FORMATS if row.animated)
WRITABLE_ANIMATION_SUFFIXES = _suffixes(row for row in FORMATS if row.writes_animation)
CLIP_SUFFIXES = _suffixes(row for row in FORMATS if row.demuxer)
WRITABLE_CLIP_SUFFIXES = _suffixes(row for row in FORMATS if row.muxer)
# Names of Pillow's readers.
PILLOW_PHOTOS = tuple(dict.fromkeys(name for row in FORMATS for name in row.pillow))
PILLOW_ANIMATIONS = tuple(dict.fromkeys(row.pillow[0] for row in FORMATS if row.animated))


def format_of(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's extension names, in any case; ``None`` for one that the table does not have."""
    return _OF_SUFFIX.get(Path(path).suffix.lower())


def format_of_content(head: bytes) -> Format | None:
    """The format that a file's first :data:`SIGNATURE_BYTES` show; the extension is not believed.

    Formats that begin alike count as the commonest: APNG as PNG, MPO as JPEG, WebM as Matroska. ``None`` for others.
    """
    return next((row for row in FORMATS if row.signature and re.match(row.signature, head, re.DOTALL)), None)


def format_of_file(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's content shows, else the one that its extension names.

    Raises:
        ImageError: the file cannot be read.
    """
    if is_special(path) or os.path.isdir(path):
        return format_of(path)
    try:
        with open(path, "rb") as stream:
            return format_of_content(stream.read(SIGNATURE_BYTES)) or format_of(path)
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error


def is_photo(path: str | os.PathLike[str]) -> bool:
    """Whether an extension says that :func:`~.images.read_image` reads the file."""
    row = format_of(path)
    return row is not None and bool(row.pillow)


def visible_files(folder: Path) -> list[Path]:
    """Everything in a folder and its sub-folders that is no folder, in a stable order.

    Hidden files and folders (names that begin with a dot) are left out. Links to folders are not followed; they come as
    they are, for the caller to refuse or pass over.

    Raises:
        ImageError: a folder cannot be listed; what it holds must not be missed without a word.
    """

    def refuse(error: OSError) -> None:
        raise ImageError(f"{error.filename} cannot be listed ({error.strerror}). Check its permissions.") from error

    found = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        found += [Path(place, name) for name in (*names, *links) if not name.startswith(".")]
        folders[:] = [name for name in folders if not name.startswith(".")]
    return sorted(found)


def photos_in(folder: Path, *, deep: bool = False) -> list[Path]:
    """The photos of a folder by their extensions, in the order of their names; hidden files are left out.

    Args:
        folder: that exists.
        deep: look into its sub-folders too, hidden ones apart.

    Raises:
        ImageError: a folder cannot be listed.
    """
    if deep:
        files = visible_files(folder)
    else:
        try:
            files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise ImageError(f"{folder} cannot be listed ({error.strerror}). Check its permissions.") from error
    return [path for path in files if is_photo(path) and path.is_file()]
