"""Clips whose pictures grow after the first, which a header does not tell."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image as PillowImage

SMALL = (320, 240)


def growing_mjpeg(path: Path, size: tuple[int, int], *, small: int = 10, large: int = 2) -> Path:
    """JPEGs one after the other: ``small`` of 320 x 240, ``large`` of ``size``, and three small ones again."""
    first, later = _jpeg(SMALL), _jpeg(size)
    path.write_bytes(first * small + later * large + first * 3)
    return path


def growing_h264(path: Path, size: tuple[int, int], *, small: int = 10, large: int = 3) -> Path:
    """The same as H.264, in an MPEG transport stream (``.ts``) or bare (``.h264``)."""
    parts = [_h264(path, *SMALL, small), _h264(path, *size, large), _h264(path, *SMALL, 3)]
    path.write_bytes(b"".join(parts))
    return path


def growing_gif(path: Path, size: tuple[int, int]) -> Path:
    """A GIF whose second picture reaches beyond the canvas that the header names."""
    stream = io.BytesIO()
    pictures = [PillowImage.new("P", SMALL, colour) for colour in (1, 2)]
    pictures[0].putpalette([0, 0, 0, 90, 90, 90, 200, 200, 200])
    pictures[0].save(stream, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    data = bytearray(stream.getvalue())
    place = [at for at in range(len(data) - 9) if data[at] == 0x2C and data[at + 5 : at + 9] == _sides(SMALL)][-1]
    data[place + 5 : place + 9] = _sides(size)
    path.write_bytes(bytes(data))
    return path


def _sides(size: tuple[int, int]) -> bytes:
    return b"".join(side.to_bytes(2, "little") for side in size)


def _jpeg(size: tuple[int, int]) -> bytes:
    stream = io.BytesIO()
    PillowImage.new("L", size, 128).save(stream, "JPEG", quality=30)
    return stream.getvalue()


def _h264(path: Path, width: int, height: int, count: int) -> bytes:
    kind = {".ts": "mpegts", ".h264": "h264"}[path.suffix]
    options = {"preset": "ultrafast", "threads": "1"}
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream("libx264", rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        grey = np.full((height * 3 // 2, width), 128, np.uint8)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()
