"""The Evaluate tab: many pairs, every method, a report; before one is there, the report that ships."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import evaluate as handlers
from ..work.evaluate import BUILTIN, example_run, finished_runs
from . import consent, study
from .context import BACKGROUND, Context
from .listen import listen
from .words import model_choices

_FEWEST_PAIRS, _USUAL_PAIRS = 2, 6


@dataclass(frozen=True, slots=True, eq=False)
class EvaluateTab:
    """Components of the tab."""

    data: gr.Radio
    archive: gr.File
    pairs: gr.Slider
    models: gr.CheckboxGroup
    start: gr.Button
    cancel: gr.Button
    consent: consent.ConsentPanel
    progress: gr.HTML
    status: gr.Markdown
    browse: gr.Dropdown
    show: gr.Button
    title: gr.Markdown
    download: gr.DownloadButton
    sheets: gr.Gallery
    table: gr.Markdown
    plots: gr.Gallery
    details: gr.Accordion
    more: gr.Markdown
    study: study.StudyPanel
    run: gr.State
    missing: gr.Markdown
    offer: gr.Column
    made: gr.Markdown
    page: gr.DownloadButton
    key: gr.DownloadButton


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> EvaluateTab:
    """Add the tab's components."""
    gr.Markdown(context.words("evaluate_hint"), elem_classes="lead")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            order = _order(context)
            kept = _kept(context)
        with gr.Column(scale=5, min_width=280):
            report = _report(context)
            panel = study.lay_out(context)
    of_study = {name: getattr(panel, name) for name in handlers.OF_STUDY}
    return EvaluateTab(**order, **kept, **report, study=panel, **of_study)


def _order(context: Context) -> dict[str, Any]:
    """What to evaluate."""
    words, most = context.words, context.settings.max_pairs
    known = context.engine.model_names()
    choices = [(words("evaluate_builtin"), BUILTIN), (words("evaluate_zip"), handlers.ZIP)]
    data = gr.Radio(choices, value=BUILTIN, label=words("evaluate_data"), elem_id="evaluate-data")
    archive = gr.File(label=words("evaluate_zip_label"), file_types=[".zip"], type="filepath", visible=False,
                      height=130, elem_id="evaluate-zip")  # fmt: skip
    pairs = gr.Slider(min(_FEWEST_PAIRS, most), most, min(_USUAL_PAIRS, most), step=1, label=words("evaluate_pairs"),
                      elem_id="evaluate-pairs")  # fmt: skip
    models = gr.CheckboxGroup(
        model_choices(words, known), value=known, label=words("compare_models"), elem_id="evaluate-models"
    )
    with gr.Row():
        start = gr.Button(words("evaluate_run"), variant="primary", elem_id="evaluate-run", scale=3)
        cancel = gr.Button(words("cancel"), variant="stop", elem_id="evaluate-cancel", scale=1, min_width=90,
                           visible=False)  # fmt: skip
    panel = consent.lay_out(context, "evaluate")
    progress = gr.HTML(elem_id="evaluate-progress")
    status = gr.Markdown(elem_id="evaluate-status")
    return {"data": data, "archive": archive, "pairs": pairs, "models": models, "start": start, "cancel": cancel,
            "consent": panel, "progress": progress, "status": status}  # fmt: skip


def _kept(context: Context) -> dict[str, Any]:
    """The reports that the host keeps for everybody; where there are none, nothing of it is seen."""
    words = context.words
    names = list(finished_runs(context.settings))
    with gr.Accordion(words("evaluate_browse"), open=False, visible=bool(names)):
        browse = gr.Dropdown(names, value=names[0] if names else None, label=words("evaluate_browse"),
                             elem_id="evaluate-browse")  # fmt: skip
        show = gr.Button(words("evaluate_show"), elem_id="evaluate-show")
    return {"browse": browse, "show": show}


def _report(context: Context) -> dict[str, Any]:
    """What came out: faces first, then numbers, then plots. At first it is the report that ships."""
    words, example = context.words, handlers.parts(example_run())
    title = gr.Markdown(words("evaluate_example"), elem_id="evaluate-title")
    sheets = gr.Gallery(example["sheets"], label=words("evaluate_sheets"), height=460, elem_id="evaluate-sheets", preview=True,
                        object_fit="contain", interactive=False, format="webp", buttons=["fullscreen"])  # fmt: skip
    table = gr.Markdown(example["table"], elem_id="evaluate-table", elem_classes="wide-table")
    plots = gr.Gallery(example["plots"], label=words("evaluate_plots"), columns=2, height="auto", elem_id="evaluate-plots",
                       object_fit="contain", interactive=False, format="png", buttons=["fullscreen"])  # fmt: skip
    download = gr.DownloadButton(words("evaluate_download"), value=example["download"], elem_id="evaluate-download")
    with gr.Accordion(words("evaluate_more"), open=False) as details:
        more = gr.Markdown(example["more"], elem_classes="wide-table")
    return {"title": title, "download": download, "sheets": sheets, "table": table, "plots": plots, "details": details,
            "more": more}  # fmt: skip


def connect(context: Context, tab: EvaluateTab) -> None:
    """Have the tab answer."""
    results = ["title", "sheets", "table", "plots", "download", "details", "more", *handlers.OF_STUDY]
    listen(tab.data.change, handlers.choose, context, tab, ["archive"], queue=False)
    consent.guard(context, tab, tab.start, handlers.run, ["progress", "status", "cancel", *results], show_progress="hidden",
                  **BACKGROUND)  # fmt: skip
    listen(tab.cancel.click, handlers.halt, context, tab, queue=False)
    listen(tab.show.click, handlers.open_run, context, tab, results)
    study.connect(context, tab.study)
