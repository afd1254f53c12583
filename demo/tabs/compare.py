"""The Compare tab: the same pair through every method, judged."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import cv2
import gradio as gr

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.types import Image

from ..comparing import REFERENCE, Bench, Compared, Measured, compare
from ..messages import caller, language, plain_words
from ..texts import say
from ..zerogpu import on_gpu
from .context import ConsentPanel, Context, photo
from .video import bar


def build(context: Context, examples: Sequence[tuple[str, str]]) -> None:
    """Add the tab's components; ``examples`` are pairs of source and target paths."""
    words = context.words
    bench = Bench()
    models = context.engine.model_names()
    gr.Markdown(words("compare_hint"))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=240):
            source = photo(words("source"), "compare-source", words("alt_source"), height_px=220)
            target = photo(words("target"), "compare-target", words("alt_target"), height_px=220)
            chosen = gr.CheckboxGroup(models, value=models, label=words("compare_models"), elem_id="compare-models")
        with gr.Column(scale=3, min_width=300):
            start = gr.Button(words("compare"), variant="primary", size="lg", elem_id="compare-run")
            panel = ConsentPanel(context, "compare")
            progress = gr.HTML(elem_id="compare-progress")
            grid = gr.HTML(elem_id="compare-grid")
            status = gr.Markdown(elem_id="compare-status")
    if examples:
        shown = gr.Examples(
            [list(pair) for pair in examples[:4]], [source, target], label=words("examples"), elem_id="compare-examples"
        )
        shown.dataset.headers = ["1", "2"]
    measure = on_gpu(compare)

    @plain_words
    def run(
        source_path: str | None, target_path: str | None, names: list[str], consented: bool, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        if not consented:
            yield (gr.skip(),) * 3
            return
        spoken = language(request)
        for missing, key in ((source_path, "need_source"), (target_path, "need_target"), (names, "compare_pick")):
            if not missing:
                raise OptionError(say(key, spoken))
        context.engine.admit(caller(request))
        total = len(names) + 1
        done: list[Compared] = []
        yield _progress(done, names, spoken), "", ""
        for compared in measure(context.engine, bench, source_path, target_path, names):
            done.append(compared)
            yield _progress(done, names, spoken) if len(done) < total else "", grid_of(done, spoken), ""
        judges = ", ".join(bench.titles())
        yield "", grid_of(done, spoken), say("compare_done", spoken, count=len(names), judges=judges)

    panel.guard(start, run, [source, target, chosen], [progress, grid, status], show_progress="hidden")


def _progress(done: Sequence[Compared], names: Sequence[str], spoken: str) -> str:
    now = names[min(max(len(done) - 1, 0), len(names) - 1)]
    text = say("compare_working", spoken, model=now, done=len(done), total=len(names) + 1)
    return bar(len(done), len(names) + 1, text)


def grid_of(done: Sequence[Compared], spoken: str) -> str:
    """Pictures with their figures below, as HTML that holds the pictures."""
    return f'<div class="compare-grid">{"".join(_figure(one, spoken) for one in done)}</div>'


def _figure(compared: Compared, spoken: str) -> str:
    row = compared.measured
    name = say("compare_reference", spoken) if row.name == REFERENCE else row.name
    lines = "".join(
        f"<dt>{escape(say(key, spoken))}</dt><dd title='{escape(hint)}'>{escape(value)}</dd>"
        for key, value, hint in _facts(row, spoken)
    )
    failure = f"<p class='failure'>{escape(row.failure)}</p>" if row.failure else ""
    return (
        f"<figure><img alt='{escape(name)}' src='data:image/webp;base64,{_webp(compared.view)}'>"
        f"<figcaption><strong>{escape(name)}</strong>{failure}<dl>{lines}</dl>"
        f"<small>{escape(row.device)}</small></figcaption></figure>"
    )


def _facts(row: Measured, spoken: str) -> list[tuple[str, str, str]]:
    """Key of the label, value, and which direction is better."""
    unknown = say("compare_unknown", spoken)
    high, low = say("compare_better_high", spoken), say("compare_better_low", spoken)
    facts = [
        ("compare_id", unknown if row.id_similarity is None else f"{row.id_similarity:.3f} ↑", high),
        ("compare_pose", unknown if row.pose_error_deg is None else f"{row.pose_error_deg:.1f}° ↓", low),
        ("compare_expression", unknown if row.expression_error is None else f"{row.expression_error:.2f} ↓", low),
    ]
    if row.name == REFERENCE:
        return facts
    if row.multiply_adds is None:
        cost = unknown
    else:
        cost = f"{row.multiply_adds / 1e9:.2f} G" if row.multiply_adds else say("compare_no_network", spoken)
    time_text = unknown if row.latency_ms is None else f"{row.latency_ms:.0f} ms"
    return [*facts, ("compare_cost", cost, low), ("compare_time", time_text, low)]


def _webp(image: Image) -> str:
    _, data = cv2.imencode(".webp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 90])
    return base64.b64encode(data.tobytes()).decode("ascii")
