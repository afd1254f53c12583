"""Writes the clips that the page offers to try: portraits before a moving camera, with a chord as their sound.

``python -m demo.examples.moving SECONDS OUT.mp4 PORTRAIT...`` writes one. The page asks for them so: what an encoder takes is gone with
the process, and a page that only swaps photos never loads FFmpeg.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from eval.datasets.builtin_clips import seen_by_camera
from mobilefaceswap_core.files.images import read_image
from mobilefaceswap_core.files.media import open_media
from mobilefaceswap_core.types import Image
from mobilefaceswap_core.video.output import atomic_output
from mobilefaceswap_core.video.picture import RgbPicture, Stamp
from mobilefaceswap_core.video.reader import ClipInfo
from mobilefaceswap_core.video.writer import EncodeOptions, open_writer

_RATE = 20  # frames a second; fewer are swapped sooner
_SIDE_PX = 384
_ENCODE = EncodeOptions(crf=23, pixel_format="yuv420p")
_SOUND_RATE = 44_100  # samples a second
_CHORD_HZ = (220.0, 277.18, 329.63, 440.0)  # A major; each note comes in after the one before
_NOTE_EVERY_S, _FADE_S, _LOUDNESS = 0.35, 1.1, 0.12
_SAMPLES = 1024  # that AAC takes at a time


def write_clip(path: Path, people: Sequence[Image], *, seconds: float) -> None:
    """Write a clip of people side by side, seen by a moving camera, with a chord as its sound.

    Args:
        path: its name tells the format.
        people: square portraits, RGB uint8.
        seconds: how long.
    """
    still = np.hstack([cv2.resize(person, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA) for person in people])
    frames = round(seconds * _RATE)
    with tempfile.TemporaryDirectory() as folder, atomic_output(path) as part:
        sound = Path(folder) / "sound.m4a"
        _write_sound(sound, seconds)
        with open_media(sound) as container:
            clip = _Moving(sound, np.asarray(still, np.uint8), frames, container)
            writer = open_writer(part, path, clip, _ENCODE)
            try:
                for picture in clip.pictures(writer.copy):
                    writer.write(picture)
                writer.finish()
            finally:
                writer.abort()


class _Moving:
    """A still before a moving camera, as a clip of the core; its sound comes out of ``container``."""

    def __init__(self, path: Path, still: Image, frames: int, container: Any) -> None:
        self.truncated, self.damaged = False, 0
        self.container, self._still, self._frames = container, still, frames
        # None of the container's streams holds pictures.
        self.stream = SimpleNamespace(index=-1, type="video", metadata={}, disposition=av.stream.Disposition(0))
        height, width = still.shape[:2]
        rate = Fraction(_RATE)
        self.info = ClipInfo(path, "clip", width, height, rate, frames, frames / _RATE, 1 / rate)

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[RgbPicture]:
        """Frames in order; the sound is handed over first, and the writer puts it where it belongs."""
        for packet in self.container.demux():
            if packet.size and on_packet is not None:
                on_packet(packet)
        for index in range(self._frames):
            stamp = Stamp(index, index, self.info.time_base, 1)
            yield RgbPicture(stamp, seen_by_camera(self._still, index / _RATE))

    def close(self) -> None:
        """The container is closed by whoever opened it."""


def _write_sound(path: Path, seconds: float) -> None:
    """A chord that builds up and fades, as AAC."""
    samples = chord(seconds)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=_SOUND_RATE, layout="mono")
        for start in range(0, len(samples), _SAMPLES):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + _SAMPLES], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def chord(seconds: float) -> NDArray[np.float32]:
    """Samples in [-1, 1] of notes that come in one after another, over and over, each fading away."""
    time_s = np.arange(round(seconds * _SOUND_RATE)) / _SOUND_RATE
    total = np.zeros_like(time_s)
    for number in range(math.ceil(seconds / _NOTE_EVERY_S)):
        since_s = time_s - number * _NOTE_EVERY_S
        strength = np.where(since_s >= 0, np.exp(-np.maximum(since_s, 0) / _FADE_S) * np.minimum(since_s / 0.01, 1), 0)
        total += strength * np.sin(2 * np.pi * _CHORD_HZ[number % len(_CHORD_HZ)] * since_s)
    fade_out = np.clip((seconds - time_s) / 0.2, 0, 1)
    return (_LOUDNESS * total * fade_out).clip(-1, 1).astype(np.float32)


if __name__ == "__main__":
    seconds, out, *photos = sys.argv[1:]
    write_clip(Path(out), [read_image(photo).image for photo in photos], seconds=float(seconds))
