"""The Video tab: a face, a clip, a swapped clip with its sound."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import Cancelled, OptionError
from mobilefaceswap_core.video import VideoEvent

from ..clips import SwappedClip, check_clip, people_of, plain_report, swap_clip, trim_clip
from ..messages import caller, language, plain_words, visitor
from ..texts import say
from ..zerogpu import on_gpu
from .context import HEAVY, ConsentPanel, Context, photo
from .image import NOBODY, PEOPLE, people_by_face

_KIND = "video"


def build(context: Context) -> None:
    """Add the tab's components."""
    words, settings = context.words, context.settings
    chosen, known = gr.State({}), gr.State([])  # person number -> letter; the clip's people, of this visitor
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=260):
            source = photo(words("source"), "video-source", words("alt_source"))
            with gr.Accordion(words("more_sources"), open=False), gr.Row():
                others = [photo(letter, f"video-person-{letter}", height_px=160) for letter in PEOPLE[1:]]
        with gr.Column(scale=2, min_width=260):
            clip = gr.Video(label=words("clip"), sources=["upload", "webcam"], height=300, elem_id="clip",
                            include_audio=True)  # fmt: skip
            gr.Markdown(words("clip_hint"), elem_classes="hint")
            with gr.Accordion(words("trim"), open=False):
                with gr.Row():
                    start = gr.Number(0, label=words("trim_start"), minimum=0, min_width=120, elem_id="trim-start")
                    end = gr.Number(0, label=words("trim_end"), minimum=0, min_width=120, elem_id="trim-end")
                gr.Markdown(words("trim_hint"), elem_classes="hint")
            look = gr.Button(words("find_people"), elem_id="find-people")
            people_status = gr.Markdown(elem_id="people-status")
            gallery = gr.Gallery(label=words("people"), columns=4, height=130, fit_columns=False, show_label=False, visible=False, format="png",
                                 elem_id="people", object_fit="contain", interactive=False)  # fmt: skip
            _assignments(context, known, chosen)
        with gr.Column(scale=3, min_width=300):
            with gr.Row():
                swap = gr.Button(words("swap_clip"), variant="primary", size="lg", elem_id="swap-clip", scale=3)
                cancel = gr.Button(words("cancel"), variant="stop", size="lg", elem_id="cancel", scale=1, min_width=90)
            panel = ConsentPanel(context, "video")
            progress = gr.HTML(elem_id="clip-progress")
            result = gr.Video(label=words("clip_result"), interactive=False, elem_id="clip-result", height=360)
            status = gr.Markdown(elem_id="clip-status")
            with gr.Row():
                download = gr.DownloadButton(words("download_clip"), visible=False, elem_id="clip-download")
            with gr.Accordion(words("clip_report"), open=False, visible=False) as details:
                report = gr.JSON(show_label=False)
            with gr.Accordion(words("options"), open=False):
                model = gr.Dropdown(
                    context.engine.model_names(), value=context.engine.default_video_model(), label=words("model")
                )
    find = on_gpu(people_of)
    swap_frames = on_gpu(swap_clip, seconds=4 * settings.max_video_seconds)

    @plain_words
    def who(path: str | None, request: gr.Request) -> tuple[Any, ...]:
        spoken = language(request)
        if not path:
            raise OptionError(say("clip_need", spoken))
        context.engine.admit(caller(request))
        check_clip(path, settings, spoken)
        stop = context.jobs.begin(visitor(request), _KIND)
        try:
            people = find(context.engine, path, stop)
        finally:
            context.jobs.end(visitor(request), _KIND, stop)
        if not people:
            return say("people_none", spoken), gr.update(value=None, visible=False), [], {}
        pictures = [(p.thumbnail, str(p.number + 1)) for p in people]
        shares = [say("person_share", spoken, number=p.number + 1, share=f"{p.share:.0%}") for p in people]
        found = say("person_found", spoken) if len(people) == 1 else say("people_found", spoken, count=len(people))
        message = f"{found} {'; '.join(shares)}."
        everyone = {p.number: PEOPLE[0] for p in people}
        return message, gr.update(value=pictures, visible=True), people, everyone

    @plain_words
    def run(
        source_path: str | None, b: str | None, c: str | None, d: str | None, clip_path: str | None, start_s: float | None,
        end_s: float | None, people: list[Any], letters: dict[int, str], model_name: str, consented: bool,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:  # fmt: skip
        if not consented:
            yield (gr.skip(),) * 6
            return
        spoken = language(request)
        if not clip_path:
            raise OptionError(say("clip_need", spoken))
        photos = dict(zip(PEOPLE, ([source_path], [b], [c], [d]), strict=True))
        sources = people_by_face(photos, letters if people else {}, spoken)
        context.engine.admit(caller(request))
        stop = context.jobs.begin(visitor(request), _KIND)
        yield (
            bar(0, None, say("clip_starting", spoken)),
            None,
            "",
            gr.update(visible=False),
            gr.update(visible=False),
            None,
        )
        try:
            path = _trimmed(context, clip_path, start_s or 0.0, end_s or 0.0, spoken)
            for event in swap_frames(context.engine, sources, path, model=model_name, people=people or None, stop=stop):
                if isinstance(event, SwappedClip):
                    file = str(event.path)
                    yield (
                        "", file, describe(event, spoken), gr.update(value=file, visible=True), gr.update(visible=True),
                        plain_report(event.report),
                    )  # fmt: skip
                else:
                    yield (progress_of(event, spoken), *(gr.skip(),) * 5)
        except Cancelled:
            yield "", None, say("clip_stopped", spoken), gr.update(visible=False), gr.update(visible=False), None
        finally:
            context.jobs.end(visitor(request), _KIND, stop)

    def halt(request: gr.Request) -> tuple[str, str]:
        stopped = context.jobs.stop(visitor(request), _KIND)
        return "", say("clip_stopped", language(request)) if stopped else ""

    clip.change(
        lambda: ("", gr.update(value=None, visible=False), [], {}), None, [people_status, gallery, known, chosen],
        queue=False, api_visibility="private",
    )  # fmt: skip
    look.click(who, clip, [people_status, gallery, known, chosen], concurrency_id=HEAVY,
               concurrency_limit=settings.concurrency, api_visibility="private")  # fmt: skip
    inputs = [source, *others, clip, start, end, known, chosen, model]
    panel.guard(swap, run, inputs, [progress, result, status, download, details, report], show_progress="hidden")
    # The stop signal ends the job between two frames, which also removes what was written; Gradio's own `cancels`
    # would drop the generator where it stands.
    cancel.click(halt, None, [progress, status], queue=False, api_visibility="private")


def _assignments(context: Context, known: gr.State, chosen: gr.State) -> None:
    """A drop-down for each person of the clip: who takes their place."""

    @gr.render(inputs=known, triggers=[known.change])
    def show(people: list[Any]) -> None:
        if len(people) < 2:
            return
        with gr.Accordion(context.words("who_goes_where"), open=True), gr.Row():
            for person in people:
                choice = gr.Dropdown(
                    [*((letter, letter) for letter in PEOPLE), ("—", NOBODY)], value=PEOPLE[0],
                    label=str(person.number + 1), min_width=70, filterable=False, interactive=True,
                    elem_id=f"clip-person-{person.number + 1}",
                )  # fmt: skip
                choice.input(
                    lambda letter, letters, number=person.number: {**letters, number: letter},
                    [choice, chosen], chosen, queue=False, api_visibility="private",
                )  # fmt: skip


def _trimmed(context: Context, path: str, start_s: float, end_s: float, spoken: str) -> str | Path:
    """The clip or the wanted part of it, within the host's limits."""
    settings = context.settings
    if start_s == 0 and end_s == 0:
        check_clip(path, settings, spoken)
        return path
    if 0 < end_s <= start_s:
        raise OptionError(say("trim_wrong", spoken))
    facts = check_clip(path, settings, spoken, seconds=(end_s or float("inf")) - start_s)
    if start_s >= facts.seconds:
        raise OptionError(say("trim_wrong", spoken))
    part = context.engine.new_file(f"part{Path(path).suffix.lower() or '.mp4'}")
    trimmed = trim_clip(path, part, start_s, end_s or facts.seconds)
    check_clip(trimmed, settings, spoken)  # key frames may lie far apart
    return trimmed


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


def bar(done: int, total: int | None, text: str) -> str:
    """A progress bar that screen readers know as one; without a total it only says that something is going on."""
    known = f' max="{total}" value="{min(done, total)}"' if total else ""
    return f'<progress aria-label="{escape(text)}"{known}></progress><p role="status">{escape(text)}</p>'


def describe(done: SwappedClip, spoken: str) -> str:
    """The sentence below a finished clip."""
    report = done.report
    lines = [
        say("clip_done", spoken, swapped=report.frames_swapped, frames=report.frames, fps=f"{report.fps:.1f}",
            without=report.frames_without_face, model=report.model, device=report.device),
        *report.notes,
        say("marked", spoken),
    ]  # fmt: skip
    return "\n\n".join(lines)
