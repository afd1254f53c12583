"""How PyAV opens files that strangers made."""

from __future__ import annotations

import os
from typing import Any

from ..errors import BackendError, VideoError

# A playlist (HLS, DASH, concat) named like a clip would make FFmpeg open other files and addresses: only containers that
# hold their pictures themselves, and only from files. Names are those of `ffmpeg -demuxers`.
MEDIA_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,nut,mxf,mjpeg,m4v,h264,hevc,obu,ivf,yuv4mpegpipe,"
    "dv,rm,gif,apng,wav,mp3,aac,flac",
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
    try:
        return av.open(str(path), options=MEDIA_OPTIONS)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f"{name or path} cannot be opened as a video ({getattr(error, 'strerror', None) or error}). If it plays "
            "elsewhere, convert it to MP4; an MP4 that was cut off while it was written has lost its index and cannot be "
            "read."
        ) from error


def check_codec(stream: Any, name: str) -> None:
    """Refuse a stream whose codec FFmpeg does not know; PyAV gives it no context to decode with.

    Raises:
        VideoError: naming the clip.
    """
    if stream.codec_context is None:
        raise VideoError(f"{name} holds pictures of an unknown codec; wanted H.264, VP9 or the like. Convert it first.")
