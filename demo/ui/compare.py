"""The Compare tab: the same pair through every method, judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from ..handlers import compare as handlers
from . import consent
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


def build(context: Context, examples: Sequence[tuple[str, str]]) -> None:
    """Add the tab; ``examples`` are pairs of source and target paths."""
    tab = lay_out(context)
    offer(context, tab, examples)
    connect(context, tab)


def lay_out(context: Context) -> CompareTab:
    """Add the tab's components."""
    words = context.words
    known = context.engine.model_names()
    gr.Markdown(words("compare_hint"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=240):
            source = photo(context, words("source"), "compare-source", words("alt_source"), height_px=220)
            target = photo(context, words("target"), "compare-target", words("alt_target"), height_px=220)
            models = gr.CheckboxGroup(model_choices(words, known), value=known, label=words("compare_models"),
                                      elem_id="compare-models")  # fmt: skip
        with gr.Column(scale=3, min_width=300):
            start = gr.Button(words("compare"), variant="primary", size="lg", elem_id="compare-run")
            panel = consent.lay_out(context, "compare")
            progress = gr.HTML(elem_id="compare-progress")
            grid = gr.HTML(elem_id="compare-grid")
            status = gr.Markdown(elem_id="compare-status")
    return CompareTab(source, target, models, start, panel, progress, grid, status)


def offer(context: Context, tab: CompareTab, examples: Sequence[tuple[str, str]]) -> None:
    """Show some pairs to try."""
    if not examples:
        return
    pairs = [list(pair) for pair in examples[:_PAIRS]]
    label = context.words("examples")
    shown = gr.Examples(pairs, [tab.source, tab.target], label=label, elem_id="compare-examples")
    shown.dataset.headers = ["1", "2"]  # column heads are not translated; the numbers are those of the steps


def connect(context: Context, tab: CompareTab) -> None:
    """Have the tab answer."""
    forget([tab.source.change, tab.target.change], [tab.grid, tab.status])
    consent.guard(context, tab, tab.start, handlers.compare, ["progress", "grid", "status"], photos=["source", "target"],
                  show_progress="hidden")  # fmt: skip
