"""Clips within the host's limits: checked before decoding, swapped as a whole or in part, and marked."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import VideoError
from mobilefaceswap_core.files.media import check_codec, length_s, open_media, picture_stream
from mobilefaceswap_core.options import swap_options
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

from ..limits import check_size
from ..settings import Settings
from ..texts import say
from .auditing import door
from .budgets import SLACK_S, budget_of
from .engine import Engine

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
    """
    name = model or engine.default_video_model()
    pipeline = engine.video_pipeline(name)
    if isinstance(sources, Mapping):
        wanted: Source | dict[int, Source] = engine.prepare_each(name, sources, video=True)
    else:
        wanted = engine.prepare(name, sources, video=True)
    output = engine.new_file("swapped.mp4")
    plays_everywhere = EncodeOptions(pixel_format="yuv420p")
    options = VideoOptions(encode=plays_everywhere, swap=swap_options(choices or {}))
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
