"""The Evaluate tab: many pairs, every method, a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import Cancelled, OptionError

from ..evaluating import Finished, Progress, evaluate, finished_runs, read_run, unpack
from ..messages import caller, language, plain_words, visitor
from ..texts import say
from .context import ConsentPanel, Context
from .video import bar

CONCURRENCY = "evaluate"  # a process of its own at low priority: swaps of other visitors go on
_KIND = "evaluate"
_BUILTIN, _ZIP = "builtin", "zip"


def build(context: Context) -> None:
    """Add the tab's components."""
    words, settings = context.words, context.settings
    models = context.engine.model_names()
    gr.Markdown(words("evaluate_hint"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260):
            data = gr.Radio(
                [(words("evaluate_builtin"), _BUILTIN), (words("evaluate_zip"), _ZIP)],
                value=_BUILTIN, label=words("evaluate_data"), elem_id="evaluate-data",
            )  # fmt: skip
            archive = gr.File(label=words("evaluate_zip_label"), file_types=[".zip"], type="filepath", visible=False,
                              height=130, elem_id="evaluate-zip")  # fmt: skip
            pairs = gr.Slider(2, settings.max_pairs, min(6, settings.max_pairs), step=1, label=words("evaluate_pairs"),
                              elem_id="evaluate-pairs")  # fmt: skip
            chosen = gr.CheckboxGroup(models, value=models, label=words("compare_models"), elem_id="evaluate-models")
            with gr.Row():
                start = gr.Button(words("evaluate_run"), variant="primary", elem_id="evaluate-run", scale=3)
                cancel = gr.Button(words("cancel"), variant="stop", elem_id="evaluate-cancel", scale=1, min_width=90)
            panel = ConsentPanel(context, "evaluate")
            progress = gr.HTML(elem_id="evaluate-progress")
            status = gr.Markdown(elem_id="evaluate-status")
            browse, show = _browser(context)
        with gr.Column(scale=3, min_width=300):
            download = gr.DownloadButton(words("evaluate_download"), visible=False, elem_id="evaluate-download")
            table = gr.Markdown(elem_id="evaluate-table", elem_classes="wide-table")
            figures = gr.Gallery(label=words("evaluate_figures"), columns=2, visible=False, elem_id="evaluate-figures",
                                 object_fit="contain", interactive=False, format="png")  # fmt: skip
            with gr.Accordion(words("evaluate_more"), open=False, visible=False) as details:
                more = gr.Markdown(elem_classes="wide-table")
    results = [table, figures, download, details, more]

    @plain_words
    def run(
        kind: str, zipped: str | None, count: int, names: list[str], consented: bool, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        if not consented:
            yield (gr.skip(),) * 7
            return
        spoken = language(request)
        if kind == _ZIP and not zipped:
            raise OptionError(say("evaluate_need_zip", spoken))
        context.engine.admit(caller(request))
        stop = context.jobs.begin(visitor(request), _KIND)
        started = time.monotonic()
        yield (bar(0, None, say("evaluate_starting", spoken)), "", *nothing())
        try:
            folder = context.engine.new_file("run")
            root = folder.with_name("photos") if kind == _ZIP else None
            dataset = (
                unpack(zipped, root, settings, check=context.engine.check_photo)
                if root is not None and zipped
                else _BUILTIN
            )
            steps = evaluate(folder, dataset=dataset, root=root, methods=names, pairs=int(count), settings=settings,
                             stop=stop)  # fmt: skip
            for step in steps:
                yield (in_words(step, spoken), *(gr.skip(),) * 6)
            done = say("evaluate_done", spoken, seconds=f"{time.monotonic() - started:.0f}")
            yield ("", done, *shown(read_run(folder)))
        except Cancelled:
            yield ("", say("clip_stopped", spoken), *nothing())
        finally:
            context.jobs.end(visitor(request), _KIND, stop)

    def halt(request: gr.Request) -> None:
        context.jobs.stop(visitor(request), _KIND)

    @plain_words
    def open_run(name: str | None, request: gr.Request) -> tuple[Any, ...]:
        runs = finished_runs(settings)
        if name not in runs:
            raise OptionError(say("evaluate_none", language(request)))
        return shown(read_run(runs[name]))

    data.change(lambda kind: gr.update(visible=kind == _ZIP), data, archive, queue=False, api_visibility="private")
    panel.guard(start, run, [data, archive, pairs, chosen], [progress, status, *results], concurrency_id=CONCURRENCY,
                concurrency_limit=1, show_progress="hidden")  # fmt: skip
    cancel.click(halt, None, None, queue=False, api_visibility="private")
    show.click(open_run, browse, results, api_visibility="private")


def _browser(context: Context) -> tuple[gr.Dropdown, gr.Button]:
    """The reports that the host keeps for everybody."""
    words = context.words
    with gr.Accordion(words("evaluate_browse"), open=False):
        names = list(finished_runs(context.settings))
        browse = gr.Dropdown(names, value=names[0] if names else None, label=words("evaluate_browse"),
                             elem_id="evaluate-browse")  # fmt: skip
        show = gr.Button(words("evaluate_show"), elem_id="evaluate-show")
        if not names:
            gr.Markdown(words("evaluate_none"))
    return browse, show


def in_words(step: Progress, spoken: str) -> str:
    """Progress as a bar."""
    stage = say(f"stage_evaluate_{step.stage}", spoken)
    if step.stage == "report":
        return bar(0, None, f"{stage} …")
    return bar(step.done, step.total, say("evaluate_progress", spoken, stage=stage, done=step.done, total=step.total))


def shown(finished: Finished) -> tuple[Any, ...]:
    """Table, figures, download and the fine print of a finished run."""
    pictures = [(str(path), path.stem.replace("_", " ")) for path in finished.figures]
    table, mark, more = finished.table.partition("## All columns")
    return (
        table,
        gr.update(value=pictures, visible=bool(pictures)),
        gr.update(value=str(finished.report), visible=True),
        gr.update(visible=bool(more)),
        mark + more,
    )


def nothing() -> tuple[Any, ...]:
    """The same without a run."""
    hidden = gr.update(visible=False)
    return "", hidden, hidden, hidden, ""
