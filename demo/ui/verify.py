"""The Verify tab: does a file carry this project's marks?"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ..handlers import verify as handlers
from .context import Context
from .listen import listen


@dataclass(frozen=True, slots=True, eq=False)
class VerifyTab:
    """Components of the tab."""

    file: gr.File
    verdict: gr.Markdown
    details: gr.Accordion
    raw: gr.JSON


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> VerifyTab:
    """Add the tab's components."""
    words = context.words
    gr.Markdown(words("verify_hint"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260):
            file = gr.File(label=words("verify_file"), elem_id="verify-file", type="filepath", height=200)
        with gr.Column(scale=2, min_width=300):
            verdict = gr.Markdown(elem_id="verify-verdict", container=True, visible=False)
            with gr.Accordion(words("verify_raw"), open=False, visible=False) as details:
                raw = gr.JSON(show_label=False)
    return VerifyTab(file, verdict, details, raw)


def connect(context: Context, tab: VerifyTab) -> None:
    """Have the tab answer."""
    listen(tab.file.change, handlers.check, context, tab, ["verdict", "details", "raw"], **context.heavy)
