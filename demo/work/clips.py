"""Clips within the host's limits: checked before decoding, swapped as a whole or in part, and marked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mobilefaceswap_core.errors import OptionError, VideoError
from mobilefaceswap_core.faces.choose import largest_few
from mobilefaceswap_core.files.images import write_image
from mobilefaceswap_core.files.media import check_codec, length_s, open_media, picture_stream
from mobilefaceswap_core.marking import save_image
from mobilefaceswap_core.pipeline import Source
from mobilefaceswap_core.video import (
    WHOLE,
    EncodeOptions,
    Part,
    Person,
    VideoEvent,
    VideoOptions,
    VideoReport,
    find_people,
    swap_video,
)
from mobilefaceswap_core.video.reader import open_clip

from ..limits import check_size
from ..settings import Settings
from ..texts import say
from .auditing import door
from .budgets import SLACK_S, budget_of
from .engine import Engine
from .results import result_name
from .wishes import wished

Value = TypeVar("Value")
_MOST_PACKETS = 1_000_000  # that are counted; a host allows a few thousand pictures


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What is known without a picture being decoded.

    Attributes:
        seconds: as the container says, or as its packets' time stamps do, whichever is longer.
        width: of the first picture, in pixels.
        height: of the first picture, in pixels.
        pictures: packets of pictures in the file.
    """

    seconds: float
    width: int
    height: int
    pictures: int


@dataclass(frozen=True, slots=True)
class SwappedClip:
    """A finished clip: the marked file, its report, and the report as a file."""

    path: Path
    report: VideoReport
    report_path: Path


# What a visitor chooses of, and what x264 makes of it: its guide calls 18 visually lossless or nearly so, 23 is its default,
# and every 6 more halve the file.
QUALITIES = {"best": 18, "good": 23, "small": 29}
SIZES = {"original": None, "720": 720, "480": 480}  # pixels of the shorter side


@dataclass(frozen=True, slots=True)
class Writing:
    """How a swapped clip is written; what a visitor chose is checked when it is used.

    Attributes:
        quality: one of :data:`QUALITIES`.
        size: one of :data:`SIZES`; a smaller clip stays as it is.
        sound: whether the clip's sound is kept.
        deinterlace: whether interlaced pictures are made whole.
    """

    quality: str = "best"
    size: str = "original"
    sound: bool = True
    deinterlace: bool = False

    def encoding(self) -> EncodeOptions:
        """For an encoder whose results play everywhere.

        Raises:
            OptionError: a quality that is not offered.
        """
        crf = _offered(QUALITIES, self.quality, "quality")
        return EncodeOptions(crf=crf, pixel_format="yuv420p", sound=self.sound is not False)

    def shorter_px(self) -> int | None:
        """Shorter side of the result in pixels, ``None`` for that of the clip.

        Raises:
            OptionError: a size that is not offered.
        """
        return _offered(SIZES, self.size, "size")


def _offered(known: Mapping[str, Value], chosen: Any, what: str) -> Value:
    if not isinstance(chosen, str) or chosen not in known:
        raise OptionError(f"The {what} {str(chosen)[:40]!r} is not offered; choose {', '.join(known)}.")
    return known[chosen]


def clip_facts(path: str | Path) -> ClipFacts:
    """Size and length of a clip.

    Headers are not believed: recordings of browsers do not say how long they are, and others may say anything. Packets are
    counted and their time stamps read, which decodes nothing.

    Raises:
        VideoError: not a clip.
    """
    import av

    try:
        with open_media(path, name="This file") as container:
            stream = picture_stream(container, "This file")
            check_codec(stream, "This file")
            seconds = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None
            seconds = length_s(container) if seconds is None else seconds
            pictures, first_s, last_s = 0, float("inf"), 0.0
            with contextlib.suppress(av.error.FFmpegError, OSError):  # a clip that is cut off counts as far as it goes
                for packet in container.demux(stream):
                    pictures += packet.size > 0
                    if packet.pts is not None and packet.time_base:
                        at_s = float(packet.pts * packet.time_base)
                        first_s, last_s = min(at_s, first_s), max(at_s, last_s)
                    if pictures > _MOST_PACKETS:
                        break
            context = stream.codec_context
            return ClipFacts(max(seconds or 0.0, last_s - first_s), context.width, context.height, pictures)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"This clip cannot be read ({error}). If it plays elsewhere, convert it to MP4.") from error


@door("clip")
def check_clip(path: str | Path, settings: Settings, spoken: str = "en", *, seconds: float | None = None) -> ClipFacts:
    """Refuse a clip over the host's limits.

    Args:
        path: the visitor's file.
        settings: the host's.
        spoken: language of the message.
        seconds: what will be used of it, if it is trimmed.

    Raises:
        OptionError: the file is too large.
        VideoError: too long, too many pixels, or not a clip.
    """
    check_size(path, settings, spoken)
    facts = clip_facts(path)
    used = facts.seconds if seconds is None else min(seconds, facts.seconds)
    if used > settings.max_video_seconds + SLACK_S:
        raise VideoError(say("clip_too_long", spoken, got=f"{used:.0f}", wanted=settings.max_video_seconds))
    most = budget_of(settings).frames
    if most is not None and facts.pictures > most and seconds is None:
        raise VideoError(
            say("clip_too_long", spoken, got=f"> {settings.max_video_seconds}", wanted=settings.max_video_seconds)
        )
    megapixels = facts.width * facts.height / 1e6
    if megapixels > settings.max_video_megapixels:
        wanted = f"{settings.max_video_megapixels:g}"
        raise VideoError(say("clip_too_large", spoken, got=f"{megapixels:.1f}", wanted=wanted))
    return facts


@door("people")
def people_of(engine: Engine, path: str | Path, stop: threading.Event | None = None) -> list[Person]:
    """Who appears in a clip."""
    detector = engine.video_pipeline(engine.default_video_model()).detector
    budget = budget_of(engine.settings)
    return find_people(path, detector=detector, encoder=engine.encoder(), stop=stop, budget=budget)


@dataclass(frozen=True, slots=True, eq=False)
class SwappedFrame:
    """The first frame of a clip, before and after.

    Attributes:
        before: as it is in the clip, a PNG.
        after: the same with its faces swapped, a marked PNG; ``None`` if no face was found in it.
    """

    before: Path
    after: Path | None


@door("preview")
def swap_first_frame(
    engine: Engine,
    source: str | Path,
    path: str | Path,
    *,
    model: str | None = None,
    choices: Mapping[str, Any] | None = None,
    part: Part = WHOLE,
) -> SwappedFrame:
    """Swap the first frame of a checked clip as :func:`swap_clip` will, and write it down marked.

    Args:
        engine: the app's.
        source: photo whose face goes on everybody.
        path: the clip.
        model: a name of :meth:`Engine.model_names`; the host's for clips if not given.
        choices: values by the names of :data:`~mobilefaceswap_core.choices.CHOICES`.
        part: of the clip, whose first frame it is.

    Raises:
        VideoError: no frame of the clip can be decoded.
        NoFaceError: the photo shows no face.
    """
    name, budget = model or engine.default_video_model(), budget_of(engine.settings)
    pipeline, options = engine.video_pipeline(name), wished(choices or {})
    person = engine.prepare(name, [source], video=True, options=options)
    with contextlib.closing(open_clip(path, spent=budget.begin(), part=part)) as clip:
        picture = next(iter(clip.pictures()), None)
    if picture is None:
        raise VideoError("The clip has no picture at its start. Choose another part.")
    before = picture.rgb()
    faces = pipeline.detect(before, budget=budget)
    everybody = dict.fromkeys(largest_few(faces, range(len(faces)), budget.faces), person)
    after, report, *_ = pipeline.swap_faces(before, faces, everybody, options=options, moving=True)
    first = engine.new_file("first.png")
    write_image(first, before)
    if not report.faces_swapped:
        return SwappedFrame(first, None)
    output = first.with_name(result_name(str(source), str(path), ".png"))
    save_image(output, after, model=name, options=options.marks)
    engine.audit("preview", [source], path, output, name)
    return SwappedFrame(first, output)


@door("video")
def swap_clip(
    engine: Engine,
    sources: Sequence[str | Path] | Mapping[int, Sequence[str | Path]],
    path: str | Path,
    *,
    model: str | None = None,
    people: Sequence[Person] | None = None,
    part: Part = WHOLE,
    stop: threading.Event | None = None,
    choices: Mapping[str, Any] | None = None,
    writing: Writing | None = None,
) -> Iterator[VideoEvent | SwappedClip]:
    """Swap a checked clip; progress first, the finished clip last.

    Args:
        engine: the app's.
        sources: photos of one person, or of one person by index of the clip's people.
        path: the clip.
        model: a name of :meth:`Engine.model_names`; the host's for clips if not given.
        people: of the clip, for a mapping.
        part: of it to swap.
        stop: set to cancel; nothing is left behind then.
        choices: values by the names of :data:`~mobilefaceswap_core.choices.CHOICES`.
        writing: how the result is written.
    """
    name, writing = model or engine.default_video_model(), writing or Writing()
    pipeline = engine.video_pipeline(name)
    swap = wished(choices or {})
    if isinstance(sources, Mapping):
        wanted: Source | dict[int, Source] = engine.prepare_each(name, sources, video=True, options=swap)
    else:
        wanted = engine.prepare(name, sources, video=True, options=swap)
    first = next(iter(sources.values()))[0] if isinstance(sources, Mapping) else sources[0]
    output = engine.new_file(result_name(str(first), str(path), ".mp4"))
    options = VideoOptions(
        writing.encoding(), swap, shorter_px=writing.shorter_px(),
        deinterlace=writing.deinterlace is True,
    )  # fmt: skip
    encoder = engine.encoder() if isinstance(wanted, dict) else None
    events = swap_video(
        pipeline, path, output, wanted, people=people, encoder=encoder, options=options, part=part, stop=stop,
        budget=budget_of(engine.settings),
    )  # fmt: skip
    report = None
    for event in events:
        report = event.report or report
        yield event
    if report is None:
        raise VideoError("The clip ended without a report. Try again.")
    written = output.with_name("report.json")
    _without_paths(report).write(written)
    engine.audit("video", sources, path, output, name)
    yield SwappedClip(output, report, written)


def _without_paths(report: VideoReport) -> VideoReport:
    """The report with names only: where the host keeps its files is nobody's business."""
    return replace(report, input=Path(report.input).name, output=Path(report.output).name)


def plain_report(report: VideoReport) -> dict[str, Any]:
    """The same as values that JSON knows: its keys are text."""
    return json.loads(json.dumps(_without_paths(report).to_json()))  # type: ignore[no-any-return]
