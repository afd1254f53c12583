"""Answers of the Evaluate tab."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mobilefaceswap_core.errors import Cancelled, OptionError

from ..examples.report import SHEET
from ..messages import Visit
from ..texts import say
from ..work.engine import Engine
from ..work.evaluate import BUILTIN, Finished, Progress, evaluate, finished_runs, read_run, unpack
from ..work.services import Services
from .progress import bar

ZIP = "zip"  # the choice of own photos, beside BUILTIN
OF_STUDY = ("run", "missing", "offer", "made", "page", "key")  # what a new run changes in the panel of the study
_KIND = "evaluate"


def choose(services: Services, visit: Visit, *, data: str) -> dict[str, Any]:
    """Show the place for a zip where own photos are chosen."""
    return {"archive": gr.update(visible=data == ZIP)}


def run(
    services: Services,
    visit: Visit,
    *,
    data: str,
    archive: str | None,
    pairs: float,
    models: list[str],
    consented: bool,
) -> Iterator[dict[str, Any]]:
    """Evaluate, telling how far it is, and show the report; nothing without consent.

    Raises:
        OptionError: the zip is missing or unusable, or what the evaluation says.
    """
    if not consented:
        yield {}
        return
    spoken, engine = visit.language, services.engine
    if data == ZIP and not archive:
        raise OptionError(say("evaluate_need_zip", spoken))
    engine.admit(visit.caller)
    stop = services.jobs.begin(visit.session, _KIND)
    started = time.monotonic()
    running = {"cancel": gr.update(visible=True)}
    yield _nothing() | running | {"progress": bar(0, None, say("evaluate_starting", spoken)), "status": ""}
    over = {"cancel": gr.update(visible=False), "progress": ""}
    try:
        folder = engine.new_file("run")
        dataset, root = data_of(engine, archive if data == ZIP else None, folder)
        for step in evaluate(folder, dataset=dataset, root=root, methods=models, pairs=int(pairs),
                             settings=services.settings, stop=stop):  # fmt: skip
            yield {"progress": in_words(step, spoken)}
        took = say("evaluate_done", spoken, seconds=f"{time.monotonic() - started:.0f}")
        yield shown(read_run(folder), say("evaluate_yours", spoken), own=True) | over | {"status": took}
    except Cancelled:
        yield _nothing() | over | {"status": say("clip_stopped", spoken)}
    except Exception:
        yield over  # what went wrong is said above the page
        raise
    finally:
        services.jobs.end(visit.session, _KIND, stop)


def data_of(engine: Engine, archive: str | Path | None, run: Path) -> tuple[str, Path | None]:
    """Name and folder of the data set: a visitor's zip unpacked beside the run, or the photos that ship.

    Raises:
        OptionError, ImageError: see :func:`~demo.work.evaluate.unpack`.
        RefusedError: the zip shows somebody on the host's block list.
    """
    if archive is None:
        return BUILTIN, None
    root = run.with_name("photos")
    return unpack(archive, root, engine.settings, check=engine.check_photo), root


def halt(services: Services, visit: Visit) -> dict[str, Any]:
    """Stop the visitor's evaluation; it says so itself."""
    services.jobs.stop(visit.session, _KIND)
    return {}


def open_run(services: Services, visit: Visit, *, browse: str | None) -> dict[str, Any]:
    """Show a report that the host keeps for everybody.

    Raises:
        OptionError: there is none of that name.
    """
    runs = finished_runs(services.settings)
    if browse not in runs:
        raise OptionError(say("evaluate_none", visit.language))
    return shown(read_run(runs[browse]), browse)


def in_words(step: Progress, spoken: str) -> str:
    """Progress as a bar."""
    stage = say(f"stage_evaluate_{step.stage}", spoken)
    if step.stage == "report":
        return bar(0, None, f"{stage} …")
    return bar(step.done, step.total, say("evaluate_progress", spoken, stage=stage, done=step.done, total=step.total))


def shown(finished: Finished, title: str, *, own: bool = False) -> dict[str, Any]:
    """Title, faces, table, plots, download and the fine print of a finished run; a study is made of a visitor's own alone.

    Reports that the host keeps show everybody figures, and not the pictures that a study would.
    """
    new = parts(finished)
    return {
        "title": f"## {title}",
        "table": new["table"],
        "more": new["more"],
        "details": gr.update(visible=bool(new["more"])),
        **{name: gr.update(value=new[name], visible=bool(new[name])) for name in ("sheets", "plots", "download")},
        **_study(str(finished.folder) if own else ""),
    }


def _study(run: str) -> dict[str, Any]:
    """The study's panel for a run, or without one; what was made of the run before is gone."""
    gone = gr.update(value=None, visible=False)
    return {
        "run": run, "missing": gr.update(visible=not run), "offer": gr.update(visible=bool(run)), "made": "", "page": gone,
        "key": gone,
    }  # fmt: skip


def parts(finished: Finished) -> dict[str, Any]:
    """Values of the tab's components, by name."""
    table, mark, more = finished.table.partition("## All columns")
    return {
        "sheets": _named(finished.sheets),
        "table": without_heads(table),
        "plots": _named(finished.plots),
        "download": str(finished.report),
        "more": without_heads(mark + more),
    }


def without_heads(table: str) -> str:
    """A run's Markdown below the tab's own headings: what were chapters are bold lines."""
    return re.sub(r"^#+ (.+)$", r"**\1**", table, flags=re.MULTILINE)


def _named(pictures: Sequence[Path]) -> list[tuple[str, str]]:
    return [(str(path), path.stem.removeprefix(SHEET).replace("_", " ")) for path in pictures]


def _nothing() -> dict[str, Any]:
    hidden = gr.update(visible=False)
    return {
        "title": "", "sheets": hidden, "table": "", "plots": hidden, "download": hidden, "details": hidden, "more": "",
        **_study(""),
    }  # fmt: skip
