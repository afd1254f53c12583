"""Clips for tests, made from photos that ship with scikit-image and insightface; written by PyAV or Pillow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@lru_cache(maxsize=1)
def astronaut() -> Image:
    """512 x 512, one face about 97 px wide at (224, 117)."""
    import skimage.data

    return skimage.data.astronaut()


@lru_cache(maxsize=1)
def group() -> Image:
    """1280 x 886, six faces of 104 to 125 px."""
    package = find_spec("insightface")
    assert package is not None and package.origin is not None
    photo = cv2.imread(str(Path(package.origin).parent / "data" / "images" / "t1.jpg"))
    return cv2.cvtColor(photo, cv2.COLOR_BGR2RGB)


def head(which: int) -> Image:
    """A square around one of the group's faces, 250 px."""
    left, top = [(0, 200), (195, 85), (395, 215), (670, 290), (835, 5), (1030, 210)][which]
    return np.ascontiguousarray(group()[top : top + 250, left : left + 250])


def moved(
    image: Image, size_px: tuple[int, int], *, shift: tuple[float, float], scale: float = 1.0, turn_deg: float = 0.0
) -> Image:
    """A view of an image whose centre is moved to the view's centre plus ``shift``; grey outside."""
    width, height = size_px
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), turn_deg, scale)
    matrix[:, 2] += [width / 2 - image.shape[1] / 2 + shift[0], height / 2 - image.shape[0] / 2 + shift[1]]
    return cv2.warpAffine(image, matrix, size_px, flags=cv2.INTER_AREA, borderValue=(110, 110, 110))


def laid_over(canvas: Image, image: Image, centre: tuple[float, float]) -> Image:
    """An oval cut of an image over a canvas, soft at its edge, at a sub-pixel place."""
    height, width = image.shape[:2]
    oval = np.zeros((height, width), np.float32)
    cv2.ellipse(oval, (width // 2, height // 2), (int(width * 0.36), int(height * 0.47)), 0, 0, 360, 1.0, -1)
    oval = cv2.GaussianBlur(oval, (0, 0), width * 0.015)
    matrix = np.array([[1.0, 0, centre[0] - width / 2], [0, 1.0, centre[1] - height / 2]])
    size = canvas.shape[1], canvas.shape[0]
    weight = cv2.warpAffine(oval, matrix, size)[..., None]
    pixels = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    return np.round(canvas + weight * (pixels.astype(np.float32) - canvas)).astype(np.uint8)


def textured(size_px: tuple[int, int], seed: int = 0) -> Image:
    """A soft background without faces."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 25, (9, 16, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, size_px, interpolation=cv2.INTER_CUBIC) + 115, 0, 255).astype(np.uint8)


def portrait_frames(count: int, size_px: tuple[int, int] = (320, 240), *, still: bool = False) -> list[Image]:
    """The astronaut moving in a small circle."""
    frames = []
    for index in range(count):
        angle = 0.0 if still else 2 * np.pi * index / 24
        shift = (30 + 12 * np.cos(angle), 95 + 8 * np.sin(angle))
        frames.append(
            moved(astronaut(), size_px, shift=shift, scale=0.75, turn_deg=0.0 if still else 6 * np.sin(angle))
        )
    return frames


def write_clip(
    path: Path,
    frames: Sequence[Image],
    *,
    rate: Fraction = Fraction(25),
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    sound: bool = False,
    subtitles: Path | None = None,
    setup: Callable[[Any], None] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write RGB(A) frames as a clip.

    Args:
        times: time stamps in units of ``time_base``; evenly spaced if not given.
        sound: add an AAC track with a rising tone.
        subtitles: an ``.srt`` file whose packets are copied in.
        setup: changes the video stream before the first frame.
    """
    container = av.open(str(path), "w")
    stream = container.add_stream(
        codec, rate=rate, options=options or ({"crf": "12", "preset": "ultrafast"} if "x264" in codec else {})
    )
    stream.width, stream.height, stream.pix_fmt = frames[0].shape[1], frames[0].shape[0], pixel_format
    base = time_base or 1 / rate
    stream.codec_context.time_base = base
    if setup is not None:
        setup(stream)
    tone = container.add_stream("aac", rate=16000, layout="mono") if sound else None
    text = av.open(str(subtitles)) if subtitles else None
    copied = container.add_stream_from_template(text.streams[0]) if text else None
    for index, image in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
        context = stream.codec_context
        frame = frame.reformat(
            format=pixel_format,
            dst_colorspace={1: 1, 9: 9}.get(context.colorspace, 5) if pixel_format.startswith("yuv") else None,
            src_color_range=2,
            dst_color_range=context.color_range
            if context.color_range in (1, 2)
            else (1 if pixel_format.startswith("yuv") else 2),
        )
        frame.colorspace, frame.color_range = context.colorspace, context.color_range
        frame.pts, frame.time_base = times[index] if times else index, base
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
    if tone is not None:
        _write_tone(container, tone, seconds=float(base * (times[-1] if times else len(frames))) + 0.1)
    if text is not None:
        for packet in text.demux():
            if packet.size:
                packet.stream = copied
                container.mux_one(packet)
        text.close()
    container.close()
    return path


def _write_tone(container: Any, stream: Any, *, seconds: float) -> None:
    at = np.arange(int(seconds * 16000)) / 16000
    samples = (0.3 * np.sin(2 * np.pi * (300 + 200 * at) * at)).astype(np.float32)
    for start in range(0, len(samples) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def read_frames(path: Path, pixel_format: str = "rgb24") -> list[NDArray[Any]]:
    """All pictures of a clip as arrays."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixel_format) for frame in container.decode(video=0)]


def read_times(path: Path) -> list[Fraction]:
    """When each picture is shown, in seconds."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def packets(path: Path, kind: str) -> list[bytes]:
    """The packets of the first audio or subtitle stream."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def set_rotation(path: Path, degrees_clockwise: int) -> None:
    """Write a display matrix into the track header of an MP4 file."""
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    version = data[header + 4]
    start = header + 8 + (32 if version else 20) + 16  # times, id, reserved, duration; reserved, layer, group, volume
    one = 1 << 16
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees_clockwise]
    values = [cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30]
    data[start : start + 36] = b"".join(int(v).to_bytes(4, "big", signed=True) for v in values)
    path.write_bytes(bytes(data))
