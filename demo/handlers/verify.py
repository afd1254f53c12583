"""Answers of the Verify tab."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mobilefaceswap_core.marking import VerifyReport

from ..examples.pairs import CARD, EXAMPLES
from ..messages import Visit
from ..texts import model_words, say
from ..work.services import Services
from ..work.verify import verify
from .progress import bar


def check(services: Services, visit: Visit, *, file: str | None) -> Iterator[dict[str, Any]]:
    """Tell whether a file carries marks, and on the way that it is looked for; nothing is shown without a file."""
    if not file:
        yield {"progress": "", "verdict": "", "details": gr.update(visible=False), "raw": None}
        return
    services.engine.admit(visit.caller)
    yield {"progress": bar(0, None, say("verify_looking", visit.language)), "verdict": ""}
    report = verify(services.engine, file)
    yield {
        "progress": "",
        "verdict": in_words(report, visit.language),
        "details": gr.update(visible=True),
        "raw": report.to_json() | {"path": report.path.rpartition("/")[2]},
    }


def try_marked(services: Services, visit: Visit) -> dict[str, Any]:
    """A picture that shows a swapped face, to see what is said of it."""
    return {"file": _own_copy(services, CARD)}


def try_plain(services: Services, visit: Visit) -> dict[str, Any]:
    """A portrait as it is, likewise."""
    return {"file": _own_copy(services, EXAMPLES / "average_1.webp")}


def _own_copy(services: Services, path: Path) -> str:
    """Only files in the app's own folders are served and taken; this one goes when the visitor's others go."""
    return str(shutil.copy(path, services.engine.new_file(path.name)))


def in_words(report: VerifyReport, spoken: str) -> str:
    """A verdict that needs no knowledge, then what each layer says, as HTML."""
    layers = {name: (getattr(report, name).found, tell(report, spoken)) for name, tell in LAYERS.items()}
    kind = "marked" if report.marked else "unmarked"
    found = [say(f"verify_{name}_short", spoken) for name, (there, _) in layers.items() if there]
    why = (
        say("verify_because", spoken, layers=say("and", spoken).join(found))
        if found
        else say("verify_no_proof", spoken)
    )
    head = f'<h2 tabindex="-1">{escape(say(f"verify_{kind}", spoken))}</h2><p>{escape(why)}</p>'
    rows = "".join(_row(name, there, details, spoken) for name, (there, details) in layers.items())
    return f'<div class="verdict {kind}">{head}</div><h3>{escape(say("verify_layers", spoken))}</h3><dl class="layers">{rows}</dl>'


def _list(names: list[str], spoken: str) -> str:
    *first, last = names
    return say("comma", spoken).join(first) + (say("and", spoken) if first else "") + last


def _row(name: str, found: bool, details: list[str], spoken: str) -> str:
    answer = say("verify_yes" if found else "verify_no", spoken)
    said = escape("; ".join(filter(None, details)))
    return (
        f'<div class="{"found" if found else "missing"}"><dt>{escape(say(f"verify_{name}", spoken))} <b>{escape(answer)}</b></dt>'
        f"<dd>{escape(say(f'verify_{name}_what', spoken))}{f'<br><small>{said}</small>' if said else ''}</dd></div>"
    )


def _metadata(report: VerifyReport, spoken: str) -> list[str]:
    return _writer(report.metadata, spoken)


def _watermark(report: VerifyReport, spoken: str) -> list[str]:
    mark = report.watermark
    if not mark.faces:
        return [say("verify_no_face", spoken)]
    said = [say("verify_faces", spoken, faces=mark.faces, frames=mark.frames)]
    if mark.faces_left:
        said.append(say("verify_left", spoken, count=mark.faces_left))
    if mark.found:
        said.append(say("verify_confidence", spoken, confidence=f"{mark.confidence:.4f}"))
    return [*said, *_writer(mark, spoken)]


def _credentials(report: VerifyReport, spoken: str) -> list[str]:
    return [say(f"verify_state_{report.credentials.state}", spoken), *_writer(report.credentials, spoken)]


def _writer(finding: Any, spoken: str) -> list[str]:
    software, model = getattr(finding, "software", None), finding.model
    said = [say("verify_software", spoken, software=software)] if software else []
    return said + ([say("verify_model", spoken, model=model_words(model, spoken))] if model else [])


LAYERS = {
    "metadata": _metadata,
    "watermark": _watermark,
    "credentials": _credentials,
}  # in the order in which they are told
