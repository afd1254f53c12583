"""The blind study in the Evaluate tab: a page and a key to take away, and a place for the answers."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ..handlers import study as handlers
from ..work.study import MOST_QUESTIONS
from .context import BACKGROUND, Context
from .listen import forget, listen

_USUAL_QUESTIONS = 20


@dataclass(frozen=True, slots=True, eq=False)
class StudyPanel:
    """Components of the study; ``run`` is the folder of the visitor's own run, empty before there is one."""

    run: gr.State
    missing: gr.Markdown
    offer: gr.Column
    questions: gr.Slider
    make: gr.Button
    made: gr.Markdown
    page: gr.DownloadButton
    key: gr.DownloadButton
    answers: gr.File
    read: gr.Button
    preferences: gr.Markdown


def lay_out(context: Context) -> StudyPanel:
    """Add the panel. Answers come back days later, so it is there before anything was evaluated too."""
    words = context.words
    with gr.Accordion(words("study_title"), open=False, elem_id="study"):
        gr.Markdown(words("study_hint"))
        run = gr.State("")
        missing = gr.Markdown(words("study_need_run"), elem_id="study-missing")
        with gr.Column(visible=False) as offer:
            questions = gr.Slider(1, MOST_QUESTIONS, _USUAL_QUESTIONS, step=1, label=words("study_questions"),
                                  elem_id="study-questions")  # fmt: skip
            make = gr.Button(words("study_make"), elem_id="study-make")
            made = gr.Markdown(elem_id="study-status")
            with gr.Row():
                page = gr.DownloadButton(words("study_page"), visible=False, elem_id="study-page")
                key = gr.DownloadButton(words("study_key"), visible=False, elem_id="study-key")
        answers = gr.File(label=words("study_answers"), file_count="multiple", file_types=[".csv", ".json"], type="filepath",
                          height=130, elem_id="study-answers")  # fmt: skip
        read = gr.Button(words("study_read"), elem_id="study-read")
        preferences = gr.Markdown(elem_id="study-preferences")
    return StudyPanel(run, missing, offer, questions, make, made, page, key, answers, read, preferences)


def connect(context: Context, panel: StudyPanel) -> None:
    """Have the panel answer."""
    forget([panel.answers.change], [panel.preferences])
    listen(panel.make.click, handlers.make, context, panel, ["made", "page", "key"], **BACKGROUND)
    listen(panel.read.click, handlers.read, context, panel, ["preferences"], **BACKGROUND)
