"""Frames out without a container: an animation (GIF, WebP, PNG), or a folder of numbered images."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from ..errors import VideoError
from ..files.formats import Format
from ..files.images import LoadedImage, write_image
from ..files.media import open_media
from ..files.places import is_pattern, numbered
from .clip import Clip, ClipInfo
from .output import encode_error
from .picture import Picture, RgbPicture, YuvPicture
from .stills import Animation

_WEBP_QUALITY = 90


class AnimationWriter:
    """GIF, WebP or APNG by Pillow, which pulls frames from a queue in a thread of its own."""

    def __init__(self, part: Path, row: Format, clip: Clip) -> None:
        self.notes = ["sound cannot be stored in an animation"] if _has_sound(clip) else []
        self._durations_ms = animation_durations(clip, unit_ms=row.time_unit_ms)
        self._part, self._format, self._loop = part, row.pillow[0], clip.info.loop
        self._queue: queue.Queue[PillowImage.Image | None] = queue.Queue(maxsize=4)
        self._error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._save, name="animation", daemon=True)
        self._written = 0

    def write(self, picture: Picture) -> None:
        """Hand a frame to Pillow."""
        if not self._written:
            self._thread.start()
        self._written += 1
        alpha = picture.alpha if isinstance(picture, RgbPicture) else None
        pixels = picture.rgb() if alpha is None else np.dstack([picture.rgb(), alpha])
        self._put(PillowImage.fromarray(pixels))

    def _put(self, item: PillowImage.Image | None) -> None:
        while self._error is None:
            try:
                self._queue.put(item, timeout=0.1)
                return
            except queue.Full:
                continue
        raise encode_error(self._error, self._format) from self._error

    def _items(self) -> Iterator[PillowImage.Image]:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if item is None:
                return
            yield item

    def _save(self) -> None:
        items = self._items()
        first = next(items, None)
        if first is None:
            return
        options: dict[str, Any] = {"quality": _WEBP_QUALITY, "method": 2} if self._format == "WEBP" else {}
        if self._format == "GIF":
            options["disposal"] = 2 if first.mode == "RGBA" else 0
        more = list(items) if self._format == "PNG" else items  # which Pillow goes through twice
        if self._format != "GIF" or self._loop != 1:
            options["loop"] = self._loop
        try:
            with open(self._part, "wb") as stream:
                first.save(
                    stream, self._format, save_all=True, append_images=more, duration=self._durations_ms, **options
                )
        except Exception as error:  # Pillow has no common base class for what its encoders raise
            self._error = error

    def copy(self, packet: Any) -> None:
        """Animations have no sound; the note says so."""

    def finish(self) -> None:
        """See :meth:`Writer.finish`."""
        if not self._written:
            raise VideoError("The clip gave no frame to write.")
        self._put(None)
        self._thread.join()
        if self._error is not None:
            raise encode_error(self._error, self._format) from self._error

    def abort(self) -> None:
        """See :meth:`Writer.abort`."""
        self._stop.set()
        if self._written:
            self._thread.join()


class ImageWriter:
    """Numbered images in a folder; depth, transparency and profile follow the input's images."""

    def __init__(self, part: Path, path: Path, clip: Clip) -> None:
        self.notes = ["sound cannot be stored in images"] if _has_sound(clip) else []
        self._folder, self._pattern = part, part / (path.name if path.suffix and is_pattern(path) else "%05d.png")
        self._folder.mkdir()
        self._written = 0

    def write(self, picture: Picture) -> None:
        """Write one image."""
        if isinstance(picture, YuvPicture) and picture.colourspace.bits > 8 and not self._written:
            self.notes.append(f"{picture.colourspace.bits} bits a sample became 8: images are written with 8")
        self._written += 1
        write_image(numbered(self._pattern, picture.stamp.index + 1), picture.rgb(), _layout_of(picture))

    def copy(self, packet: Any) -> None:
        """Images have no sound; the note says so."""

    def finish(self) -> None:
        """Everything is on disk already."""

    def abort(self) -> None:
        """The folder is removed by whoever made its name."""


def _layout_of(picture: Picture) -> LoadedImage | None:
    """What a picture's image is to be like: the file it came from, or one with the same transparency."""
    if not isinstance(picture, RgbPicture) or picture.like is not None or picture.alpha is None:
        return picture.like if isinstance(picture, RgbPicture) else None
    pixels = np.dstack([picture.image, picture.alpha])
    return LoadedImage(image=picture.image, native=pixels, mode="RGBA", file_mode="RGBA", format="PNG")


def animation_durations(clip: Clip, *, unit_ms: int) -> list[int]:
    """How long each frame is shown in milliseconds, in whole units that add up to the clip's length."""
    info: ClipInfo = clip.info
    if isinstance(clip, Animation):
        times = [Fraction(ms, 1000) for ms in itertools.accumulate(clip.durations_ms, initial=0)]
    elif clip.container is None:
        times = [n / info.frame_rate for n in range((info.frames or 1) + 1)]
    else:
        with open_media(info.path) as container:
            stream = container.streams[clip.stream.index]
            base = Fraction(stream.time_base or 1)
            times = sorted(packet.pts * base for packet in container.demux(stream) if packet.pts is not None)
        times = [time for time in times if info.start_s <= time and not info.is_over(time)]
        times = times or [Fraction(0)]
        times.append(times[-1] + 1 / info.frame_rate)
    marks = [round(1000 * (time - times[0]) / unit_ms) * unit_ms for time in times]
    return [max(unit_ms, after - before) for before, after in itertools.pairwise(marks)]


def _has_sound(clip: Clip) -> bool:
    return clip.container is not None and bool(clip.container.streams.audio)
