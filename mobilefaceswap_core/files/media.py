"""How PyAV opens files that strangers made."""

from __future__ import annotations

from typing import Any

from ..errors import VideoError

# A playlist (HLS, DASH, concat) named like a clip would make FFmpeg open other files and addresses: only containers that
# hold their pictures themselves, and only from files. Names are those of `ffmpeg -demuxers`.
MEDIA_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,nut,mxf,mjpeg,m4v,h264,hevc,obu,ivf,yuv4mpegpipe,"
    "dv,rm,gif,apng,wav,mp3,aac,flac",
}


def check_codec(stream: Any, name: str) -> None:
    """Refuse a stream whose codec FFmpeg does not know; PyAV gives it no context to decode with.

    Raises:
        VideoError: naming the clip.
    """
    if stream.codec_context is None:
        raise VideoError(f"{name} holds pictures of an unknown codec; wanted H.264, VP9 or the like. Convert it first.")
