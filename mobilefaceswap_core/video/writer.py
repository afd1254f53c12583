"""Clips out: a container with the frames encoded anew and all sound and subtitles copied, an animation, or images."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av

from ..errors import OptionError, VideoError
from ..files.formats import ANIMATION_SUFFIXES, WRITABLE_CLIP_SUFFIXES, Format, format_of
from .animation import AnimationWriter, ImageWriter
from .output import encode_error
from .picture import Picture, RgbPicture, YuvPicture, padded
from .reader import Clip

_COPIED = ("audio", "subtitle")


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How frames are written.

    Attributes:
        codec: ``auto`` (H.264, or VP9 in WebM) or an encoder's name as FFmpeg calls it.
        crf: quality of x264, x265, VP9 and AV1; lower is better and larger. 18 is what x264's guide calls visually
            lossless or nearly so.
        preset: speed of x264 and x265. ``veryfast`` leaves a core for the swap.
        pixel_format: ``keep`` writes depth and subsampling of the clip where the encoder has them; ``yuv420p`` plays
            everywhere.
        sound: whether sound is copied.
    """

    codec: str = "auto"
    crf: float = 18
    preset: str = "veryfast"
    pixel_format: str = "keep"
    sound: bool = True


class Writer(Protocol):
    """Takes frames in order. ``notes`` tells what the output could not keep."""

    notes: list[str]

    def write(self, picture: Picture) -> None: ...

    def copy(self, packet: Any) -> None:
        """Take a packet of another stream of the input."""
        ...

    def finish(self) -> None:
        """Write what is pending and close; the file is complete after this."""
        ...

    def abort(self) -> None:
        """Close without caring for the content."""
        ...


def open_writer(part: Path, path: Path, clip: Clip, options: EncodeOptions, *, start: Fraction = Fraction(0)) -> Writer:
    """A writer for the kind of output that ``path`` names, writing to ``part``.

    Args:
        part: written to.
        path: names the kind.
        clip: whose frames and sound will come.
        options: see :class:`EncodeOptions`.
        start: time of the clip that becomes 0; sound before it is left out. Containers only.

    Raises:
        OptionError: unknown extension or encoder, or a start where none can be.
    """
    row = format_of(path)
    if start and (row is None or not row.muxer):
        raise OptionError(f"{path}: a start was given; wanted the name of a clip such as out.mp4, or no start.")
    if not path.suffix or (row is not None and row.modes and "%" in path.name):
        return ImageWriter(part, path, clip)
    if row is not None and row.animated:
        return AnimationWriter(part, row, clip)
    if row is None or not row.muxer:
        wanted = ", ".join((*WRITABLE_CLIP_SUFFIXES, *ANIMATION_SUFFIXES))
        raise OptionError(
            f"{path}: cannot write {path.suffix.lower()} clips; wanted {wanted}, or a name without extension for a folder "
            "of images."
        )
    return MediaWriter(part, row, clip, options, start)


def clip_start(clip: Clip) -> Fraction:
    """When a clip begins by its own clock. One cut out of a broadcast starts at some hour of the day."""
    start = clip.container.start_time if clip.container is not None else None
    return Fraction(start, 1_000_000) if start and start > 0 else Fraction(0)


class MediaWriter:
    """A container of PyAV. Packets of other streams are written unchanged, in step with the frames."""

    def __init__(self, part: Path, row: Format, clip: Clip, options: EncodeOptions, start: Fraction) -> None:
        self.notes: list[str] = []
        self._clip, self._options, self._row = clip, options, row
        self._name = row.codec if options.codec == "auto" else options.codec
        try:
            self._codec = av.codec.Codec(self._name, "w")
        except (av.codec.codec.UnknownCodecError, ValueError) as error:
            raise OptionError(
                f"There is no encoder {self._name!r} here; try libx264, libx265 or libvpx-vp9."
            ) from error
        flags = {"movflags": "+faststart"} if row.demuxer == "mov" else {}
        self._out = av.open(str(part), "w", format=row.muxer, options=flags)
        self._stream: Any = None
        self._copies: dict[int, Any] = {}
        self._pending: collections.deque[Any] = collections.deque()
        self._leaves_out = start > 0
        self._start_s = start + clip_start(clip)
        self._closed = False

    def write(self, picture: Picture) -> None:
        """Encode a frame and write the packets of other streams that belong before it."""
        if self._stream is None:
            self._open_streams(picture)
        frame = picture.video_frame(self._format)
        if (frame.width, frame.height) != self._size:
            if (frame.width, frame.height) == self._clip_size:
                frame = padded(frame, *self._size)
            else:  # some containers change size in the middle; one encoder cannot
                frame = frame.reformat(width=self._size[0], height=self._size[1])
                self._note("the clip changes its frame size; all frames were brought to the first one's")
        base = picture.stamp.time_base
        frame.pts = picture.stamp.pts - round(self._start_s / base)
        frame.time_base, frame.duration = base, picture.stamp.duration
        frame.pict_type = 0  # else x264 repeats the input's choice of key frames
        try:
            self._out.mux(self._stream.encode(frame))
            self._write_pending(picture.stamp.seconds)
        except av.error.FFmpegError as error:
            raise encode_error(error, self._name) from error

    def _open_streams(self, first: Picture) -> None:
        info, source = self._clip.info, self._clip.container
        self._format = self._choose_format(first)
        stream: Any = self._out.add_stream(self._name, rate=info.frame_rate, options=self._codec_options())
        self._clip_size = first.size_px
        width, height = self._clip_size
        if self._name in ("libx264", "libx265") and "42" in self._format:  # 4:2:0 and 4:2:2 need even sides there
            width, height = width + width % 2, height + (height % 2 if "420" in self._format else 0)
        self._size = width, height
        if self._size != self._clip_size:
            self._note(
                f"{self._name} needs even sides: {self._clip_size[0]} x {self._clip_size[1]} px became {width} x {height} px, "
                "the border repeated"
            )
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = width, height, self._format
        context.time_base, context.framerate = info.time_base, info.frame_rate
        if info.sample_aspect:
            context.sample_aspect_ratio = info.sample_aspect
        described = first.video_frame(self._format)
        context.colorspace, context.color_range = int(described.colorspace), int(described.color_range)
        context.color_primaries, context.color_trc = int(described.color_primaries), int(described.color_trc)
        self._stream = stream
        if source is None:
            return
        self._out.metadata.update(source.metadata)
        stream.metadata.update({k: v for k, v in self._clip.stream.metadata.items() if k in ("language", "title")})
        for other in source.streams:
            self._add_copy(other)
        if chapters := source.chapters():
            self._out.set_chapters(chapters)

    def _add_copy(self, other: Any) -> None:
        if other.index == self._clip.stream.index or (other.type == "audio" and not self._options.sound):
            return
        codec = other.codec_context.name if other.codec_context is not None else other.type
        if other.type not in _COPIED:
            self._note(f"stream {other.index} ({other.type}) is neither sound nor subtitles and was left out")
            return
        canonical = other.codec_context.codec.canonical_name
        if not {codec, canonical} & self._out.supported_codecs:
            self._note(
                f"stream {other.index} ({other.type}, {codec}) cannot be stored in {self._row.name}; write .mkv to keep it"
            )
            return
        copy = self._out.add_stream_from_template(other)
        copy.metadata.update(other.metadata)
        copy.disposition = other.disposition
        self._copies[other.index] = copy

    def _choose_format(self, first: Picture) -> str:
        own = first.frame.format.name if isinstance(first, YuvPicture) else ""
        offered = [f.name for f in self._codec.video_formats or []]
        wanted = self._options.pixel_format
        if wanted != "keep":
            if wanted not in offered:
                raise OptionError(f"{self._name} cannot write {wanted!r}; it writes {', '.join(offered)}.")
            return wanted
        if own in offered:
            return own
        if isinstance(first, RgbPicture):
            wishes = ["yuva420p", "rgba", "argb", "bgra", "yuva444p10le"] if first.alpha is not None else []
            chosen = next(
                (w for w in [*wishes, "yuv420p", "yuv444p", "rgb24", "bgr0", "rgba"] if w in offered), offered[0]
            )
            if first.alpha is not None and "a" not in chosen.replace("planar", ""):
                self._note(f"{self._name} has no transparency; it was dropped")
            return chosen
        wishes = [own.replace("yuva", "yuv"), own.replace("yuvj", "yuv"), "yuv420p10le", "yuv420p", "yuv444p"]
        if "10" not in own and "12" not in own:
            wishes.remove("yuv420p10le")
        chosen = next((w for w in wishes if w in offered), offered[0])
        self._note(f"{self._name} cannot write {own}; frames were converted to {chosen}")
        return chosen

    def _codec_options(self) -> dict[str, str]:
        crf = f"{self._options.crf:g}"
        if self._name in ("libx264", "libx265"):
            extra = {"x265-params": "log-level=error"} if self._name == "libx265" else {}
            return {"crf": crf, "preset": self._options.preset, **extra}
        if self._name.startswith("libvpx"):
            # cpu-used 5 is the fastest setting libvpx offers for files.
            return {"crf": crf, "b": "0", "cpu-used": "5", "row-mt": "1", "deadline": "good"}
        if self._name == "libsvtav1":
            return {"crf": crf}
        return {}

    def copy(self, packet: Any) -> None:
        """See :meth:`Writer.copy`."""
        if self._leaves_out and packet.pts is not None and packet.pts * packet.time_base < self._start_s:
            return
        self._pending.append(packet)

    def _write_pending(self, until_s: float | None) -> None:
        """Packets of other streams up to a time; all of them with ``None``."""
        while self._pending:
            packet = self._pending[0]
            time = packet.dts if packet.dts is not None else packet.pts
            if until_s is not None and time is not None and float(time * packet.time_base) > until_s:
                return
            self._pending.popleft()
            stream = self._copies.get(packet.stream.index)
            if stream is None:
                continue
            shift = round(self._start_s / packet.time_base)
            if shift:
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
            packet.stream = stream
            self._out.mux_one(packet)

    def finish(self) -> None:
        """See :meth:`Writer.finish`."""
        if self._stream is None:
            raise VideoError("The clip gave no frame to write.")
        try:
            self._out.mux(self._stream.encode())
            self._write_pending(None)
            self._closed = True
            self._out.close()
        except (av.error.FFmpegError, OSError) as error:
            raise encode_error(error, self._name) from error

    def abort(self) -> None:
        """See :meth:`Writer.abort`."""
        if not self._closed:
            self._closed = True
            try:
                self._out.close()
            except (av.error.FFmpegError, OSError, ValueError):
                return  # the disk that refused the frames refuses the trailer too; the file goes away anyway

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
