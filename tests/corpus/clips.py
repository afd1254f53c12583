"""Clips made on the spot, in every way that phones, cameras and other programs make them; ten small pictures each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from mobilefaceswap_core.runtime.threads import ordinary_priority

COUNT, WIDTH, HEIGHT = 10, 96, 64
MARK = (30, 200, 60)  # of the corner that says which way a picture lies

SUBTITLES = "1\n00:00:00,040 --> 00:00:00,200\nGood morning\n\n2\n00:00:00,240 --> 00:00:00,360\nGood night\n"


def picture(number: int, width: int = WIDTH, height: int = HEIGHT, *, alpha: bool = False) -> NDArray[np.uint8]:
    """Picture ``number`` of every clip: a grey that tells its number, and a green corner at the upper left."""
    pixels = np.full((height, width, 4 if alpha else 3), 40 + 18 * (number % COUNT), np.uint8)
    pixels[: height // 4, : width // 4, :3] = MARK
    if alpha:
        pixels[..., 3] = 255
        pixels[height // 2 :, : width // 2, 3] = 0
    return pixels


def number_of(pixels: NDArray[Any]) -> int:
    """Which picture of a clip this is."""
    return round((float(pixels[: pixels.shape[0] // 5, pixels.shape[1] * 7 // 8 :].mean()) - 40) / 18)


def is_upright(pixels: NDArray[Any]) -> bool:
    """Whether the green corner is at the upper left, and nowhere else."""
    height, width = pixels.shape[:2]
    inner = slice(height // 16, height // 5), slice(width // 16, width // 5)
    corners = [pixels, pixels[:, ::-1], pixels[::-1], pixels[::-1, ::-1]]
    green = [float((c[inner][..., 1].astype(int) - c[inner][..., 0]).mean()) > 60 for c in corners]
    return green == [True, False, False, False]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a clip is made.

    Attributes:
        codec: FFmpeg's encoder of the pictures.
        pixel_format: of the pictures.
        rate: pictures a second.
        ticks: time stamps of the pictures in units of ``base``; evenly spaced if not given.
        base: unit of time stamps; one over the rate if not given.
        start_s: when pictures and sound begin.
        size: width and height.
        sound: encoder of a tone; empty for silence.
        sound_tag: title and language of the tone.
        sound_after_s: how much later than the pictures the tone begins.
        sound_tracks: how many tones.
        muxer: FFmpeg's name of the container, if the name of the file does not say it.
        muxer_options: what the container is told.
        codec_options: what the encoder is told.
        colour: matrix, range, primaries, transfer; numbers of ITU-T H.273.
        tags: of the clip.
        chapters: seconds at which they begin.
        subtitles: codec of a track of subtitles.
        cover: a cover picture.
        attachment: a font.
        data: a track of data.
        twice: a second track of pictures.
        interlaced: upper field first.
        alpha: the lower left quarter is transparent.
        turned: how the pictures lie in the file, as EXIF numbers it; the header says so.
        count: of pictures.
    """

    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(25)
    ticks: Sequence[int] | None = None
    base: Fraction | None = None
    start_s: Fraction = Fraction(0)
    size: tuple[int, int] = (WIDTH, HEIGHT)
    sound: str = ""
    sound_tag: Mapping[str, str] = field(default_factory=dict)
    sound_after_s: Fraction = Fraction(0)
    sound_tracks: int = 1
    muxer: str | None = None
    muxer_options: Mapping[str, str] = field(default_factory=dict)
    codec_options: Mapping[str, str] = field(default_factory=dict)
    colour: tuple[int, int, int, int] = (2, 1, 2, 2)
    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: Sequence[float] = ()
    subtitles: str = ""
    cover: bool = False
    attachment: bool = False
    data: bool = False
    twice: bool = False
    interlaced: bool = False
    alpha: bool = False
    turned: int = 1
    count: int = COUNT

    def but(self, **changes: Any) -> Recipe:
        return replace(self, **changes)


def make(path: Path, recipe: Recipe) -> Path:
    """Write a clip."""
    options = dict(recipe.muxer_options)
    with av.open(f"file:{path}", "w", format=recipe.muxer, options=options) as out:
        out.metadata.update(recipe.tags)
        base = recipe.base or 1 / recipe.rate
        videos = [_video(out, recipe, base) for _ in range(2 if recipe.twice else 1)]
        tones = []
        for number in range(recipe.sound_tracks if recipe.sound else 0):
            tone = out.add_stream(recipe.sound, rate=48000, layout="mono")
            tone.metadata.update(recipe.sound_tag)
            if number:
                tone.disposition = av.stream.Disposition.comment
            tones.append(tone)
        text = _subtitles(out, recipe)
        cover = _cover(out) if recipe.cover else None
        if recipe.attachment:
            out.add_attachment("font.ttf", "font/ttf", b"\0\1\0\0 no font, but bytes")
        data = out.add_data_stream("klv") if recipe.data else None
        if recipe.chapters:
            _chapters(out, recipe)
        if cover is not None:
            out.mux(cover[1])
        for video in videos:
            _write_pictures(out, video, recipe, base)
        for tone in tones:
            _write_tone(out, tone, recipe)
        for packet in text[1]:
            packet.stream = text[0]
            out.mux_one(packet)
        if data is not None:
            packet = av.Packet(b"\x06\x0e\x2b\x34" + bytes(28))
            packet.stream, packet.pts, packet.dts, packet.time_base = data, 0, 0, Fraction(1, 90_000)
            out.mux_one(packet)
    if recipe.turned != 1:
        lay(path, recipe.turned)
    return path


def _video(out: Any, recipe: Recipe, base: Fraction) -> Any:
    usual = {"crf": "10", "preset": "ultrafast", "g": "5"} if recipe.codec in ("libx264", "libx265") else {}
    if recipe.interlaced:
        usual |= {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    stream = out.add_stream(recipe.codec, rate=recipe.rate, options={**usual, **recipe.codec_options})
    width, height = recipe.size if recipe.turned < 5 else recipe.size[::-1]
    stream.width, stream.height, stream.pix_fmt = width, height, recipe.pixel_format
    context = stream.codec_context
    context.time_base = base
    if recipe.pixel_format.startswith("yuv"):
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = recipe.colour
    return stream


@ordinary_priority()  # of the process that makes an AV1 clip
def _write_pictures(out: Any, stream: Any, recipe: Recipe, base: Fraction) -> None:
    from mobilefaceswap_core.files.codecs import upright

    for number in range(recipe.count):
        pixels = picture(number, *recipe.size, alpha=recipe.alpha)
        pixels = np.ascontiguousarray(upright(pixels, INVERSE[recipe.turned]))
        frame = av.VideoFrame.from_ndarray(pixels, format="rgba" if recipe.alpha else "rgb24")
        if recipe.pixel_format.startswith("yuv"):
            context = stream.codec_context
            matrix = {1: 1, 9: 9, 10: 9}.get(recipe.colour[0], 5)
            frame = frame.reformat(
                format=recipe.pixel_format, dst_colorspace=matrix, src_color_range=2, dst_color_range=recipe.colour[1]
            )
            frame.colorspace, frame.color_range = context.colorspace, context.color_range
            frame.color_primaries, frame.color_trc = context.color_primaries, context.color_trc
        tick = recipe.ticks[number] if recipe.ticks else round(number / recipe.rate / base)
        frame.pts, frame.time_base = tick + round(recipe.start_s / base), base
        out.mux(stream.encode(frame))
    out.mux(stream.encode())


def _write_tone(out: Any, stream: Any, recipe: Recipe) -> None:
    rate = 48000
    length = recipe.ticks[-1] * float(recipe.base or 1) if recipe.ticks else recipe.count / float(recipe.rate)
    samples = max(rate // 5, int((length + 0.1) * rate))
    wave = (0.3 * np.sin(np.arange(samples) * 0.05)).astype(np.float32)
    context = stream.codec_context
    resampler = av.AudioResampler(format=context.format.name, layout=context.layout.name, rate=rate)
    start = round((recipe.start_s + recipe.sound_after_s) * rate)
    size = context.frame_size or 1024
    for at in range(0, samples - size + 1, size):
        frame = av.AudioFrame.from_ndarray(wave[None, at : at + size], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start + at, Fraction(1, rate)
        for ready in resampler.resample(frame):
            out.mux(stream.encode(ready))
    out.mux(stream.encode())


def _subtitles(out: Any, recipe: Recipe) -> tuple[Any, list[Any]]:
    if not recipe.subtitles:
        return None, []
    source = av.open(io.BytesIO(_subtitle_file(recipe.subtitles)))
    stream = out.add_stream_from_template(source.streams[0])
    stream.metadata.update({"language": "fra", "title": "Sous-titres"})
    return stream, [packet for packet in source.demux() if packet.size]


def _subtitle_file(codec: str) -> bytes:
    """Subtitles of a codec that is no text file are taken out of a container that has them."""
    if codec == "subrip":
        return SUBTITLES.encode()
    if codec == "webvtt":
        body = SUBTITLES.replace(",", ".").split("\n", 1)[1].replace("\n2\n", "\n")
        return f"WEBVTT\n\n{body}".encode()
    if codec == "ass":
        head = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"
        events = (
            "[Events]\nFormat: Layer, Start, End, Style, Text\nDialogue: 0,0:00:00.04,0:00:00.20,Default,Good morning\n"
        )
        return (head + events).encode()
    raise ValueError(codec)


def _cover(out: Any) -> tuple[Any, list[Any]]:
    stream = out.add_stream("mjpeg", rate=25)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), format="rgb24").reformat(format="yuvj420p")
    frame.pts = 0
    return stream, [*stream.encode(frame), *stream.encode()]


def _chapters(out: Any, recipe: Recipe) -> None:
    ends = [*recipe.chapters[1:], recipe.count / float(recipe.rate)]
    out.set_chapters(
        [
            {"id": n, "start": round(1000 * start), "end": round(1000 * end), "time_base": Fraction(1, 1000),
             "metadata": {"title": f"Chapter {n + 1}"}}
            for n, (start, end) in enumerate(zip(recipe.chapters, ends, strict=True))
        ]
    )  # fmt: skip


INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
# (a, b, c, d) of the display matrix by EXIF orientation: (x, y) is shown at (a x + c y, b x + d y).
MATRICES = {
    1: (1, 0, 0, 1), 2: (-1, 0, 0, 1), 3: (-1, 0, 0, -1), 4: (1, 0, 0, -1),
    5: (0, 1, 1, 0), 6: (0, 1, -1, 0), 7: (0, -1, -1, 0), 8: (0, -1, 1, 0),
}  # fmt: skip


def lay(path: Path, orientation: int) -> None:
    """Write a display matrix into the track headers of an MP4 or MOV."""
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd")
    while at >= 0:
        start = at + 8 + (32 if data[at + 4] else 20) + 16  # times, id, duration; reserved, layer, group, volume
        a, b, c, d = (value << 16 for value in MATRICES[orientation])
        values = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
        data[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in values)
        at = data.find(b"tkhd", at + 4)
    path.write_bytes(bytes(data))


def animation(path: Path, name: str, *, alpha: bool = False, durations_ms: Sequence[int] = (40,) * COUNT) -> Path:
    """Write an animation by Pillow."""
    images = [PillowImage.fromarray(picture(n, alpha=alpha)) for n in range(len(durations_ms))]
    options: dict[str, Any] = {"lossless": True} if name == "WEBP" else {}
    images[0].save(path, name, save_all=True, append_images=images[1:], duration=list(durations_ms), loop=2, **options)
    return path
