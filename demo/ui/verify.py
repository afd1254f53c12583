"""The Verify tab: was a face in this file swapped?"""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ..handlers import verify as handlers
from .context import Context
from .listen import forget, listen, once_seen

# Whoever reads with ears or keys is taken to the answer.
_TO_THE_ANSWER = once_seen("#verify-verdict h2", "answer => answer.focus()")


@dataclass(frozen=True, slots=True, eq=False)
class VerifyTab:
    """Components of the tab."""

    file: gr.File
    marked: gr.Button
    plain: gr.Button
    progress: gr.HTML
    verdict: gr.HTML
    details: gr.Accordion
    raw: gr.JSON


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> VerifyTab:
    """Add the tab's components."""
    words = context.words
    gr.Markdown(words("verify_hint"), elem_classes="lead")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            file = gr.File(label=words("verify_file"), elem_id="verify-file", type="filepath", height=200)
            with gr.Row(equal_height=True):
                marked = gr.Button(words("verify_try_marked"), elem_id="verify-try-marked", size="md", min_width=120)
                plain = gr.Button(words("verify_try_plain"), elem_id="verify-try-plain", size="md", min_width=120)
        with gr.Column(scale=3, min_width=280):
            gr.Markdown(words("verify_about"), elem_id="verify-about")
            progress = gr.HTML(elem_id="verify-progress")
            verdict = gr.HTML(elem_id="verify-verdict")
            with gr.Accordion(words("verify_raw"), open=False, visible=False) as details:
                raw = gr.JSON(show_label=False)
    return VerifyTab(file, marked, plain, progress, verdict, details, raw)


def connect(context: Context, tab: VerifyTab) -> None:
    """Have the tab answer."""
    forget([tab.file.change], [tab.verdict], [tab.details])
    told = listen(tab.file.change, handlers.check, context, tab, ["progress", "verdict", "details", "raw"],
                  show_progress="hidden", **context.heavy)  # fmt: skip
    listen(tab.marked.click, handlers.try_marked, context, tab, ["file"], queue=False)
    listen(tab.plain.click, handlers.try_plain, context, tab, ["file"], queue=False)
    told.success(None, tab.file, None, js=_TO_THE_ANSWER, api_visibility="private")
