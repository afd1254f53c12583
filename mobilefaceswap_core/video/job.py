"""Swap the faces of a clip: decode, track, swap, paste and encode, each on its own thread."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..blend.finish import finish
from ..blend.memory import FaceMemories
from ..detect.few import LargestFaces
from ..errors import Cancelled, OptionError, OutputError
from ..faces.numbers import PEOPLE_COUNT, number_of
from ..files.atomic import check_file_place
from ..files.places import Place, check_places
from ..identity.glasses import glasses_notes
from ..marking import MarkReport, finish_file, tags_of_clip
from ..options import unusable
from ..pipeline import Pipeline, Source
from ..runtime.budget import Budget, Spending
from ..runtime.threads import stage_threads
from ..types import AlignedFace, FrameReport, Image, SwappedCrop
from .clip import WHOLE, Clip, Part
from .options import VideoOptions
from .output import atomic_output, disk_error
from .people import Person, PersonFinder, look_for_people
from .picture import Picture, smaller
from .reader import open_clip
from .report import VideoEvent, VideoReport
from .stages import StageTime, run_stages
from .tracking import TrackedFace, Tracker, follow_largest, same_place
from .writer import Writer, names_images, open_writer

if TYPE_CHECKING:
    from ..identity.encoder import IdentityEncoder

_EVENT_S = 0.2  # progress is told this often
# Frames that may wait between two stages. Four of 720p gave up to a tenth more frames a second on two processors, in some runs none,
# and held 30 MB more.
_DEPTH = 2
_GPU_BATCH = 16


@dataclass(slots=True)
class _Work:
    """A frame on its way through the stages."""

    picture: Picture
    image: Image | None = None
    faces: list[TrackedFace] = field(default_factory=list)
    chosen: list[tuple[int, TrackedFace, Source]] = field(default_factory=list)  # person or -1, face, source
    crops: list[tuple[AlignedFace, SwappedCrop]] = field(default_factory=list)
    report: FrameReport = field(default_factory=lambda: FrameReport(0, 0))
    reasons: list[str] = field(default_factory=list)


def swap_video(
    pipeline: Pipeline,
    target: str | Path,
    output: str | Path,
    source: Source | Mapping[int, Source],
    *,
    people: Sequence[Person] | None = None,
    encoder: IdentityEncoder | None = None,
    options: VideoOptions = VideoOptions(),
    part: Part = WHOLE,
    stop: threading.Event | None = None,
    budget: Budget = Budget(),
) -> Iterator[VideoEvent]:
    """Swap the faces of a clip, telling about progress.

    Closing the generator, or setting ``stop``, cancels the job. The output appears under its name only when it is
    complete; a job that is cancelled or fails leaves nothing behind.

    Args:
        pipeline: swapper and detector; ``load_detector(..., fast=True)`` suits video.
        target: a clip, an animation, a folder of images or a pattern such as ``in/%05d.png``.
        output: its name tells the format: ``.mp4``, ``.mov``, ``.mkv``, ``.webm``, ``.avi``, ``.ts``, ``.gif``,
            ``.webp``; a name without extension or a pattern makes a folder of images.
        source: one person for the faces that ``options.faces`` chooses, or sources by number of the clip's people.
        people: from :func:`~mobilefaceswap_core.video.people.find_people` for the same clip; found first if a mapping
            is given without them.
        encoder: tells people apart; the one that ships if not given.
        part: of the clip, with its sound; nothing of it is coded twice, and it begins with the picture that is shown then.
        stop: set from another thread to cancel.
        budget: what the job may take, counted while it runs; in each picture as many faces are followed as it has, the
            largest.

    Yields:
        Progress about five times a second, and last one event with the report.

    Raises:
        VideoError: the clip cannot be read or written.
        OutputError: no place for the result.
        OptionError: options that make no sense together, or a person who is not in the clip.
        Cancelled: ``stop`` was set.
        BudgetError: the clip holds more pictures or seconds than the budget has, or the job takes too long.
    """
    target, output = Path(target), Path(output)
    stop, spent = stop or threading.Event(), budget.begin()
    folder = output.parent if names_images(output) else output  # a pattern names the files of a new folder
    check_places([Place("the clip", target)], [Place("the result", path) for path in dict.fromkeys((output, folder))])
    if output.suffix and folder is output:
        check_file_place(output)
    with atomic_output(folder) as written:
        if isinstance(source, Mapping):
            encoder = encoder or _shipped_encoder()
            known = (yield from _looking(target, pipeline, encoder, stop, spent)) if people is None else people
            if missing := set(source) - {person.index for person in known}:
                raise OptionError(
                    f"Person {number_of(min(missing))} was given a source, but {target} shows {len(known)} people "
                    f"({PEOPLE_COUNT})."
                )
            people = known
        spent.new_pass()
        clip = open_clip(target, spent=spent, part=part, deinterlace=options.deinterlace, threads=stage_threads())
        try:
            job = _Job(pipeline, clip, source, people or (), encoder, options, spent)
            tags = tags_of_clip(model=pipeline.swapper.info.name, options=options.swap.marks)
            writer = open_writer(written, output, clip, options.encode, tags=tags)
            try:
                yield from job.run(writer, stop)
                signed = _sign(written, output, pipeline, options)
                report = job.report(output, writer, signed)
            except OSError as error:
                raise disk_error(error, output) from error
            finally:
                writer.abort()
        finally:
            clip.close()
    yield VideoEvent("done", report.frames, report.frames, report.fps, 0.0, report)


def run_to_end(events: Iterable[VideoEvent]) -> VideoReport:
    """Use up a job's events and return its report."""
    report = None
    for event in events:
        report = event.report or report
    if report is None:
        raise OutputError("The job ended without a report; was its generator closed?")
    return report


class _Job:
    def __init__(
        self,
        pipeline: Pipeline,
        clip: Clip,
        source: Source | Mapping[int, Source],
        people: Sequence[Person],
        encoder: IdentityEncoder | None,
        options: VideoOptions,
        spent: Spending,
    ) -> None:
        self._pipeline, self._clip, self._source, self._options = pipeline, clip, source, options
        is_mapping = isinstance(source, Mapping)
        self._finder = PersonFinder(people, encoder) if is_mapping and encoder is not None else None
        self._spent = spent
        faces = spent.budget.faces
        self._few = None if faces is None else LargestFaces(pipeline.detector, faces)
        self._tracker = Tracker(
            self._few or pipeline.detector, key_interval=options.key_interval, smooth=options.smooth
        )
        self._steps = pipeline.stages(options.swap, moving=True)
        self._memories = FaceMemories()
        self._largest: int | None = None
        self._size_px = clip.info.width, clip.info.height
        on_gpu = pipeline.swapper.info.device.startswith(("cuda", "mps"))
        self._batch = options.batch or (_GPU_BATCH if on_gpu else 1)
        self._counts: collections.Counter[str] = collections.Counter()
        self._reasons: collections.Counter[str] = collections.Counter()
        self._people: collections.Counter[int] = collections.Counter()
        self._seconds = 0.0
        self._times: list[StageTime] = []

    def run(self, writer: Writer, stop: threading.Event) -> Iterator[VideoEvent]:
        stages: list[tuple[str, Callable[[Iterator[Any]], Iterable[Any]]]] = [
            ("decode", partial(self._decode, writer)),
            ("track", self._track),
            ("swap", self._swap),
            ("paste", self._paste),
            ("encode", partial(self._encode, writer)),
        ]
        asked_to_stop, inner = stop, threading.Event()
        started = told = time.perf_counter()
        total = self._clip.info.frames
        with run_stages(stages, depth=max(_DEPTH, self._batch), stop=inner) as (works, self._times):
            for work in works:
                self._count(work)
                self._spent.check()
                now = time.perf_counter()
                if asked_to_stop.is_set():
                    raise Cancelled("Stopped; nothing was written.")
                if now - told >= _EVENT_S:
                    told = now
                    yield _progress("swap", self._counts["frames"], total, now - started)
        if asked_to_stop.is_set():
            raise Cancelled("Stopped; nothing was written.")
        self._seconds = time.perf_counter() - started

    def _decode(self, writer: Writer, _: Iterator[Any]) -> Iterator[_Work]:
        for picture in self._clip.pictures(writer.copy):
            small = picture if self._options.shorter_px is None else smaller(picture, self._options.shorter_px)
            self._size_px = small.size_px
            yield _Work(small)

    def _track(self, works: Iterator[_Work]) -> Iterator[_Work]:
        """Frames wait for the next detection: a face it finds is followed back to where it came in.

        Those that need wait no longer leave one by one. All at once, the next stages would first be given too much, then nothing.
        """
        waiting: list[_Work] = []
        ready: collections.deque[_Work] = collections.deque()
        for work in works:
            work.image = work.picture.rgb()
            work.faces = self._tracker.update(work.image, time_s=work.picture.stamp.seconds)
            if self._tracker.cuts_now or self._tracker.detected_now:
                if not self._tracker.cuts_now:
                    self._fill_back(waiting, [face for face in work.faces if face.is_new])
                ready.extend(waiting)
                waiting = []
            waiting.append(work)
            while ready and len(ready) + len(waiting) > self._tracker.most_between:
                yield self._choose(ready.popleft())
        for work in (*ready, *waiting):
            yield self._choose(work)

    def _fill_back(self, waiting: Sequence[_Work], new: Sequence[TrackedFace]) -> None:
        earlier = waiting[::-1]
        images = [work.image for work in earlier if work.image is not None]
        for face in new:
            for work, found in zip(earlier, self._tracker.trace_back(face, images), strict=False):
                if any(same_place(found.face, other.face) for other in work.faces):
                    break
                work.faces.append(found)

    def _choose(self, work: _Work) -> _Work:
        """The frame, with which of its faces get which source, and why the others do not."""
        faces, skipped = work.faces, dict[int, str]()
        owners: Mapping[int, int | None] = {}
        if self._finder is not None and work.image is not None:
            owners = self._finder.update(work.image, faces)
        if self._options.faces == "largest" and self._finder is None:
            self._largest = follow_largest(faces, self._largest)
        for number, face in enumerate(faces):
            source, reason = self._source_for(face, owners)
            if source is None:
                skipped[number] = reason
            elif unfit := unusable(face.face, self._options.swap):
                skipped[number] = unfit
            else:
                person = owners.get(face.track)
                work.chosen.append((-1 if person is None else person, face, source))
        # Small faces first: where two overlap the larger, nearer one ends up on top.
        work.chosen.sort(key=lambda entry: entry[1].face.size_px)
        work.report = FrameReport(len(faces), len(work.chosen), skipped)
        return work

    def _source_for(self, face: TrackedFace, owners: Mapping[int, int | None]) -> tuple[Source | None, str]:
        if isinstance(self._source, Mapping):
            person = owners.get(face.track)
            if person is None:
                return None, "not one of the clip's known people"
            return self._source.get(person), "no source for this person"
        if self._options.faces == "largest" and face.track != self._largest:
            return None, "not the largest face"
        return self._source, ""

    def _swap(self, works: Iterator[_Work]) -> Iterator[_Work]:
        batch: list[_Work] = []
        for work in works:
            batch.append(work)
            if len(batch) >= self._batch or not works.ready():  # type: ignore[attr-defined]
                self._swap_batch(batch)
                yield from batch
                batch = []
        self._swap_batch(batch)
        yield from batch

    def _swap_batch(self, works: Sequence[_Work]) -> None:
        targets, sources, owners = [], [], []
        for work in works:
            for _, face, source in work.chosen:
                if work.image is not None:
                    targets.append(self._pipeline.align(work.image, face.face))
                    sources.append(source)
                    owners.append(work)
        swapped = self._pipeline.swap_aligned(targets, sources)
        for work, target, crop in zip(owners, targets, swapped, strict=True):
            work.crops.append((target, crop))

    def _paste(self, works: Iterator[_Work]) -> Iterator[_Work]:
        for work in works:
            time_s = work.picture.stamp.seconds
            for (_, face, _), (target, crop) in zip(work.chosen, work.crops, strict=True):
                memory = self._memories.of(face.track)
                done = finish(target, crop, self._steps, frame=work.image, memory=memory, time_s=time_s)
                work.picture.paste(done.pixels, done.weight, done.crop_from_frame)
            self._memories.keep({face.track for face in work.faces})
            work.crops, work.image = [], None
            yield work

    def _encode(self, writer: Writer, works: Iterator[_Work]) -> Iterator[_Work]:
        for work in works:
            writer.write(work.picture)
            # The frame has been handed over; only its counts go on.
            yield replace(work, picture=None, image=None)  # type: ignore[arg-type]
        writer.finish()

    def _count(self, work: _Work) -> None:
        report = work.report
        self._counts["frames"] += 1
        self._counts["without"] += report.faces_found == 0
        self._counts["swapped"] += report.faces_swapped > 0
        self._counts["found"] += report.faces_found
        self._counts["faces"] += report.faces_swapped
        self._reasons.update(report.skipped.values())
        self._people.update(person for person, _, _ in work.chosen if person >= 0)

    def report(self, output: Path, writer: Writer, signed: MarkReport) -> VideoReport:
        info, counts = self._clip.info, self._counts
        people = self._source.values() if isinstance(self._source, Mapping) else [self._source]
        notes = [*info.notes, *writer.notes, *glasses_notes(person.glasses for person in people)]
        notes += [f"{layer} could not be added: {reason}" for layer, reason in signed.left_out.items()]
        if self._few is not None and self._few.left_out:
            notes.append(
                f"some pictures show more than {self._spent.budget.faces} faces; the smallest, {self._few.left_out} at most, "
                "were left alone there"
            )
        if self._clip.truncated:
            expected = f" of about {info.frames}" if info.frames and info.frames > counts["frames"] else ""
            notes.append(f"the clip is cut off or damaged: {counts['frames']}{expected} frames could be read")
        return VideoReport(
            input=str(info.path),
            output=str(output),
            width=self._size_px[0],
            height=self._size_px[1],
            frame_rate=f"{info.frame_rate.numerator}/{info.frame_rate.denominator}",
            frames=counts["frames"],
            frames_without_face=counts["without"],
            frames_swapped=counts["swapped"],
            faces_found=counts["found"],
            faces_swapped=counts["faces"],
            skipped=dict(self._reasons),
            people_swapped=dict(sorted(self._people.items())),
            truncated=self._clip.truncated,
            damaged_packets=self._clip.damaged,
            notes=tuple(notes),
            marked=signed.applied,
            model=self._pipeline.swapper.info.name,
            detector=self._pipeline.detector.info.name,
            device=self._pipeline.swapper.info.device,
            options=self._options.to_json(),
            seconds=self._seconds,
            fps=counts["frames"] / self._seconds if self._seconds else 0.0,
            detections=self._tracker.detections,
            scene_cuts=self._tracker.cuts,
            stages=tuple(self._times),
        )


def _sign(part: Path, output: Path, pipeline: Pipeline, options: VideoOptions) -> MarkReport:
    """Write into the finished file that it is synthetic; folders of images carry the watermark only."""
    marks = options.swap.marks
    if part.is_dir():
        left_out = {"metadata": "a folder of images has no place for it"} if marks.metadata else {}
        signed = MarkReport((), left_out)
    else:
        signed = finish_file(part, model=pipeline.swapper.info.name, options=marks, title=output.name)
    return MarkReport((*(("watermark",) if marks.watermark else ()), *signed.applied), signed.left_out)


def _looking(
    target: Path, pipeline: Pipeline, encoder: IdentityEncoder, stop: threading.Event, spent: Spending
) -> Generator[VideoEvent, None, list[Person]]:
    steps = look_for_people(target, detector=pipeline.detector, encoder=encoder, spent=spent)
    started = told = time.perf_counter()
    while True:
        try:
            done, total = next(steps)
        except StopIteration as end:
            return end.value
        if stop.is_set():
            steps.close()
            raise Cancelled("Stopped while looking for people; nothing was written.")
        now = time.perf_counter()
        if now - told >= _EVENT_S:
            told = now
            yield _progress("people", done, total, now - started)


def _progress(stage: Literal["people", "swap"], done: int, total: int | None, elapsed_s: float) -> VideoEvent:
    fps = done / elapsed_s if elapsed_s > 0 else 0.0
    left = max(0.0, (total - done) / fps) if total and fps else None
    return VideoEvent(stage, done, total, fps, left)


def _shipped_encoder() -> IdentityEncoder:
    from ..identity.encoder import load_identity_encoder

    return load_identity_encoder()
