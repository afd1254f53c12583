"""The Evaluate tab: many pairs, every method, a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..handlers import evaluate as handlers
from ..work.evaluate import BUILTIN, finished_runs
from . import consent
from .context import BACKGROUND, Context
from .listen import listen

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
    download: gr.DownloadButton
    table: gr.Markdown
    figures: gr.Gallery
    details: gr.Accordion
    more: gr.Markdown


def build(context: Context) -> None:
    """Add the tab."""
    connect(context, lay_out(context))


def lay_out(context: Context) -> EvaluateTab:
    """Add the tab's components."""
    gr.Markdown(context.words("evaluate_hint"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260):
            order = _order(context)
            kept = _kept(context)
        with gr.Column(scale=3, min_width=300):
            report = _report(context)
    return EvaluateTab(**order, **kept, **report)


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
    models = gr.CheckboxGroup(known, value=known, label=words("compare_models"), elem_id="evaluate-models")
    with gr.Row():
        start = gr.Button(words("evaluate_run"), variant="primary", elem_id="evaluate-run", scale=3)
        cancel = gr.Button(words("cancel"), variant="stop", elem_id="evaluate-cancel", scale=1, min_width=90)
    panel = consent.lay_out(context, "evaluate")
    progress = gr.HTML(elem_id="evaluate-progress")
    status = gr.Markdown(elem_id="evaluate-status")
    return {"data": data, "archive": archive, "pairs": pairs, "models": models, "start": start, "cancel": cancel,
            "consent": panel, "progress": progress, "status": status}  # fmt: skip


def _kept(context: Context) -> dict[str, Any]:
    """The reports that the host keeps for everybody."""
    words = context.words
    with gr.Accordion(words("evaluate_browse"), open=False):
        names = list(finished_runs(context.settings))
        browse = gr.Dropdown(names, value=names[0] if names else None, label=words("evaluate_browse"),
                             elem_id="evaluate-browse")  # fmt: skip
        show = gr.Button(words("evaluate_show"), elem_id="evaluate-show")
        if not names:
            gr.Markdown(words("evaluate_none"))
    return {"browse": browse, "show": show}


def _report(context: Context) -> dict[str, Any]:
    """What came out."""
    words = context.words
    download = gr.DownloadButton(words("evaluate_download"), visible=False, elem_id="evaluate-download")
    table = gr.Markdown(elem_id="evaluate-table", elem_classes="wide-table")
    figures = gr.Gallery(label=words("evaluate_figures"), columns=2, visible=False, elem_id="evaluate-figures",
                         object_fit="contain", interactive=False, format="png")  # fmt: skip
    with gr.Accordion(words("evaluate_more"), open=False, visible=False) as details:
        more = gr.Markdown(elem_classes="wide-table")
    return {"download": download, "table": table, "figures": figures, "details": details, "more": more}


def connect(context: Context, tab: EvaluateTab) -> None:
    """Have the tab answer."""
    results = ["table", "figures", "download", "details", "more"]
    listen(tab.data.change, handlers.choose, context, tab, ["archive"], queue=False)
    consent.guard(context, tab, tab.start, handlers.run, ["progress", "status", *results], show_progress="hidden",
                  **BACKGROUND)  # fmt: skip
    listen(tab.cancel.click, handlers.halt, context, tab, queue=False)
    listen(tab.show.click, handlers.open_run, context, tab, results)
