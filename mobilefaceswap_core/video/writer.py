"""Clips out: a container with the frames encoded anew and all sound and subtitles copied, an animation, or images."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from ..errors import OptionError, VideoError
from ..files.formats import WRITABLE_ANIMATION_SUFFIXES, WRITABLE_CLIP_SUFFIXES, Format, format_of
from ..files.media import file_url
from ..files.places import is_pattern
from ..runtime.threads import encoder_threads, ordinary_priority
from .animation import AnimationWriter, ImageWriter
from .clip import Clip
from .compared import lacking
from .copying import Copies, is_personal, kept_tags
from .output import encode_error
from .picture import Picture, RgbPicture, YuvPicture, fitted, padded

AUTO_PRESETS = {"libx264": "superfast", "libx265": "veryfast"}
# x264's ``superfast`` does without what makes small files: a look ahead, and bits for the blocks that later frames are
# predicted from. With both, and without trying how many B-frames are best, it takes 0.5 to 0.7 of the processor time of
# ``veryfast`` and 0.9 to 1.2 of its size at equal SSIM (docs/speed.md).
X264_AUTO = {"mbtree": "1", "rc-lookahead": "10", "b-adapt": "0"}


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How frames are written.

    Attributes:
        codec: ``auto`` (H.264, or VP9 in WebM) or an encoder's name as FFmpeg calls it.
        crf: quality of x264, x265, VP9 and AV1; lower is better and larger. 18 is what x264's guide calls visually
            lossless or nearly so; this is half less for what ``auto`` saves on the search for motion.
        preset: speed of x264 and x265, by its name there; ``auto`` leaves a core for the swap.
        pixel_format: ``keep`` writes depth and subsampling of the clip where the encoder has them; ``yuv420p`` plays
            everywhere.
        keep_personal: copy tags that say where, or by whom, the clip was taken.
        sound: copy the clip's sound.
    """

    codec: str = "auto"
    crf: float = 17.5
    preset: str = "auto"
    pixel_format: str = "keep"
    keep_personal: bool = False
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


def open_writer(
    part: Path, path: Path, clip: Clip, options: EncodeOptions, *, tags: Mapping[str, str] = MappingProxyType({})
) -> Writer:
    """A writer for the kind of output that ``path`` names, writing to ``part``.

    Args:
        part: the hidden name that is written to.
        path: the name that the result will have.
        clip: that is read.
        options: how frames are written.
        tags: of the result, beside the clip's own.

    Raises:
        OptionError: unknown extension or encoder, or a start where none can be.
    """
    row = format_of(path)
    if not path.suffix or names_images(path):
        return ImageWriter(part, path, clip)
    if row is not None and row.writes_animation:
        return AnimationWriter(part, row, clip)
    if row is None or not row.muxer:
        wanted = ", ".join((*WRITABLE_CLIP_SUFFIXES, *WRITABLE_ANIMATION_SUFFIXES))
        raise OptionError(
            f"{path}: cannot write {path.suffix.lower()} clips; wanted {wanted}, or a name without extension for a folder "
            "of images."
        )
    return MediaWriter(part, row, clip, options, tags)


def names_images(path: Path) -> bool:
    """Whether an output is a pattern for the pictures of a new folder, such as ``out/%05d.png``."""
    row = format_of(path)
    return row is not None and bool(row.modes) and is_pattern(path)


class MediaWriter:
    """A container of PyAV. Packets of other streams are written unchanged, in step with the frames."""

    def __init__(self, part: Path, row: Format, clip: Clip, options: EncodeOptions, tags: Mapping[str, str]) -> None:
        import av

        self.notes: list[str] = []
        self._part, self._clip, self._options, self._row, self._tags = part, clip, options, row, tags
        self._name = row.codec if options.codec == "auto" else options.codec
        try:
            self._codec = av.codec.Codec(self._name, "w")
        except (av.codec.codec.UnknownCodecError, ValueError) as error:
            raise OptionError(
                f"There is no encoder {self._name!r} here; try libx264, libx265 or libvpx-vp9."
            ) from error
        flags = {"movflags": "+faststart+use_metadata_tags"} if row.demuxer == "mov" else {}
        try:
            self._out = av.open(file_url(part), "w", format=row.muxer, options=flags)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise encode_error(error, self._name) from error
        self._stream: Any = None
        self._copies = Copies()
        self._start_s = clip.info.start_s
        self._last_pts: int | None = None
        self._closed = False

    def write(self, picture: Picture) -> None:
        """Encode a frame and write the packets of other streams that belong before it."""
        import av

        is_first = self._stream is None
        if is_first:
            self._open_streams(picture)
        frame = picture.video_frame(self._format)
        if (frame.width, frame.height) != self._size:
            if (frame.width, frame.height) == self._clip_size:
                frame = padded(frame, *self._size)
            else:  # some containers change size in the middle; one encoder cannot
                frame = fitted(frame, *self._size)
                self._note("the clip changes its frame size; all frames were fitted into the first one's")
        self._time(frame, picture)
        frame.pict_type = 0  # else x264 repeats the input's choice of key frames
        try:
            with ordinary_priority() if is_first else nullcontext():  # the first frame opens the encoder
                packets = self._stream.encode(frame)
            self._out.mux(packets)
            self._copy(picture.stamp.seconds)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise encode_error(error, self._name) from error

    def _time(self, frame: Any, picture: Picture) -> None:
        """When a frame is shown: on the clip's own clock, or as the nearest picture where a container counts pictures."""
        stamp = picture.stamp
        at = stamp.pts * stamp.time_base - self._start_s
        pts = round(at / self._base)
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1
        self._last_pts = pts
        frame.pts, frame.time_base = pts, self._base
        frame.duration = round(stamp.duration * stamp.time_base / self._base)

    def _open_streams(self, first: Picture) -> None:
        info, source = self._clip.info, self._clip.container
        self._base = 1 / info.frame_rate if self._row.counts_pictures else info.time_base
        self._format = self._choose_format(first)
        described = first.video_frame(self._format)
        options = self._codec_options(first.size_px)
        try:
            stream: Any = self._out.add_stream(self._name, rate=info.frame_rate, options=options)
        except ValueError as error:
            raise OptionError(
                f"{self._row.name} cannot hold {self._name} ({error}). Write .mkv, or leave --codec."
            ) from error
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
        context.time_base, context.framerate = self._base, info.frame_rate
        if info.sample_aspect:
            context.sample_aspect_ratio = info.sample_aspect
        context.colorspace, context.color_range = int(described.colorspace), int(described.color_range)
        context.color_primaries, context.color_trc = int(described.color_primaries), int(described.color_trc)
        self._stream = stream
        if source is None:
            return
        personal = self._options.keep_personal
        self._out.metadata.update(kept_tags(source.metadata, personal=personal) | dict(self._tags))
        if not personal and any(map(is_personal, source.metadata)):
            self._note("where or by whom the clip was taken was left out")
        stream.metadata.update({k: v for k, v in self._clip.stream.metadata.items() if k in ("language", "title")})
        stream.disposition = self._clip.stream.disposition
        self._copies.open(self._clip, self._out, self._row, sound=self._options.sound)
        for text in self._copies.notes:
            self._note(text)
        if chapters := self._chapters(source):
            self._out.set_chapters(chapters)

    def _chapters(self, source: Any) -> list[Any]:
        """The clip's chapters on the result's clock; those that lie before it are left out."""
        kept = []
        for chapter in source.chapters():
            base = Fraction(chapter["time_base"])
            shift = round(self._start_s / base)
            start, end = chapter["start"] - shift, chapter["end"] - shift
            if end > 0:
                kept.append({**chapter, "start": max(0, start), "end": end})
        return kept

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

    def _codec_options(self, size_px: tuple[int, int]) -> dict[str, str]:
        hdr, is_interlaced = self._clip.info.hdr, self._clip.info.is_interlaced
        crf = f"{self._options.crf:g}"
        parameters, is_auto = hdr.parameters(self._name), self._options.preset == "auto"
        preset = AUTO_PRESETS.get(self._name, "") if is_auto else self._options.preset
        if hdr and not parameters:
            self._note(f"{self._name} is not told of the clip's static HDR metadata; libx264 and libx265 are")
        if is_interlaced and self._name != "libx264":
            self._note(f"the clip is interlaced; {self._name} writes its frames as they are and does not say so")
        if self._name == "libx265":
            extra = {"x265-params": _joined({"log-level": "error", **parameters})}
            return {"crf": crf, "preset": preset, **extra}
        if self._name == "libx264":
            parameters |= {**X264_AUTO, "threads": str(encoder_threads(size_px[0] * size_px[1]))} if is_auto else {}
            if self._clip.info.is_steady:
                parameters["force-cfr"] = "1"  # else the stream names the clock of the clip as its rate, such as 600
            if self._row.counts_pictures:
                parameters["bframes"] = "0"  # a container without times shows pictures in the order of their packets
            extra = {"x264-params": _joined(parameters)} if parameters else {}
            extra |= {"flags": "+ildct+ilme"} if is_interlaced else {}
            return {"crf": crf, "preset": preset, **extra}
        if self._name.startswith("libvpx"):
            # cpu-used 5 is the fastest setting libvpx offers for files.
            return {"crf": crf, "b": "0", "cpu-used": "5", "row-mt": "1", "deadline": "good"}
        if self._name == "libsvtav1":
            return {"crf": crf}
        return {}

    def _copy(self, until_s: float | None) -> None:
        self._copies.write(self._out, self._start_s, until_s, skip_before=self._row.counts_pictures)

    def copy(self, packet: Any) -> None:
        """See :meth:`Writer.copy`."""
        self._copies.take(packet)

    def finish(self) -> None:
        """See :meth:`Writer.finish`."""
        import av

        if self._stream is None:
            raise VideoError("The clip gave no frame to write.")
        try:
            self._out.mux(self._stream.encode())
            self._copy(None)
            self._closed = True
            self._out.close()
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise encode_error(error, self._name) from error
        if self._clip.container is not None:
            personal = self._options.keep_personal
            for text in lacking(self._clip, self._part, self._row, self._copies, personal=personal):
                self._note(text)

    def abort(self) -> None:
        """See :meth:`Writer.abort`."""
        import av

        if not self._closed:
            self._closed = True
            try:
                self._out.close()
            except (av.error.FFmpegError, OSError, ValueError):
                return  # the disk that refused the frames refuses the trailer too; the file goes away anyway

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _joined(parameters: Mapping[str, str]) -> str:
    """Parameters as x264 and x265 read them."""
    return ":".join(f"{name}={value}" for name, value in parameters.items())
