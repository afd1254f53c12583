"""Answers of the Video tab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import Cancelled, OptionError
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.video import WHOLE, Part, Person, VideoEvent

from ..messages import Visit
from ..texts import model_words, say
from ..work.clips import SwappedClip, check_clip, plain_report
from ..work.engine import Engine
from ..work.services import Services
from .assignment import PEOPLE, everyone, people_by_face
from .choices import chosen
from .progress import bar

_KIND = "video"


def forget(services: Services, visit: Visit) -> dict[str, Any]:
    """Another clip has other people."""
    return {"people_status": "", "people": gr.update(value=None, visible=False), "found": [], "assignment": {}}


def look(services: Services, visit: Visit, *, clip: str | None) -> dict[str, Any]:
    """Show who is in the clip, and put person A in everybody's place.

    Raises:
        OptionError: there is no clip.
    """
    spoken = visit.language
    if not clip:
        raise OptionError(say("clip_need", spoken))
    services.engine.admit(visit.caller)
    check_clip(clip, services.settings, spoken)
    stop = services.jobs.begin(visit.session, _KIND)
    try:
        people = services.people_of(services.engine, clip, stop)
    finally:
        services.jobs.end(visit.session, _KIND, stop)
    if not people:
        return forget(services, visit) | {"people_status": say("people_none", spoken)}
    found = say("person_found" if len(people) == 1 else "people_found", spoken, count=len(people))
    return {
        "people_status": f"{found} {'; '.join(_share(person, spoken) for person in people)}.",
        "people": gr.update(value=[(p.thumbnail, str(number_of(p.index))) for p in people], visible=True),
        "found": people,
        "assignment": everyone(len(people)),
    }


def _share(person: Person, spoken: str) -> str:
    return say("person_share", spoken, number=number_of(person.index), share=f"{person.share:.0%}")


def swap(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    person_b: str | None,
    person_c: str | None,
    person_d: str | None,
    clip: str | None,
    start: float | None,
    end: float | None,
    found: Sequence[Person],
    assignment: dict[int, str],
    model: str,
    choices: Mapping[str, Any],
    consented: bool,
) -> Iterator[dict[str, Any]]:
    """Swap the clip, telling how far it is; nothing without consent.

    Raises:
        OptionError: a photo or the clip is missing, or the trim makes no sense.
    """
    if not consented:
        yield {}
        return
    spoken = visit.language
    if not clip:
        raise OptionError(say("clip_need", spoken))
    people = dict(zip(PEOPLE, ([source], [person_b], [person_c], [person_d]), strict=True))
    sources = people_by_face(people, assignment if found else {}, spoken)
    services.engine.admit(visit.caller)
    stop = services.jobs.begin(visit.session, _KIND)
    yield _without_result() | {"progress": bar(0, None, say("clip_starting", spoken))}
    try:
        part = part_of(services.engine, clip, start or 0.0, end or 0.0, spoken)
        for event in services.swap_clip(
            services.engine, sources, clip, model=model, people=list(found) or None, part=part, stop=stop,
            choices=chosen(choices),
        ):  # fmt: skip
            yield (
                _finished(event, spoken) if isinstance(event, SwappedClip) else {"progress": progress_of(event, spoken)}
            )
    except Cancelled:
        yield _without_result() | {"status": say("clip_stopped", spoken)}
    finally:
        services.jobs.end(visit.session, _KIND, stop)


def halt(services: Services, visit: Visit) -> dict[str, Any]:
    """Stop the visitor's job between two frames, which also removes what it wrote."""
    stopped = services.jobs.stop(visit.session, _KIND)
    return {"progress": "", "status": say("clip_stopped", visit.language) if stopped else ""}


def _without_result() -> dict[str, Any]:
    hidden = gr.update(visible=False)
    return {"progress": "", "result": None, "status": "", "download": hidden, "details": hidden, "report": None}


def _finished(clip: SwappedClip, spoken: str) -> dict[str, Any]:
    return {
        "progress": "",
        "result": str(clip.path),
        "status": describe(clip, spoken),
        "download": gr.update(value=str(clip.path), visible=True),
        "details": gr.update(visible=True),
        "report": plain_report(clip.report),
    }


def part_of(engine: Engine, path: str, start_s: float, end_s: float, spoken: str) -> Part:
    """The part of a clip that is wanted, within the host's limits; an end of 0 is the clip's.

    Raises:
        OptionError: the part is empty.
        VideoError: too long, or not a clip.
    """
    settings = engine.settings
    if start_s == 0 and end_s == 0:
        check_clip(path, settings, spoken)
        return WHOLE
    if 0 < end_s <= start_s:
        raise OptionError(say("trim_wrong", spoken))
    facts = check_clip(path, settings, spoken, seconds=(end_s or float("inf")) - start_s)
    if start_s >= facts.seconds:
        raise OptionError(say("trim_wrong", spoken))
    return Part(start_s, end_s or None)


def progress_of(event: VideoEvent, spoken: str) -> str:
    """Frames done, speed and time left."""
    left = (
        say("clip_left_unknown", spoken)
        if event.seconds_left is None
        else say("clip_left", spoken, seconds=f"{event.seconds_left:.0f}")
    )
    text = say("clip_progress", spoken, stage=say(f"stage_{event.stage}", spoken), done=event.frames_done,
               total=event.frames_total or "?", fps=f"{event.fps:.1f}", left=left)  # fmt: skip
    return bar(event.frames_done, event.frames_total, text)


def describe(done: SwappedClip, spoken: str) -> str:
    """The sentences below a finished clip."""
    report = done.report
    lines = [
        say("clip_done", spoken, swapped=report.frames_swapped, frames=report.frames, fps=f"{report.fps:.1f}",
            without=report.frames_without_face, model=model_words(report.model, spoken)),
        *report.notes,
        say("marked", spoken),
    ]  # fmt: skip
    return "\n\n".join(lines)
