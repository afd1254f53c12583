"""Answers of the Verify tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mobilefaceswap_core.marking import VerifyReport

from ..messages import Visit
from ..texts import say
from ..work.services import Services
from ..work.verify import verify


def check(services: Services, visit: Visit, *, file: str | None) -> dict[str, Any]:
    """Tell whether a file carries marks; nothing is shown without a file."""
    if not file:
        hidden = gr.update(visible=False)
        return {"verdict": hidden, "details": hidden, "raw": None}
    services.engine.admit(visit.caller)
    report = verify(services.engine, file)
    return {
        "verdict": gr.update(value=in_words(report, visit.language), visible=True),
        "details": gr.update(visible=True),
        "raw": report.to_json() | {"path": report.path.rpartition("/")[2]},
    }


def in_words(report: VerifyReport, spoken: str) -> str:
    """A verdict and a table of layers, as Markdown."""
    metadata, watermark, credentials = report.metadata, report.watermark, report.credentials
    mark = [say("verify_faces", spoken, faces=watermark.faces, frames=watermark.frames)]
    if watermark.faces_left:
        mark.append(say("verify_left", spoken, count=watermark.faces_left))
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
