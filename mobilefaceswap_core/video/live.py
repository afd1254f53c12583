"""Frames that arrive one by one, with a latency budget: late frames are dropped, never queued."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..blend.memory import FaceMemories
from ..detect.few import LargestFaces
from ..errors import OptionError
from ..files.images import check_image
from ..marking.badge import draw_badge
from ..options import SwapOptions
from ..pipeline import Pipeline, Source
from ..runtime.budget import Budget
from ..types import Image
from .tracking import KEY_INTERVAL, TrackedFace, Tracker, follow_largest

BUDGET_MS = 120.0  # eight frames a second, below which live frames no longer look like motion
_KEPT = 300  # latencies the percentiles are taken of
_RATE_S = 2.0  # the rate is told over so long: long enough to be read, short enough to be true
_LONGEST_WAIT = 15  # detections may be put off for this many frames when time is short and no face is lost
_HELD_FRAMES = 3  # frames a face that was lost stays at its last landmarks


@dataclass(frozen=True, slots=True)
class LiveStats:
    """How a live session is doing.

    Attributes:
        dropped: this frame came too late, or while another was being worked on; the result before it was given again.
        faces: faces swapped in the frame given.
        latency_ms: from the frame's arrival to its result; of the last frame worked on when this one was dropped.
        p50_ms: median latency of the last 300 frames worked on.
        p95_ms: 95th percentile of the same.
        frames: frames worked on so far.
        frames_dropped: frames dropped so far.
        per_second: results in a second, over the last two seconds; 0 before the second one.
    """

    dropped: bool
    faces: int
    latency_ms: float
    p50_ms: float
    p95_ms: float
    frames: int
    frames_dropped: int
    per_second: float = 0.0


class LiveSwapper:
    """Swaps frames as they arrive; one object per visitor, kept by the caller.

    The pipeline and the sources may be shared between visitors; everything this object changes is its own. Calls may
    come from several threads: a frame that arrives while another is being worked on is dropped at once.

    Args:
        pipeline: swapper and detector; ``load_detector(..., fast=True)`` suits live frames.
        source: who appears, on the faces that ``faces`` chooses.
        budget_ms: the latency to keep below.
        faces: ``largest`` or ``all``.
        smooth: calm the landmarks over time.
        options: as for stills.
        budget: of one picture; as many faces are followed as it has, the largest.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        source: Source,
        *,
        budget_ms: float = BUDGET_MS,
        faces: Literal["all", "largest"] = "largest",
        smooth: bool = True,
        options: SwapOptions = SwapOptions(),
        budget: Budget = Budget(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if budget_ms <= 0:
            raise OptionError(
                f"A latency budget of {budget_ms} ms was asked for; wanted more than 0, such as {BUDGET_MS:.0f}."
            )
        self._pipeline, self._source, self._budget_ms, self._faces = pipeline, source, budget_ms, faces
        self._options, self._smooth, self._clock = options, smooth, clock
        self._lock = threading.Lock()
        self._detector = pipeline.detector if budget.faces is None else LargestFaces(pipeline.detector, budget.faces)
        self._tracker = self._new_tracker()
        self._shape: tuple[int, ...] | None = None
        self._memories = FaceMemories()
        self._largest: int | None = None
        self._held: dict[int, tuple[int, TrackedFace]] = {}
        self._last: Image | None = None
        self._last_faces = 0
        self._latencies_ms: collections.deque[float] = collections.deque(maxlen=_KEPT)
        self._done_s: collections.deque[float] = collections.deque(maxlen=_KEPT)
        self._frames = self._dropped = self._put_off = 0
        self._detect_ms = self._per_second = 0.0

    @property
    def source(self) -> Source:
        """Who appears."""
        return self._source

    def _new_tracker(self) -> Tracker:
        """Searches as often while nothing changes: a face that comes in late cannot be followed back to frames that were shown."""
        return Tracker(self._detector, key_interval=KEY_INTERVAL, smooth=self._smooth, look_closely=False)

    def process(self, frame: Image, *, arrived: float | None = None) -> tuple[Image, LiveStats]:
        """Swap a frame, or drop it.

        Args:
            frame: ``(H, W, 3)`` RGB uint8; not changed.
            arrived: the clock's time when the frame was taken; now if not given. A frame older than the budget is late.

        Returns:
            The frame to show and how it went. A dropped frame gives the result before it again, never an unswapped one;
            the very first frame is always worked on.

        Raises:
            ImageError: ``frame`` is no RGB image.
        """
        frame = check_image(frame, what="live frame")
        now = self._clock()
        arrived = now if arrived is None else arrived
        is_late = (now - arrived) * 1e3 > self._budget_ms and self._last is not None
        if is_late or not self._lock.acquire(blocking=self._last is None):
            self._dropped += 1
            if self._last is not None:
                return self._last, self._stats(dropped=True)
        try:
            self._last, self._last_faces = self._swap(frame, arrived)
            self._frames += 1
            done_s = self._clock()
            self._latencies_ms.append((done_s - arrived) * 1e3)
            self._per_second = self._rate(done_s)
            return self._last, self._stats(dropped=False)
        finally:
            self._lock.release()

    def _swap(self, frame: Image, arrived: float) -> tuple[Image, int]:
        if frame.shape != self._shape:  # a camera that changes its frame size starts anew
            self._shape = frame.shape
            self._tracker = self._new_tracker()
            self._held = {}
        faces = self._track(frame, arrived)
        if self._faces == "largest":
            self._largest = follow_largest(faces, self._largest)
            faces = [face for face in faces if face.track == self._largest]
        chosen: Mapping[int, Source] = dict.fromkeys(range(len(faces)), self._source)
        memories = [self._memories.of(face.track) for face in faces]
        self._memories.keep({face.track for face in faces})
        image, report, *_ = self._pipeline.swap_faces(
            frame,
            [face.face for face in faces],
            chosen,
            options=self._options,
            moving=True,
            memories=memories,
            time_s=arrived,
        )
        return draw_badge(image) if self._options.marks.badge else image, report.faces_swapped

    def _track(self, frame: Image, arrived: float) -> list[TrackedFace]:
        """Tracked faces, and for a moment those that were lost, where they were last."""
        usual_ms = self.percentile_ms(50)
        is_tight = usual_ms + self._detect_ms > self._budget_ms and self._put_off < _LONGEST_WAIT
        before, started = self._tracker.detections, self._clock()
        faces = self._tracker.update(frame, time_s=arrived, may_detect=not is_tight)
        self._put_off = self._put_off + 1 if is_tight else 0
        if self._tracker.detections > before:
            self._detect_ms = (self._clock() - started) * 1e3
        number = self._frames
        present = {face.track for face in faces}
        self._held = {
            t: held for t, held in self._held.items() if t not in present and number - held[0] <= _HELD_FRAMES
        }
        if self._tracker.cuts_now:
            self._held = {}
        lost = [face for _, face in self._held.values() if not any(_overlaps(face, other) for other in faces)]
        self._held |= {face.track: (number, face) for face in faces}
        return [*faces, *lost]

    def percentile_ms(self, percent: float) -> float:
        """Latency percentile of the last frames worked on; 0 before the first."""
        return float(np.percentile(list(self._latencies_ms), percent)) if self._latencies_ms else 0.0

    def _rate(self, done_s: float) -> float:
        self._done_s.append(done_s)
        while done_s - self._done_s[0] > _RATE_S:
            self._done_s.popleft()
        passed_s = done_s - self._done_s[0]
        return (len(self._done_s) - 1) / passed_s if passed_s else 0.0

    def _stats(self, *, dropped: bool) -> LiveStats:
        latency = self._latencies_ms[-1] if self._latencies_ms else 0.0
        return LiveStats(
            dropped,
            self._last_faces,
            latency,
            self.percentile_ms(50),
            self.percentile_ms(95),
            self._frames,
            self._dropped,
            self._per_second,
        )


def _overlaps(a: TrackedFace, b: TrackedFace) -> bool:
    return bool((np.minimum(a.face.box[2:], b.face.box[2:]) > np.maximum(a.face.box[:2], b.face.box[:2])).all())
