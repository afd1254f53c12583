"""Answers of the Video tab."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr

from mobilefaceswap_core.errors import Cancelled, OptionError
from mobilefaceswap_core.faces.numbers import number_of
from mobilefaceswap_core.video import Part, Person, VideoEvent

from ..messages import Visit
from ..texts import model_words, say
from ..work.clips import SwappedClip, SwappedFrame, Writing, check_clip, plain_report
from ..work.services import Services
from .assignment import PEOPLE, everyone, people_by_face
from .choices import chosen
from .consent import may_swap
from .progress import bar
from .trim import control_of, part_of, start_of, wanted_part

_KIND = "video"


def forget(services: Services, visit: Visit) -> dict[str, Any]:
    """Another clip has other people, and another length."""
    return {"people_status": "", "people": gr.update(value=None, visible=False), "found": [], "assignment": {},
            "trim": gr.update(value=None, visible=False)}  # fmt: skip


def measure(services: Services, visit: Visit, *, clip: str | None) -> dict[str, Any]:
    """Show the control of the part that is wanted, as long as the clip.

    Raises:
        VideoError: not a clip, or its pictures are too large.
        OptionError: the file is too large.
    """
    if not clip:
        return {}
    facts = check_clip(clip, services.settings, visit.language, seconds=0)  # a long one may still be trimmed
    return {"trim": control_of(facts.seconds, visit.language)}


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
        nobody = gr.update(value=None, visible=False)
        return {"people_status": say("people_none", spoken), "people": nobody, "found": [], "assignment": {}}
    found = say("person_found" if len(people) == 1 else "people_found", spoken, count=len(people))
    return {
        "people_status": f"{found} {'; '.join(_share(person, spoken) for person in people)}.",
        "people": gr.update(value=[(p.thumbnail, str(number_of(p.index))) for p in people], visible=True),
        "found": people,
        "assignment": everyone(len(people)),
    }


def _share(person: Person, spoken: str) -> str:
    return say("person_share", spoken, number=number_of(person.index), share=f"{person.share:.0%}")


def preview(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    clip: str | None,
    trim: Any,
    assignment: dict[int, str],
    model: str,
    choices: Mapping[str, Any],
    previewed: Any,
    consented: bool,
) -> dict[str, Any]:
    """Swap the first frame of the wanted part, as soon as face and clip are there; nothing without consent.

    Where several people take part it stays empty: who they are is known only once the clip was searched.

    Args:
        previewed: what the last one was made of, and the frame; no frame where none is to be shown any more.
    """
    part = wanted_part(trim, visit.language)
    wished = (source, clip, part, model, dict(choices))
    if previewed is not None and wished == previewed[0]:  # a new face and a new clip both ask, one after the other
        return {"preview": _pair(previewed[1])} if previewed[1] is not None else {}
    several = set(assignment.values()) - {PEOPLE[0]}
    if not source or not clip or several or not may_swap(consented, source, clip):
        return {"preview": None, "preview_status": "", "previewed": None}
    services.engine.admit(visit.caller)
    start = start_of(services.engine, clip, *part, visit.language)
    seen = services.swap_first_frame(services.engine, source, clip, model=model, choices=chosen(choices), part=start)
    if seen.after is None:
        return {"preview": None, "preview_status": say("preview_none", visit.language), "previewed": (wished, None)}
    return {"preview": _pair(seen), "preview_status": "", "previewed": (wished, seen)}


def _pair(seen: SwappedFrame) -> Any:
    is_there = seen.after is not None and seen.before.is_file() and seen.after.is_file()
    return gr.update(value=(str(seen.before), str(seen.after)) if is_there else None, visible=True)


def swap(
    services: Services,
    visit: Visit,
    *,
    source: str | None,
    person_b: str | None,
    person_c: str | None,
    person_d: str | None,
    clip: str | None,
    trim: Any,
    found: Sequence[Person],
    assignment: dict[int, str],
    model: str,
    choices: Mapping[str, Any],
    quality: str,
    size: str,
    sound: bool,
    deinterlace: bool,
    previewed: Any,
    consented: bool,
) -> Iterator[dict[str, Any]]:
    """Swap the clip, its first frame first, telling how far it is; nothing without consent.

    Raises:
        OptionError: a photo or the clip is missing, or the trim makes no sense.
    """
    spoken = visit.language
    people = dict(zip(PEOPLE, ([source], [person_b], [person_c], [person_d]), strict=True))
    sources = people_by_face(people, assignment if found else {}, spoken)
    if not clip:
        raise OptionError(say("clip_need", spoken))
    if not may_swap(consented, source, person_b, person_c, person_d, clip):
        yield {}
        return
    services.engine.admit(visit.caller)
    stop = services.jobs.begin(visit.session, _KIND)
    yield _without_result() | {"progress": bar(0, None, say("clip_starting", spoken))}
    try:
        first = preview(services, visit, source=source, clip=clip, trim=trim, assignment=assignment, model=model,
                        choices=choices, previewed=previewed, consented=consented)  # fmt: skip
        yield first
        made_of = (first.get("previewed", previewed) or (None,))[0]
        part = part_of(services.engine, clip, *wanted_part(trim, spoken), spoken)
        for event in services.swap_clip(
            services.engine, sources, clip, model=model, people=list(found) or None, part=part, stop=stop,
            choices=chosen(choices), writing=Writing(quality, size, sound, deinterlace),
        ):  # fmt: skip
            yield (
                _finished(event, clip, part, spoken) | {"previewed": made_of and (made_of, None)}
                if isinstance(event, SwappedClip)
                else {"progress": progress_of(event, spoken)}
            )
    except Cancelled:
        yield _without_result() | {"status": say("clip_stopped", spoken), "preview": gr.update(visible=True)}
    finally:
        services.jobs.end(visit.session, _KIND, stop)


def halt(services: Services, visit: Visit) -> dict[str, Any]:
    """Stop the visitor's job between two frames, which also removes what it wrote."""
    stopped = services.jobs.stop(visit.session, _KIND)
    return {"progress": "", "status": say("clip_stopped", visit.language) if stopped else ""}


def _without_result() -> dict[str, Any]:
    hidden = gr.update(visible=False)
    return {"progress": "", "result": None, "status": "", "download": hidden, "details": hidden, "report": None}


def _finished(clip: SwappedClip, before: str, part: Part, spoken: str) -> dict[str, Any]:
    return {
        "progress": "",
        "preview": gr.update(visible=False),  # the clip itself is here now
        "result": side_by_side(before, part, clip.path, spoken),
        "status": describe(clip, spoken),
        "download": gr.update(value=str(clip.path), visible=True),
        "details": gr.update(visible=True),
        "report": plain_report(clip.report),
    }


def side_by_side(before: str, part: Part, after: str | Path, spoken: str) -> str:
    """Two players that the page's script keeps together; the sound is that of the result."""
    ahead = f"muted tabindex='-1' data-ahead='{part.start_s:.3f}'"
    shown = [("before", before, "clip_before", ahead), ("after", after, "clip_after", "controls")]
    players = "".join(
        f"<figure class='{name}'><video src='gradio_api/file={quote(str(path))}' preload='auto' playsinline loop {more} "
        f"aria-label='{escape(say(label, spoken))}'></video><figcaption>{escape(say(label, spoken))}</figcaption></figure>"
        for name, path, label, more in shown
    )
    return f"<div class='side-by-side'>{players}</div>"


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
