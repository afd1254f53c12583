"""The Image tab: a face, a photo, a swap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import image as handlers
from ..handlers.assignment import PEOPLE
from . import assignment, choices, consent
from .context import Context, photo
from .listen import listen

_SLIDER = 12  # percent from the left: a new result shows itself first, and that it can be pulled away
_PAGE = 8  # pairs that are offered at once


@dataclass(frozen=True, slots=True, eq=False)
class ImageTab:
    """Components of the tab.

    ``found`` and ``assignment`` are the visitor's own: faces of the target, letter by face index; ``looked`` is the target that was searched and what was found in it.
    """

    source: gr.Image
    more: gr.File
    person_b: gr.Image
    person_c: gr.Image
    person_d: gr.Image
    target: gr.Image
    faces_status: gr.Markdown
    faces: gr.Gallery
    found: gr.State
    assignment: gr.State
    swap: gr.Button
    consent: consent.ConsentPanel
    result: gr.ImageSlider
    status: gr.Markdown
    download: gr.DownloadButton
    model: gr.Dropdown
    choices: dict[str, Any]
    looked: gr.State


def build(context: Context, examples: Sequence[tuple[str, str]]) -> None:
    """Add the tab; ``examples`` are pairs of source and target paths."""
    tab = lay_out(context)
    connect(context, tab, offer(context, tab, examples))


def lay_out(context: Context) -> ImageTab:
    """Add the tab's components."""
    chosen, found, looked = gr.State({}), gr.State([]), gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=260):
            sources = _sources(context)
        with gr.Column(scale=2, min_width=260):
            target = _target(context, found, chosen)
        with gr.Column(scale=3, min_width=300):
            result = _result(context)
    return ImageTab(assignment=chosen, found=found, looked=looked, **sources, **target, **result)


def _sources(context: Context) -> dict[str, Any]:
    words = context.words
    source = photo(words("source"), "source", words("alt_source"))
    with gr.Accordion(words("more_sources"), open=False):
        gr.Markdown(words("more_sources_hint"))
        more = gr.File(label=words("person_photos"), file_count="multiple", file_types=["image"], type="filepath")
        with gr.Row():
            others = {
                f"person_{letter.lower()}": photo(letter, f"person-{letter}", height_px=160) for letter in PEOPLE[1:]
            }
    return {"source": source, "more": more, **others}


def _target(context: Context, found: gr.State, chosen: gr.State) -> dict[str, Any]:
    words = context.words
    target = photo(words("target"), "target", words("alt_target"))
    status = gr.Markdown(elem_id="faces-status")
    faces = gr.Gallery(label=words("faces"), columns=4, height=130, visible=False, format="png", elem_id="faces",
                       fit_columns=False, show_label=False, object_fit="contain", interactive=False)  # fmt: skip
    assignment.lay_out(context, found, chosen, "face")
    return {"target": target, "faces_status": status, "faces": faces}


def _result(context: Context) -> dict[str, Any]:
    words = context.words
    swap = gr.Button(words("swap"), variant="primary", size="lg", elem_id="swap")
    panel = consent.lay_out(context, "image")
    result = gr.ImageSlider(label=words("result"), format="png", interactive=False, elem_id="result",
                            max_height=560, slider_position=_SLIDER)  # fmt: skip
    status = gr.Markdown(elem_id="status")
    download = gr.DownloadButton(words("download"), visible=False, elem_id="download")
    with gr.Accordion(words("options"), open=False):
        engine = context.engine
        model = gr.Dropdown(engine.model_names(), value=engine.default_model(), label=words("model"))
        chosen = choices.lay_out(context, "image")
    return {"swap": swap, "consent": panel, "result": result, "status": status, "download": download,
            "model": model, "choices": chosen}  # fmt: skip


def offer(context: Context, tab: ImageTab, examples: Sequence[tuple[str, str]]) -> list[Any]:
    """Show the pairs to try; the events that follow a choice."""
    if not examples:
        return []
    shown = gr.Examples([list(pair) for pair in examples], [tab.source, tab.target], label=context.words("examples"),
                        examples_per_page=_PAGE, elem_id="examples")  # fmt: skip
    shown.dataset.headers = ["1", "2"]  # column heads are not translated; the numbers are those of the steps
    gr.Markdown(context.words("examples_note"), elem_classes="hint")
    return [shown.load_input_event]


def connect(context: Context, tab: ImageTab, also: Sequence[Any]) -> None:
    """Have the tab answer; ``also`` are events after which it swaps at once."""
    listen(tab.target.change, handlers.look, context, tab, ["faces_status", "faces", "found", "assignment", "looked"],
           queue=True, show_progress="hidden")  # fmt: skip
    consent.guard(context, tab, tab.swap, handlers.swap, ["result", "status", "download"], also=also)
