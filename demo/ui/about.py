"""The About tab: what this is, what it costs, what it cannot do, and under which terms."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import gradio as gr

from mobilefaceswap_core.rules.consent import usage_policy

from ..handlers import about as handlers
from .context import Context
from .listen import listen


@dataclass(frozen=True, slots=True, eq=False)
class AboutTab:
    """Components of the tab."""

    count: gr.Button
    table: gr.Markdown


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> AboutTab:
    """Add the tab's components."""
    words = context.words
    card = files("mobilefaceswap_core").joinpath("weights", "MODEL_CARD.md").read_text(encoding="utf-8")
    gr.HTML(words("method"), elem_id="method")
    gr.Markdown(words("about"))
    with gr.Accordion(words("cost_title"), open=False):
        gr.Markdown(words("cost_note"))
        count = gr.Button(words("cost_button"), elem_id="count-cost")
        table = gr.Markdown(elem_id="cost-table")
    with gr.Accordion(words("about_policy"), open=False):
        gr.Markdown(usage_policy())
    with gr.Accordion(words("about_card"), open=False):
        gr.Markdown(card)
    return AboutTab(count, table)


def connect(context: Context, tab: AboutTab) -> None:
    """Have the tab answer."""
    listen(tab.count.click, handlers.count, context, tab, ["table"], **context.heavy)
