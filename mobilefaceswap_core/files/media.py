"""How PyAV opens files that strangers made."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from ..errors import BackendError, VideoError
from .formats import SIGNATURE_BYTES, format_of_content
from .opening import MAX_PIXELS
from .ordinary import check_ordinary


def decoder_pixels(limit: int) -> int:
    """What a decoder is told for a limit on pictures, so that it makes no room for much more.

    FFmpeg compares with widths rounded up for its vector code, to 64 at most: what lies just above the limit is left to
    :func:`check_frame`, which can say why.
    """
    return 2 * limit + (1 << 18)


# A playlist (HLS, DASH, concat) named like a clip would make FFmpeg open other files and addresses: only containers that
# hold their pictures themselves, and only from files. Names are those of `ffmpeg -demuxers`.
MEDIA_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,nut,mxf,mjpeg,m4v,h264,hevc,obu,ivf,yuv4mpegpipe,"
    "dv,rm,gif,apng,wav,mp3,aac,flac",
    "max_pixels": str(decoder_pixels(MAX_PIXELS)),  # opening a file decodes its first pictures
}


def open_media(path: str | os.PathLike[str], *, name: str = "") -> Any:
    """PyAV's input container of a clip; a context manager. It may hold no pictures at all.

    Args:
        path: the file; its content decides what it is.
        name: what to call it in messages; the path if not given.

    Raises:
        BackendError: PyAV is not installed.
        VideoError: missing, no clip, or of a kind that could lead elsewhere, such as a playlist.
    """
    try:
        import av
    except ImportError as error:
        raise BackendError("Reading a clip needs PyAV: pip install av.") from error
    check_ordinary(path, error=VideoError, wanted="a video file")
    try:
        return av.open(file_url(path), options=MEDIA_OPTIONS, metadata_errors="replace")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{name or path} cannot be opened as a video. {_why(Path(path), error)}") from error


def open_bytes(data: bytes) -> Any:
    """PyAV's input container of a clip in memory, under the same limits; a context manager.

    Raises:
        VideoError: it is none.
    """
    import av

    try:
        return av.open(io.BytesIO(data), options={k: v for k, v in MEDIA_OPTIONS.items() if k != "protocol_whitelist"})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"These bytes cannot be opened as a video ({error}). Write them again.") from error


def file_url(path: str | os.PathLike[str]) -> str:
    """A path as FFmpeg takes it for that file and nothing else: it would read a protocol into ``a:b.mp4``."""
    return f"file:{os.fspath(path)}"


def _why(path: Path, error: Exception) -> str:
    """What is wrong with a file that FFmpeg does not open, by its first bytes."""
    try:
        with path.open("rb") as stream:
            head = stream.read(SIGNATURE_BYTES)
    except OSError as refusal:
        return f"It cannot be read ({refusal.strerror}). Check its permissions."
    row = format_of_content(head)
    if row is not None and row.pillow:
        return f"It is a photo ({row.name}). Swap photos with `image`, or in the Image tab."
    if row is not None and row.demuxer == "mov":
        return f"It begins as {row.name}, and its index is missing or damaged, as of a recording that was cut off. Copy it again."
    if row is not None:
        return f"It begins as {row.name}, and is damaged. Download or copy it again."
    reason = getattr(error, "strerror", None) or error
    return f"It is of no kind that is read here ({reason}). If it plays elsewhere, convert it to MP4."


def length_s(container: Any) -> float | None:
    """How long a container says it is, in seconds; ``None`` where it does not.

    A Matroska file says when it ends instead, which is the same only for one that begins at 0.
    """
    import av

    if not container.duration:
        return None
    late = container.start_time if "matroska" in container.format.name else 0
    return float(container.duration - max(0, late or 0)) / av.time_base


def picture_stream(container: Any, name: str) -> Any:
    """The stream of a clip that holds its pictures: no cover art, and one that can be decoded where there is one.

    Raises:
        VideoError: naming what the clip holds instead.
    """
    import av

    cover = av.stream.Disposition.attached_pic
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not streams:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise VideoError(f"{name} has no pictures, only {kinds}; wanted a video.")
    return next((stream for stream in streams if stream.codec_context is not None), streams[0])


def check_codec(stream: Any, name: str) -> None:
    """Refuse a stream whose codec FFmpeg does not know; PyAV gives it no context to decode with.

    Raises:
        VideoError: naming the clip.
    """
    if stream.codec_context is None:
        raise VideoError(f"{name} holds pictures of an unknown codec; wanted H.264, VP9 or the like. Convert it first.")


def bound_decoder(stream: Any, name: str, *, max_pixels: int | None = None) -> None:
    """Have a stream's decoder refuse large pictures; to be called before anything of it is decoded.

    A header speaks of the first picture only; any later one may be of any size. What the decoder refuses comes out as a
    damaged packet.

    Args:
        stream: PyAV's, of pictures.
        name: of the clip, for messages.
        max_pixels: of one picture; those of a photo if not given.

    Raises:
        VideoError: a codec that FFmpeg does not know, or the header names larger pictures.
    """
    check_codec(stream, name)
    context = stream.codec_context
    check_frame(context.width, context.height, name, max_pixels=max_pixels)
    context.options = {**context.options, "max_pixels": str(decoder_pixels(max_pixels or MAX_PIXELS))}


def check_frame(width: int, height: int, name: str, *, max_pixels: int | None = None) -> None:
    """Refuse a picture that is too large; the limit is that of photos if none is given.

    Raises:
        VideoError: naming the clip, the picture's size and the limit.
    """
    limit = max_pixels or MAX_PIXELS
    if width * height > limit:
        raise VideoError(
            f"{name}: got pictures of {width} x {height} px, wanted at most {limit} px in each. Scale the clip down first."
        )
