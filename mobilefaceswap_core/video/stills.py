"""Clips in that no container holds: animations that Pillow reads, and numbered images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import accumulate
from itertools import count as counting
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from ..errors import BudgetError, VideoError
from ..files.formats import PILLOW_ANIMATIONS, photos_in
from ..files.images import LoadedImage, read_image
from ..files.media import check_frame
from ..files.opening import MAX_PIXELS, UNREADABLE
from ..files.places import files_of_pattern
from ..runtime.budget import Spending
from .clip import WHOLE, ClipInfo, Part
from .picture import Picture, RgbPicture, Stamp

_IMAGE_RATE = Fraction(25)  # numbered images carry no time; the rate of PAL, as FFmpeg assumes
_ANIMATION_MS = 100  # what browsers show for animations whose frames say 0 ms


class Animation:
    """A GIF, WebP or APNG animation."""

    container: Any = None
    stream: Any = None

    def __init__(self, path: Path, spent: Spending, part: Part = WHOLE) -> None:
        self.truncated, self.damaged = False, 0
        self._path, self._spent, self._part = path, spent, part
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
        shown = list(accumulate(self.durations_ms, initial=0))
        self._chosen = [
            index for index, ms in enumerate(self.durations_ms) if part.holds(shown[index] / 1000, ms / 1000)
        ]
        if self.durations_ms and not self._chosen:
            self._picture.close()
            raise VideoError(f"{path} is over before {part.start_s:g} seconds; start earlier.")
        self.durations_ms = [self.durations_ms[index] for index in self._chosen]
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
        for index, (place, duration) in enumerate(zip(self._chosen, self.durations_ms, strict=True)):
            try:
                self._seek(place)
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

    def __init__(self, path: Path, spent: Spending, part: Part = WHOLE) -> None:
        self.truncated, self.damaged = False, 0
        self._spent = spent
        self.files = image_files(path)
        if not self.files:
            raise VideoError(f"{path}: no images were found; wanted files such as 00001.png, 00002.png.")
        step_s = float(1 / _IMAGE_RATE)
        self.files = [file for n, file in enumerate(self.files) if part.holds(n * step_s, step_s)]
        if not self.files:
            raise VideoError(f"{path} is over before {part.start_s:g} seconds; start earlier.")
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
    files = photos_in(path) if path.is_dir() else files_of_pattern(path)
    return sorted(files, key=lambda file: ([int(n) for n in re.findall(r"\d+", file.name)], file.name))
