"""A camera, or a clip played like one, through a :class:`~mobilefaceswap_core.video.live.LiveSwapper`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import BackendError, VideoError
from ..files.media import file_url
from ..types import Image
from .live import LiveStats, LiveSwapper
from .output import atomic_output, check_recording, encode_error
from .reader import open_clip

_RECORD_BASE = Fraction(1, 1000)
_CAMERA_RATE = 30  # nominal rate of a recording; its time stamps are the real ones
_ESCAPE = 27


@dataclass(frozen=True, slots=True)
class LiveResult:
    """How a live session went; see :class:`LiveStats`."""

    frames: int
    frames_dropped: int
    p50_ms: float
    p95_ms: float
    fps: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


class NewestFrame:
    """Holds the newest frame of a camera or clip that goes on by itself; older ones nobody took are dropped and counted."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._frame: tuple[Image, float] | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.dropped = 0

    def put(self, frame: Image, arrived: float) -> None:
        """Replace the waiting frame."""
        with self._ready:
            self.dropped += self._frame is not None
            self._frame = frame, arrived
            self._ready.notify()

    def end(self, error: BaseException | None = None) -> None:
        """No more frames come."""
        with self._ready:
            self._ended, self._error = True, error
            self._ready.notify()

    def take(self) -> tuple[Image, float] | None:
        """Wait for a frame; ``None`` when there are no more."""
        with self._ready:
            self._ready.wait_for(lambda: self._frame is not None or self._ended)
            if self._frame is None and self._error is not None:
                raise self._error
            frame, self._frame = self._frame, None
            return frame


def play(
    swapper: LiveSwapper,
    picture: int | Path,
    *,
    record: Path | None = None,
    show: bool = False,
    seconds: float | None = None,
    stop: threading.Event | None = None,
) -> LiveResult:
    """Run a live session until the camera or clip ends, the time is over, the window is closed, or ``stop`` is set.

    Args:
        picture: a camera's number, or a clip that is played at its own speed.
        record: write the swapped frames there as H.264.
        show: open a window.

    Raises:
        VideoError: no such camera or clip.
        OptionError: nothing is recorded in such a format.
        BackendError: this OpenCV has no windows.
    """
    if record is not None:
        check_recording(record)
    stop = stop or threading.Event()
    frames = _camera(picture, stop) if isinstance(picture, int) else _played(picture, stop)
    newest = NewestFrame()
    thread = threading.Thread(target=_deliver, args=(frames, newest), name="live-frames", daemon=True)
    started = time.monotonic()
    stats: LiveStats | None = None
    with contextlib.ExitStack() as stack:
        recorder = None
        if record is not None:
            recorder = stack.enter_context(_Recorder(stack.enter_context(atomic_output(record)), record.suffix))
        stack.callback(thread.join)
        stack.callback(stop.set)
        thread.start()
        while not stop.is_set() and (taken := newest.take()) is not None:
            image, stats = swapper.process(taken[0], arrived=taken[1])
            if recorder is not None and not stats.dropped:
                recorder.write(image, time.monotonic() - started)
            if (show and _shown(image)) or (seconds is not None and time.monotonic() - started >= seconds):
                break
    elapsed = time.monotonic() - started
    if stats is None:
        raise VideoError(f"{picture}: not one frame came.")
    return LiveResult(
        stats.frames, stats.frames_dropped + newest.dropped, stats.p50_ms, stats.p95_ms, stats.frames / elapsed, elapsed
    )


def _deliver(frames: Iterator[Image], newest: NewestFrame) -> None:
    try:
        for image in frames:
            newest.put(image, time.monotonic())
    except BaseException as error:
        newest.end(error)
        return
    newest.end()


def _played(path: Path, stop: threading.Event) -> Iterator[Image]:
    """Frames of a clip, each when its time has come."""
    clip = open_clip(path)
    try:
        started: float | None = None
        for picture in clip.pictures():
            due = picture.stamp.seconds
            started = time.monotonic() - due if started is None else started
            image = picture.rgb()
            if stop.wait(max(0.0, started + due - time.monotonic())):
                return
            yield image
    finally:
        clip.close()


def _camera(number: int, stop: threading.Event) -> Iterator[Image]:
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise VideoError(
                f"There is no camera {number}, or another program uses it. Try another number, or --target CLIP."
            )
        while not stop.is_set():
            got, image = capture.read()
            if not got:
                raise VideoError(f"Camera {number} stopped giving frames.")
            yield np.ascontiguousarray(image[..., ::-1])  # OpenCV's cameras give BGR
    finally:
        capture.release()


def _shown(image: Image) -> bool:
    """Show a frame; whether the user wants to end."""
    try:
        cv2.imshow("MobileFaceSwap", np.ascontiguousarray(image[..., ::-1]))
        return cv2.waitKey(1) in (_ESCAPE, ord("q"))
    except cv2.error as error:
        raise BackendError(
            "This OpenCV cannot open windows; install opencv-python instead of opencv-python-headless, or record with --out."
        ) from error


class _Recorder:
    """Writes frames with the times at which they came."""

    def __init__(self, part: Path, suffix: str) -> None:
        self._part, self._suffix = part, suffix
        self._container: Any = None
        self._stream: Any = None
        self._last = -1

    def __enter__(self) -> _Recorder:
        return self

    def write(self, image: Image, time_s: float) -> None:
        """Encode one frame; sides are cut to even numbers."""
        import av

        height, width = (side - side % 2 for side in image.shape[:2])
        if self._stream is None:
            self._container = av.open(file_url(self._part), "w")
            self._stream = self._container.add_stream(
                "libx264", rate=_CAMERA_RATE, options={"crf": "20", "preset": "veryfast", "tune": "zerolatency"}
            )
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            self._stream.codec_context.time_base = _RECORD_BASE
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
        self._last = max(self._last + 1, round(time_s / _RECORD_BASE))
        frame.pts, frame.time_base = self._last, _RECORD_BASE
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise encode_error(error, "libx264") from error

    def __exit__(self, kind: Any, *_: Any) -> None:
        if self._container is None:
            return
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()
