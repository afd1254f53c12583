"""The Compare tab: the same pair through every method, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import compare as handlers
from . import consent, portraits
from .context import Context
from .listen import forget
from .photos import photo
from .words import model_choices

_PAIRS = 4  # that are offered


@dataclass(frozen=True, slots=True, eq=False)
class CompareTab:
    """Components of the tab."""

    source: gr.Image
    target: gr.Image
    models: gr.CheckboxGroup
    start: gr.Button
    consent: consent.ConsentPanel
    progress: gr.HTML
    grid: gr.HTML
    status: gr.Markdown
    pairs: gr.Column


def build(context: Context, examples: Sequence[tuple[str, str]]) -> dict[str, gr.Image]:
    """Add the tab and return its photos by what they are for; ``examples`` are pairs of source and target paths."""
    tab = lay_out(context)
    connect(context, tab, offer(context, tab, examples))
    return {"face": tab.source, "target": tab.target}


def lay_out(context: Context) -> CompareTab:
    """Add the tab's components."""
    words = context.words
    known = context.engine.model_names()
    pairs = gr.Column()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            with gr.Row(equal_height=False):
                source = photo(context, words("source"), "compare-source", words("alt_source"), height_px=240)
                target = photo(context, words("target"), "compare-target", words("alt_target"), height_px=240)
            models = gr.CheckboxGroup(model_choices(words, known), value=known, label=words("compare_models"),
                                      elem_id="compare-models")  # fmt: skip
            start = gr.Button(words("compare"), variant="primary", size="lg", elem_id="compare-run")
            panel = consent.lay_out(context, "compare")
        with gr.Column(scale=3, min_width=280):
            gr.Markdown(words("compare_hint"), elem_classes="hint")
            progress = gr.HTML(elem_id="compare-progress")
            grid = gr.HTML(elem_id="compare-grid")
            status = gr.Markdown(elem_id="compare-status")
    return CompareTab(source, target, models, start, panel, progress, grid, status, pairs)


def offer(context: Context, tab: CompareTab, examples: Sequence[tuple[str, str]]) -> list[Any]:
    """Show some pairs to try, and faces to pick from; the events after which it compares at once."""
    with tab.pairs:
        events = []
        if examples:
            pairs = [list(pair) for pair in examples[:_PAIRS]]
            shown = gr.Examples(pairs, [tab.source, tab.target], label=context.words("examples"),
                                elem_id="compare-examples")  # fmt: skip
            shown.dataset.headers = ["1", "2"]  # column heads are not translated; the numbers are those of the steps
            events.append(shown.load_input_event)
        portraits.offer(context, tab.source, "compare")
    return events


def connect(context: Context, tab: CompareTab, also: Sequence[Any]) -> None:
    """Have the tab answer; ``also`` are events after which it compares at once."""
    forget([tab.source.change, tab.target.change], [tab.grid, tab.status])
    consent.guard(context, tab, tab.start, handlers.compare, ["progress", "grid", "status"], also=also,
                  photos=["source", "target"], show_progress="hidden")  # fmt: skip
