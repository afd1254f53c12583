"""The Video tab: a face, a clip, a swapped clip with its sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import video as handlers
from ..handlers.assignment import PEOPLE
from . import assignment, choices, consent
from .context import Context
from .listen import forget, listen
from .photos import photo
from .words import model_choices


@dataclass(frozen=True, slots=True, eq=False)
class VideoTab:
    """Components of the tab; ``found`` and ``assignment`` are the visitor's own: people of the clip, letter by their index."""

    source: gr.Image
    person_b: gr.Image
    person_c: gr.Image
    person_d: gr.Image
    clip: gr.Video
    start: gr.Number
    end: gr.Number
    look: gr.Button
    people_status: gr.Markdown
    people: gr.Gallery
    found: gr.State
    assignment: gr.State
    swap: gr.Button
    cancel: gr.Button
    consent: consent.ConsentPanel
    progress: gr.HTML
    result: gr.Video
    status: gr.Markdown
    download: gr.DownloadButton
    details: gr.Accordion
    report: gr.JSON
    model: gr.Dropdown
    choices: dict[str, Any]


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> VideoTab:
    """Add the tab's components."""
    chosen, found = gr.State({}), gr.State([])
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=260):
            sources = _sources(context)
        with gr.Column(scale=2, min_width=260):
            clip = _clip(context)
            assignment.lay_out(context, found, chosen, "clip-person")
        with gr.Column(scale=3, min_width=300):
            result = _result(context)
    return VideoTab(assignment=chosen, found=found, **sources, **clip, **result)


def _sources(context: Context) -> dict[str, Any]:
    words = context.words
    source = photo(context, words("source"), "video-source", words("alt_source"))
    with gr.Accordion(words("more_sources"), open=False), gr.Row():
        others = {
            f"person_{letter.lower()}": photo(context, letter, f"video-person-{letter}", height_px=160)
            for letter in PEOPLE[1:]
        }
    return {"source": source, **others}


def _clip(context: Context) -> dict[str, Any]:
    words = context.words
    clip = gr.Video(label=words("clip"), sources=["upload", "webcam"], height=300, elem_id="clip", include_audio=True)
    gr.Markdown(words("clip_hint"), elem_classes="hint")
    with gr.Accordion(words("trim"), open=False):
        with gr.Row():
            start = gr.Number(0, label=words("trim_start"), minimum=0, min_width=120, elem_id="trim-start")
            end = gr.Number(0, label=words("trim_end"), minimum=0, min_width=120, elem_id="trim-end")
        gr.Markdown(words("trim_hint"), elem_classes="hint")
    look = gr.Button(words("find_people"), elem_id="find-people")
    status = gr.Markdown(elem_id="people-status")
    people = gr.Gallery(label=words("people"), columns=4, height=130, fit_columns=False, show_label=False, visible=False,
                        format="png", elem_id="people", object_fit="contain", interactive=False)  # fmt: skip
    return {"clip": clip, "start": start, "end": end, "look": look, "people_status": status, "people": people}


def _result(context: Context) -> dict[str, Any]:
    words, engine = context.words, context.engine
    with gr.Row():
        swap = gr.Button(words("swap_clip"), variant="primary", size="lg", elem_id="swap-clip", scale=3)
        cancel = gr.Button(words("cancel"), variant="stop", size="lg", elem_id="cancel", scale=1, min_width=90)
    panel = consent.lay_out(context, "video")
    progress = gr.HTML(elem_id="clip-progress")
    result = gr.Video(label=words("clip_result"), interactive=False, elem_id="clip-result", height=360)
    status = gr.Markdown(elem_id="clip-status")
    with gr.Row():
        download = gr.DownloadButton(words("download_clip"), visible=False, elem_id="clip-download")
    with gr.Accordion(words("clip_report"), open=False, visible=False) as details:
        report = gr.JSON(show_label=False)
    with gr.Accordion(words("options"), open=False):
        model = gr.Dropdown(
            model_choices(words, engine.model_names()), value=engine.default_video_model(), label=words("model")
        )
        chosen = choices.lay_out(context, "video", moving=True)
    return {"swap": swap, "cancel": cancel, "consent": panel, "progress": progress, "result": result, "status": status,
            "download": download, "details": details, "report": report, "model": model,
            "choices": chosen}  # fmt: skip


def connect(context: Context, tab: VideoTab) -> None:
    """Have the tab answer."""
    who = ["people_status", "people", "found", "assignment"]
    listen(tab.clip.change, handlers.forget, context, tab, who, queue=False)
    listen(tab.look.click, handlers.look, context, tab, who, **context.heavy)
    forget([tab.source.change, tab.clip.change], [tab.result, tab.status], [tab.download, tab.details])
    outputs = ["progress", "result", "status", "download", "details", "report"]
    consent.guard(context, tab, tab.swap, handlers.swap, outputs, show_progress="hidden")
    # Gradio's own `cancels` would drop the job where it stands and leave its file behind.
    listen(tab.cancel.click, handlers.halt, context, tab, ["progress", "status"], queue=False)
