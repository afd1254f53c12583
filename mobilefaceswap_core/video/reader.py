"""Clips in: whatever PyAV reads, GIF and WebP animations, and numbered images, one frame at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count as counting
from pathlib import Path
from typing import Any, Literal, Protocol

import av
import numpy as np
from PIL import Image as PillowImage

from ..errors import BudgetError, VideoError
from ..files.formats import ANIMATION_SUFFIXES, PILLOW_ANIMATIONS, photos_in
from ..files.images import MAX_PIXELS, UNREADABLE, LoadedImage, read_image
from ..files.media import bound_decoder, check_frame, open_media
from ..runtime.budget import Budget, Spending
from .picture import Picture, RgbPicture, Stamp, picture_of

Kind = Literal["clip", "animation", "images"]
_IMAGE_RATE = Fraction(25)  # numbered images carry no time; the rate of PAL, as FFmpeg assumes
_ANIMATION_MS = 100  # what browsers show for animations whose frames say 0 ms
_PATTERN = re.compile(r"%0?\d*d")


@dataclass(slots=True)
class ClipInfo:
    """What is known of a clip before its frames are read.

    Attributes:
        kind: how it is stored.
        width: of the upright frame, in pixels.
        height: of the upright frame, in pixels.
        frame_rate: average frames per second.
        frames: how many there should be; ``None`` when only reading tells.
        duration_s: as the container says; ``None`` when it does not.
        time_base: unit of time stamps in seconds.
        sample_aspect: width of a pixel by its height.
        loop: repetitions of an animation, 0 for ever.
    """

    path: Path
    kind: Kind
    width: int
    height: int
    frame_rate: Fraction
    frames: int | None
    duration_s: float | None
    time_base: Fraction
    sample_aspect: Fraction | None = None
    loop: int = 0
    notes: list[str] = field(default_factory=list)


class Clip(Protocol):
    """An open clip.

    Attributes:
        info: what is known beforehand.
        truncated: set while reading, when the clip ends before it should or cannot be read on.
        damaged: packets that could not be decoded and were left out.
        container: PyAV's input container, for streams that are copied; ``None`` for animations and images.
        stream: the container's video stream, or ``None``.
    """

    info: ClipInfo
    truncated: bool
    damaged: int
    container: Any
    stream: Any

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """Frames in order of display.

        Args:
            on_packet: given each packet of an audio or subtitle stream as it comes.
        """
        ...

    def close(self) -> None: ...


def open_clip(path: str | Path, *, spent: Spending | None = None) -> Clip:
    """Open a clip, an animation, a folder of images, or a pattern such as ``frames/%05d.png``.

    Args:
        path: what to open.
        spent: counts each picture as it is decoded, and limits their size; that of photos holds anyway.

    Raises:
        VideoError: missing, empty, no pictures in it, or cannot be read; later, when a picture is too large.
        BudgetError: there are more pictures, pixels or seconds than the job may take.
    """
    path = Path(path)
    spent = Budget().begin() if spent is None else spent
    if path.is_dir() or _PATTERN.search(path.name):
        return ImageFiles(path, spent)
    if not path.exists():
        raise VideoError(f"{path} does not exist; wanted a video file. Check the path.")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty (0 bytes); wanted a video file. Download or copy it again.")
    if path.suffix.lower() in ANIMATION_SUFFIXES:
        return Animation(path, spent)
    return MediaFile(path, spent)


class MediaFile:
    """A clip in a container that PyAV reads."""

    def __init__(self, path: Path, spent: Spending) -> None:
        self._spent = spent
        self.container: Any = open_media(path)
        self.truncated, self.damaged = False, 0
        pictures = [s for s in self.container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not pictures:
            self.container.close()
            raise VideoError(f"{path} has no pictures, only {_streams(self.container)}; wanted a video.")
        self.stream: Any = pictures[0]
        try:
            bound_decoder(self.stream, str(path), max_pixels=spent.budget.frame_pixels)
        except VideoError:
            self.container.close()
            raise
        # Frame threads decode ahead of the packet they are given; slices alone would leave a core idle.
        self.stream.thread_type = "AUTO"
        self._first: list[Any] = []
        self._packets = self.container.demux()
        self._waiting: list[Any] = []  # packets of other streams that came before the first frame
        self._seen = 0
        self._last_pts: int | None = None
        self._path = path
        self.info = self._describe(path)

    def _describe(self, path: Path) -> ClipInfo:
        first = next(self._frames(self._waiting.append), None)
        if first is None:
            self.close()
            raise VideoError(f"{path}: not one frame of it could be decoded. The file is damaged or empty.")
        self._first = [first]
        stream, context = self.stream, self.stream.codec_context
        turned = abs(first.rotation) % 180 == 90
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        aspect = context.sample_aspect_ratio or None
        duration = None
        if stream.duration:
            duration = float(stream.duration * Fraction(stream.time_base or 1))
        elif self.container.duration:
            duration = self.container.duration / 1e6  # AV_TIME_BASE
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        frames = stream.frames or (round(duration * rate) if duration else None)
        return ClipInfo(
            path, "clip", width, height, rate, frames or None, duration, Fraction(stream.time_base or Fraction(1, 90000)),
            1 / aspect if aspect and turned else aspect,
        )  # fmt: skip

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """See :meth:`Clip.pictures`."""
        deliver = on_packet or (lambda packet: None)
        for packet in self._waiting:
            deliver(packet)
        self._waiting.clear()
        for index, frame in enumerate(self._again(deliver)):
            stamp = self._stamp(index, frame)
            self._spent.picture(frame.width, frame.height, at_s=stamp.seconds)
            yield picture_of(frame, stamp)
        # A container that counts its samples tells when some are missing; edit lists may hide a few.
        expected = self.stream.frames
        if expected and self._seen < expected - max(2, expected // 50):
            self.truncated = True
        elif not expected and self._last_pts is not None:
            start = self.stream.start_time or 0
            shown = float((self._last_pts - start) * self.info.time_base) + 2 / float(self.info.frame_rate)
            # Matroska may say how long each stream is; a container's own length can be that of a longer sound track.
            own = _tagged_seconds(self.stream.metadata.get("DURATION", ""))
            known = own if own is not None else (self.info.duration_s or 0.0) - 1.0
            self.truncated |= shown + 0.05 < known

    def _again(self, deliver: Callable[[Any], None]) -> Iterator[Any]:
        yield from self._first
        self._first = []
        yield from self._frames(deliver)

    def _frames(self, deliver: Callable[[Any], None]) -> Iterator[Any]:
        while True:
            try:
                packet = next(self._packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                self.truncated = True
                packet = None
            if packet is not None and packet.stream.index != self.stream.index:
                if packet.size:
                    deliver(packet)
                continue
            if packet is not None and packet.size:
                self._seen += 1
                self.truncated |= packet.is_corrupt
            try:
                decoded = self.stream.codec_context.decode(packet)
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
                decoded = []
            for frame in decoded:
                check_frame(frame.width, frame.height, str(self._path), max_pixels=self._spent.budget.frame_pixels)
                yield frame
            if packet is None:
                return

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


class Animation:
    """A GIF, WebP or APNG animation."""

    container: Any = None
    stream: Any = None

    def __init__(self, path: Path, spent: Spending) -> None:
        self.truncated, self.damaged = False, 0
        self._path, self._spent = path, spent
        try:
            self._picture = PillowImage.open(path, formats=PILLOW_ANIMATIONS)  # Pillow also knows EPS
        except PillowImage.DecompressionBombError as error:
            raise VideoError(f"{path}: {error} Scale the animation down first.") from error
        except UNREADABLE as error:
            raise VideoError(
                f"{path} cannot be opened as an animation ({error}). Download or copy it again."
            ) from error
        width, height = self._picture.size
        self.durations_ms: list[int] = []
        try:
            self._read_durations()
        except (BudgetError, VideoError):
            self._picture.close()
            raise
        total = sum(self.durations_ms) or _ANIMATION_MS
        count = max(1, len(self.durations_ms))
        self.info = ClipInfo(
            path, "animation", width, height, Fraction(1000 * count, total), count, total / 1000, Fraction(1, 1000),
            loop=int(self._picture.info.get("loop", 1)),
        )  # fmt: skip

    def _read_durations(self) -> None:
        """Look at every picture, which decodes most of them."""
        elapsed_ms = 0
        check_frame(*self._picture.size, str(self._path), max_pixels=self._spent.budget.frame_pixels)
        for index in self._frame_numbers(self._path):
            try:
                self._seek(index)
                self._spent.picture(*self._picture.size, at_s=elapsed_ms / 1000)
                if self._picture.format == "WEBP":
                    self._picture.load()  # Pillow knows a WebP frame's duration only once it is decoded
            except UNREADABLE:
                self.truncated = True
                break
            self.durations_ms.append(int(self._picture.info.get("duration") or _ANIMATION_MS))
            elapsed_ms += self.durations_ms[-1]

    def _seek(self, index: int) -> None:
        """Go to a picture, which in a GIF may make the canvas larger; Pillow makes room for it when it decodes."""
        try:
            self._picture.seek(index)
        except PillowImage.DecompressionBombError as error:
            raise VideoError(f"{self._path}: {error} Scale the animation down first.") from error
        check_frame(*self._picture.size, str(self._path), max_pixels=self._spent.budget.frame_pixels)

    def _frame_numbers(self, path: Path) -> Iterable[int]:
        try:
            return range(int(getattr(self._picture, "n_frames", 1)))
        except UNREADABLE:  # Pillow counts by reading on: of a GIF that breaks off, take what can be reached
            self.truncated = True
            self._picture.close()
            self._picture = PillowImage.open(path, formats=PILLOW_ANIMATIONS)
            return counting()

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """See :meth:`Clip.pictures`. Transparent frames keep their alpha."""
        pts = 0
        self._spent.new_pass()
        for index, duration in enumerate(self.durations_ms):
            try:
                self._seek(index)
                self._spent.picture(*self._picture.size, at_s=pts / 1000)
                pixels = np.asarray(self._picture.convert("RGBA"))
            except UNREADABLE:
                self.truncated = True
                return
            alpha = None if (pixels[..., 3] == 255).all() else np.ascontiguousarray(pixels[..., 3])
            yield RgbPicture(
                Stamp(index, pts, Fraction(1, 1000), duration), np.ascontiguousarray(pixels[..., :3]), alpha
            )
            pts += duration

    def close(self) -> None:
        """Close the file."""
        self._picture.close()


class ImageFiles:
    """Images of one size, in the order of the numbers in their names."""

    container: Any = None
    stream: Any = None

    def __init__(self, path: Path, spent: Spending) -> None:
        self.truncated, self.damaged = False, 0
        self._spent = spent
        self.files = image_files(path)
        if not self.files:
            raise VideoError(f"{path}: no images were found; wanted files such as 00001.png, 00002.png.")
        first = self._read(self.files[0]).image
        count = len(self.files)
        self.info = ClipInfo(
            path,
            "images",
            first.shape[1],
            first.shape[0],
            _IMAGE_RATE,
            count,
            float(count / _IMAGE_RATE),
            1 / _IMAGE_RATE,
        )

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """See :meth:`Clip.pictures`."""
        for index, file in enumerate(self.files):
            loaded = self._read(file)
            height, width = loaded.image.shape[:2]
            if (width, height) != (self.info.width, self.info.height):
                raise VideoError(
                    f"{file} is {width} x {height} px, the first image {self.info.width} x {self.info.height} px; images "
                    "of one clip must have one size."
                )
            self._spent.picture(width, height, at_s=float(index * self.info.time_base))
            alpha = loaded.alpha
            if alpha is not None and alpha.dtype != np.uint8:
                alpha = (alpha // 257).astype(np.uint8)
            yield RgbPicture(Stamp(index, index, self.info.time_base, 1), loaded.image, alpha, loaded)

    def _read(self, file: Path) -> LoadedImage:
        return read_image(file, max_pixels=self._spent.budget.frame_pixels or MAX_PIXELS)

    def close(self) -> None:
        """Nothing stays open."""


def image_files(path: Path) -> list[Path]:
    """Files of a folder or of a pattern, in the order of the numbers in their names."""
    if path.is_dir():
        files = photos_in(path)
    else:
        wanted = re.compile(_PATTERN.sub(r"\\d+", re.escape(path.name).replace(r"\%", "%")))
        folder = path.parent
        files = [file for file in folder.iterdir() if wanted.fullmatch(file.name)] if folder.is_dir() else []
    return sorted(files, key=lambda file: ([int(n) for n in re.findall(r"\d+", file.name)], file.name))


def _tagged_seconds(text: str) -> float | None:
    """Seconds of a tag such as ``00:01:02.345000000``."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip("\0 "))
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])


def _streams(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
