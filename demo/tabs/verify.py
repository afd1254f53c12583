"""The Verify tab: does a file carry this project's marks?"""

from __future__ import annotations

from typing import Any

import gradio as gr

from mobilefaceswap_core.marking import VerifyReport

from ..messages import caller, language, plain_words
from ..texts import say
from ..verifying import verify
from .context import HEAVY, Context


def build(context: Context) -> None:
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

    @plain_words
    def check(path: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not path:
            return gr.update(visible=False), gr.update(visible=False), None
        context.engine.admit(caller(request))
        report = verify(context.engine, path)
        shown = report.to_json() | {"path": report.path.rpartition("/")[2]}
        return gr.update(value=in_words(report, language(request)), visible=True), gr.update(visible=True), shown

    file.change(check, file, [verdict, details, raw], concurrency_id=HEAVY,
                concurrency_limit=context.settings.concurrency, api_visibility="private")  # fmt: skip


def in_words(report: VerifyReport, spoken: str) -> str:
    """A verdict and a table of layers, as Markdown."""
    metadata, watermark, credentials = report.metadata, report.watermark, report.credentials
    mark = [say("verify_faces", spoken, faces=watermark.faces, frames=watermark.frames)]
    if watermark.found:
        mark.append(say("verify_confidence", spoken, confidence=f"{watermark.confidence:.4f}"))
    rows = [
        ("verify_metadata", metadata.found, [*_writer(metadata, spoken)]),
        ("verify_watermark", watermark.found, [*mark, *_writer(watermark, spoken), watermark.note]),
        ("verify_credentials", credentials.found, [_state(credentials.state, spoken), *_writer(credentials, spoken)]),
    ]
    head = [say(key, spoken) for key in ("verify_layer", "verify_found", "verify_detail")]
    lines = [say("verify_marked" if report.marked else "verify_unmarked", spoken), "", _row(head), "|---|---|---|"]
    for key, found, details in rows:
        answer = say("verify_yes" if found else "verify_no", spoken)
        lines.append(_row([say(key, spoken), answer, "; ".join(filter(None, details)) or "—"]))
    return "\n".join(lines)


def _state(state: str, spoken: str) -> str:
    """The one state that its name does not explain is told in words."""
    return say("verify_elsewhere", spoken) if state == "elsewhere" else state


def _writer(finding: Any, spoken: str) -> list[str]:
    software, model = getattr(finding, "software", None), finding.model
    said = [say("verify_software", spoken, software=software)] if software else []
    return said + ([say("verify_model", spoken, model=model)] if model else [])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
