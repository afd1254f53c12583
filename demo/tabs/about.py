"""The About tab: what this is, what it costs, what it cannot do, and under which terms."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

from mobilefaceswap_core import __version__
from mobilefaceswap_core.rules.consent import usage_policy

from ..messages import caller, language, plain_words
from ..texts import say
from .context import HEAVY, Context


def build(context: Context) -> None:
    """Add the tab's components."""
    words = context.words
    texts = files("demo").joinpath("texts")
    card = files("mobilefaceswap_core").joinpath("weights", "MODEL_CARD.md").read_text(encoding="utf-8")
    gr.HTML(texts.joinpath("method.svg").read_text(encoding="utf-8"), elem_id="method")
    gr.Markdown(words("about"))
    with gr.Accordion(words("cost_title"), open=False):
        gr.Markdown(words("cost_note"))
        count = gr.Button(words("cost_button"), elem_id="count-cost")
        table = gr.Markdown(elem_id="cost-table")
    with gr.Accordion(words("about_policy"), open=False):
        gr.Markdown(usage_policy())
    with gr.Accordion(words("about_card"), open=False):
        gr.Markdown(card)

    @plain_words
    def cost(request: gr.Request) -> str:
        context.engine.admit(caller(request))
        return cost_table(language(request))

    count.click(cost, None, table, concurrency_id=HEAVY, concurrency_limit=context.settings.concurrency,
                api_visibility="private")  # fmt: skip


def about_words(language: str) -> str:
    """The tab's text."""
    text = files("demo").joinpath("texts", f"about.{language}.md").read_text(encoding="utf-8")
    return text.replace("{version}", __version__)


def cost_table(spoken: str) -> str:
    """Every method's cost as Markdown, counted from the networks."""
    from eval.cost.methods import all_methods

    heads = [say(key, spoken) for key in ("cost_method", "cost_params", "cost_ops", "cost_source", "cost_status")]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|"]
    for row in all_methods():
        numbers = (_scaled(row.frame.parameters, 1e6), _scaled(row.frame.multiply_adds, 1e9),
                   _scaled(row.source.multiply_adds, 1e9))  # fmt: skip
        lines.append(f"| {row.title} | {' | '.join(numbers)} | {row.status} |")
    return "\n".join(lines)


def _scaled(value: Any, unit: float) -> str:
    return f"{value / unit:.3g}" if value else "–"
