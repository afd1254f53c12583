"""Clips in: whatever PyAV reads, animations, and numbered images, one frame at a time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..errors import VideoError
from ..files.formats import format_of, format_of_file
from ..files.frames import Orientations
from ..files.media import bound_decoder, check_frame, length_s, open_media, picture_stream
from ..files.ordinary import check_ordinary
from ..files.places import is_pattern
from ..runtime.budget import Budget, Spending
from .clip import WHOLE, Clip, ClipInfo, Part
from .described import hdr_metadata
from .fields import deinterlaced
from .picture import Picture, Stamp, picture_of
from .stills import Animation, ImageFiles

_SEEK_AHEAD_S = 1.0  # sound may stand this far from its pictures in a file
_NOT_SAID = "the clip does not say that it is interlaced; every picture was deinterlaced as asked"


def open_clip(
    path: str | Path,
    *,
    spent: Spending | None = None,
    part: Part = WHOLE,
    deinterlace: bool = False,
    threads: int = 0,
) -> Clip:
    """Open a clip, an animation, a folder of images, or a pattern such as ``frames/%05d.png``.

    A file that has exactly this name is that file, whatever its name looks like.

    Args:
        path: what to open.
        spent: counts each picture as it is decoded, and limits their size; that of photos holds anyway.
        part: of it to read; its pictures and other streams, from the first picture on.
        deinterlace: make whole pictures of those that hold two fields; see :mod:`.fields`.
        threads: of the decoder; as many as FFmpeg likes for 0, which suits who does one thing at a time.

    Raises:
        VideoError: missing, empty, no pictures in it, or cannot be read; later, when a picture is too large.
        BudgetError: there are more pictures, pixels or seconds than the job may take.
    """
    path = Path(path)
    spent = Budget().begin() if spent is None else spent
    if path.is_dir() or is_pattern(path):
        return ImageFiles(path, spent, part)
    if not path.exists():
        raise VideoError(f"{path} does not exist; wanted a video file. Check the path.")
    check_ordinary(path, error=VideoError, wanted="a video file")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes); wanted a video file. Download or copy it again.")
    if _is_animation(path):
        return Animation(path, spent, part)
    return MediaFile(path, spent, part, deinterlace=deinterlace, threads=threads)


def _is_animation(path: Path) -> bool:
    """By its content, or by its name where the content says too little: APNG begins as PNG."""
    named, found = format_of(path), format_of_file(path)
    if found is not None and found.demuxer:
        return False
    return any(row is not None and row.animated for row in (named, found))


class MediaFile:
    """A clip in a container that PyAV reads."""

    def __init__(
        self, path: Path, spent: Spending, part: Part = WHOLE, *, deinterlace: bool = False, threads: int = 0
    ) -> None:
        self._spent, self._part, self._path, self._deinterlace = spent, part, path, deinterlace
        self._threads = threads
        self.truncated, self.damaged = False, 0
        self._orientation_of = Orientations()
        self._open()
        if part.start_s and not self._seek():
            self.close()
            self._open()  # its index leads nowhere: the part is looked for from the beginning
        try:
            self.info = self._describe(path)
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        import av

        self.container: Any = open_media(self._path)
        try:
            self.stream: Any = picture_stream(self.container, str(self._path))
            bound_decoder(self.stream, str(self._path), max_pixels=self._spent.budget.frame_pixels)
        except VideoError:
            self.container.close()
            raise
        # Frame threads decode ahead of the packet they are given; slices alone would leave a core idle.
        self.stream.thread_type = "AUTO"
        self.stream.codec_context.thread_count = self._threads
        # Where the clip's own clock stands at 0. Sound that starts a little earlier is an encoder's running-up: it stays
        # before the pictures, and is not shown.
        start = Fraction(self.container.start_time or 0, av.time_base)
        own = Fraction(self.stream.start_time or 0) * Fraction(self.stream.time_base or 1)
        self._origin_s = start if start > 0 else min(Fraction(0), own)
        self._first: list[Any] = []
        self._ready: deque[Any] = deque()  # decoded and not yet given on; the end of a clip comes all at once
        self._packets = self.container.demux()
        self._waiting: list[Any] = []  # packets of other streams that came before the first frame
        self._seen = self._decoded = 0
        self._last_pts: int | None = None
        self._part_is_over = False
        self._first_dts: int | None = None
        self._delay: int | None = None

    def _seek(self) -> bool:
        """Go to a key frame before the part; whether there is one."""
        import av

        if self._has_no_times():
            return False
        wanted_s = float(self._origin_s) + self._part.start_s
        try:
            self.container.seek(round(max(0.0, wanted_s - _SEEK_AHEAD_S) * av.time_base), backward=True)
            packet = next((p for p in self.container.demux(self.stream) if p.size and p.pts is not None), None)
            if packet is None or not packet.is_keyframe or packet.pts * packet.time_base > wanted_s:
                return False
            self.container.seek(round(max(0.0, wanted_s - _SEEK_AHEAD_S) * av.time_base), backward=True)
        except (av.error.FFmpegError, OSError):
            return False
        self._packets = self.container.demux()
        return True

    def _has_no_times(self) -> bool:
        """Whether times are counted from the beginning, so that after a jump nobody knows what time it is."""
        import av

        file = self.container.format
        return "avi" in file.name.split(",") or bool(file.flags & av.format.Flags.no_timestamps.value)

    def _clock_s(self, stamp: int, base: Any) -> float:
        """Seconds on the clip's own clock."""
        return float(stamp * Fraction(base) - self._origin_s)

    def _describe(self, path: Path) -> ClipInfo:
        first = next(self._frames(self._waiting.append), None)
        if first is None:
            if self._part.start_s and self._seen:
                raise VideoError(f"{path} is over before {self._part.start_s:g} seconds; start earlier.")
            raise VideoError(f"{path}: not one frame of it could be decoded. The file is damaged or empty.")
        self._first = [first]
        stream, context = self.stream, self.stream.codec_context
        turned = self._orientation_of(first) >= 5
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        aspect = context.sample_aspect_ratio or None
        duration = None
        if stream.duration:
            duration = float(stream.duration * Fraction(stream.time_base or 1))
        else:
            duration = length_s(self.container)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        frames = self._counted() or (round(duration * rate) if duration else None)
        if not self._part.is_whole and duration is not None:
            duration = min(duration, self._part.end_s or duration) - self._part.start_s
            frames = round(duration * rate)
        return ClipInfo(
            path, "clip", width, height, rate, frames or None, duration, Fraction(stream.time_base or Fraction(1, 90000)),
            1 / aspect if aspect and turned else aspect,
            is_steady=_is_steady(stream), is_interlaced=first.interlaced_frame and not self._deinterlace, hdr=hdr_metadata(first),
            end_s=None if self._part.end_s is None else self._origin_s + Fraction(self._part.end_s),
            start_s=self._origin_s if self._part.is_whole or first.pts is None else first.pts * Fraction(stream.time_base),
            notes=[_NOT_SAID] if self._deinterlace and not first.interlaced_frame else [],
        )  # fmt: skip

    def _late_s(self) -> float:
        """What a Matroska file's lengths have too much: they reach from 0 to the end, wherever the clip begins."""
        is_matroska = "matroska" in self.container.format.name
        return max(0.0, float(self._origin_s)) if is_matroska else 0.0

    def _counted(self) -> int:
        """Pictures by the container's own count, 0 where it keeps none; an edit list takes those away that it hides."""
        is_mov = "mov" in self.container.format.name.split(",")
        return (len(self.stream.index_entries) if is_mov else 0) or self.stream.frames

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """See :meth:`Clip.pictures`."""
        deliver = on_packet or (lambda packet: None)
        for packet in self._waiting:
            deliver(packet)
        self._waiting.clear()
        frames = self._again(deliver)
        if self._deinterlace:
            frames = deinterlaced(frames, self.info.time_base)
        for index, frame in enumerate(frames):
            stamp = self._stamp(index, frame)
            self._spent.picture(frame.width, frame.height, at_s=stamp.seconds)
            yield picture_of(frame, stamp, orientation=self._orientation_of(frame))
        if not self._part.is_whole:
            return
        # A container that counts its samples tells when some are missing; edit lists may hide a few.
        expected = self._counted()
        if expected and self._seen < expected - max(2, expected // 50):
            self.truncated = True
        elif not expected and self._last_pts is not None:
            start = self.stream.start_time or 0
            shown = float((self._last_pts - start) * self.info.time_base) + 2 / float(self.info.frame_rate)
            # Matroska may say how long each stream is; a container's own length can be that of a longer sound track.
            own = _tagged_seconds(self.stream.metadata.get("DURATION", ""))
            known = own - self._late_s() if own is not None else (self.info.duration_s or 0.0) - 1.0
            self.truncated |= shown + 0.05 < known

    def _again(self, deliver: Callable[[Any], None]) -> Iterator[Any]:
        yield from self._first
        self._first = []
        yield from self._frames(deliver)

    def _frames(self, deliver: Callable[[Any], None]) -> Iterator[Any]:
        import av

        yield from self._decoded_frames()  # whoever asked for the first one alone left the others
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                self.truncated = True
                packet = None
            if packet is not None and packet.stream.index != self.stream.index:
                if packet.size and self._holds(packet):
                    deliver(packet)
                continue
            if self._part_is_over:
                if packet is None or self._is_far_beyond(packet):
                    return
                continue
            if packet is not None and packet.size:
                self._first_dts = packet.dts if not self._seen else self._first_dts
                self._seen += 1
                self.truncated |= packet.is_corrupt
            try:
                self._ready.extend(self.stream.codec_context.decode(packet))
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
            yield from self._decoded_frames()
            if packet is None:
                return

    def _decoded_frames(self) -> Iterator[Any]:
        while self._ready:
            frame = self._ready.popleft()
            self._without_delay(frame)
            check_frame(frame.width, frame.height, str(self._path), max_pixels=self._spent.budget.frame_pixels)
            if self._is_in_part(frame):
                yield frame

    def _holds(self, packet: Any) -> bool:
        """Whether a packet of another stream belongs to the part."""
        if self._part.is_whole:
            return True
        at = packet.pts if packet.pts is not None else packet.dts
        return at is not None and self._part.holds(self._clock_s(at, packet.time_base), 0.0)

    def _without_delay(self, frame: Any) -> None:
        """Take away the time that FFmpeg gives a decoder where a container has no times: the first picture is shown at once."""
        if not self._has_no_times() or frame.pts is None:
            return
        if self._delay is None:
            self._delay = frame.pts - (frame.pts if self._first_dts is None else self._first_dts)
        frame.pts -= self._delay

    def _is_in_part(self, frame: Any) -> bool:
        if self._part.is_whole:
            return True
        rate = self.stream.average_rate or self.stream.guessed_rate or 25
        self._decoded += 1
        untimed_s = (self._decoded - 1) / float(rate)
        time_s = untimed_s if frame.pts is None else self._clock_s(frame.pts, self.stream.time_base)
        self._part_is_over |= self._part.is_over(time_s)
        self._spent.check()  # pictures before the part cost time too
        return self._part.holds(time_s, float(1 / Fraction(rate)))

    def _is_far_beyond(self, packet: Any) -> bool:
        """Whether no sound of the part can follow any more."""
        at = packet.dts if packet.dts is not None else packet.pts
        end_s = self._part.end_s
        return at is not None and end_s is not None and self._clock_s(at, packet.time_base) > end_s + _SEEK_AHEAD_S

    def _stamp(self, index: int, frame: Any) -> Stamp:
        base = self.info.time_base
        step = max(1, round(1 / (self.info.frame_rate * base)))
        pts = frame.pts if frame.pts is not None else frame.dts
        if pts is None:
            pts = 0 if self._last_pts is None else self._last_pts + step
        if self._last_pts is not None and pts <= self._last_pts:
            pts = self._last_pts + 1  # two frames at one time: encoders refuse it
        self._last_pts = pts
        return Stamp(index, pts, base, frame.duration or 0)

    def close(self) -> None:
        """Close the file."""
        self.container.close()


def _is_steady(stream: Any) -> bool:
    """Whether the rate that time stamps make on average is the one that FFmpeg finds in the first of them."""
    average, base = stream.average_rate, stream.base_rate
    return bool(average and base) and abs(float(average / base) - 1) < 0.002


def _tagged_seconds(text: str) -> float | None:
    """Seconds of a tag such as ``00:01:02.345000000``."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip("\0 "))
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
