"""``python -m eval cost``: count, measure, print and save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobilefaceswap_core.errors import BackendError, OptionError, SwapError

from .report import CostReport

if TYPE_CHECKING:
    from .measure import Candidate
    from .methods import MethodCost

cost_app = typer.Typer(help="What each method costs: parameters, multiply-adds, time, memory.", add_completion=False)


@cost_app.callback(invoke_without_command=True)
def cost(
    out: Annotated[Path | None, typer.Option(help="Folder for Markdown, CSV, LaTeX, JSON and figures.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    quick: Annotated[
        bool, typer.Option(help="Fewer rounds; leave out FaceShifter, GHOST, memory and exports.")
    ] = False,
    count_only: Annotated[bool, typer.Option("--count-only", help="Count, measure nothing.")] = False,
    size: Annotated[int, typer.Option(help="Crop of student, teacher and SimSwap; a multiple of 32.")] = 224,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all processors if not given.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Measured rounds; 10, or 4 with --quick.")] = None,
    compiled: Annotated[bool, typer.Option(help="Also torch.compile (minutes, needs a C++ compiler).")] = False,
    run: Annotated[Path | None, typer.Option(help="Folder of an evaluation run: its table.csv for the figure.")] = None,
    onnx: Annotated[list[Path] | None, typer.Option(help="Count this ONNX file too; may be repeated.")] = None,
) -> None:
    """Count every architecture, check the paper's claims, and measure what can run here."""
    try:
        _cost(out, as_json, quick, count_only, size, threads, rounds, compiled, run, onnx or [])
    except SwapError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error


def _cost(
    out: Path | None, as_json: bool, quick: bool, count_only: bool, size: int, threads: int | None, rounds: int | None,
    compiled: bool, run: Path | None, onnx: list[Path],
) -> None:  # fmt: skip
    from mobilefaceswap_core.files.places import check_named
    from mobilefaceswap_core.runtime.threads import default_threads

    from . import report as forms
    from .claims import claims
    from .methods import all_methods

    if threads is not None and threads < 1:
        raise OptionError(f"--threads must be at least 1, got {threads}")
    check_named({"--run": run, "--onnx": onnx}, {"--out": out})
    threads = threads or default_threads()
    own = [_onnx_row(path) for path in onnx]
    rows = all_methods(size)
    rows[-4:-4] = own
    report = CostReport(rows, claims(rows) if size == 224 else [], machine=forms.describe_machine(threads))
    if not count_only:
        _measure(report, quick=quick, threads=threads, rounds=rounds or (4 if quick else 10), compiled=compiled)
    if as_json:
        typer.echo(json.dumps(forms.as_json(report), indent=2))
    else:
        _print(report)
    if out is not None:
        _save(report, out, run)
        if not as_json:
            typer.echo(f"Written to {out}")


def _onnx_row(path: Path) -> MethodCost:
    from .count import NOTHING
    from .methods import MethodCost
    from .onnx_count import count_onnx

    counted = count_onnx(path, _open_inputs(path))
    return MethodCost(path.stem, path.name, None, "counted", counted, NOTHING, {"file": counted}, "ONNX file")


def _open_inputs(path: Path) -> dict[str, tuple[int, ...]]:
    """Inputs with open sizes, at batch 1 and 224 pixels."""
    import onnx

    from mobilefaceswap_core.errors import WeightsError
    from mobilefaceswap_core.files.ordinary import check_ordinary

    check_ordinary(path, error=WeightsError, wanted="an ONNX file")
    try:
        inputs = onnx.load(str(path), load_external_data=False).graph.input
    except Exception as error:  # protobuf's error types differ between versions
        raise WeightsError(f"{path} is not a readable ONNX file ({type(error).__name__}).") from error
    shapes = {}
    for item in inputs:
        dims = [d.dim_value for d in item.type.tensor_type.shape.dim]
        if 0 in dims:
            shapes[item.name] = tuple(d or (1 if i == 0 else 224) for i, d in enumerate(dims))
    return shapes


def _measure(report: CostReport, *, quick: bool, threads: int, rounds: int, compiled: bool) -> None:
    """Fill the measured parts of a report; what cannot be measured here becomes a note."""
    import torch

    from . import networks, stages
    from .measure import measure
    from .memory import peak_memory
    from .report import shipped_file_mb

    report.file_mb.update(shipped_file_mb())
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with networks.scratch_folder() as folder:
            for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
                made = _candidates(report, device, quick=quick, threads=threads, compiled=compiled, folder=folder)
                limit_s = 60.0 if quick else 150.0  # a busy machine gets fewer rounds, not a longer run
                report.latencies.extend(measure(made, rounds=rounds, warm_up=1, limit_s=limit_s))
            report.stages.extend(stages.profile_student(threads=threads, rounds=5 * rounds, folder=folder))
        try:
            timed = {row.method for row in report.latencies}
            names = ("student", "graphics", "teacher", *(name for name in networks.published_here() if name in timed))
            report.frames.extend(stages.time_frames(names, device="cpu", threads=threads, rounds=rounds))
        except SwapError as error:
            report.notes.append(f"whole frames not measured: {error}")
    finally:
        torch.set_num_threads(before)
    if quick:
        report.notes.append("quick run: few rounds; FaceShifter, GHOST, memory and ONNX exports were not measured")
        return
    for method in ("student", *(item.method for item in networks.generators())):
        try:
            report.memory[method] = peak_memory(method, threads=threads)
        except BackendError as error:
            report.notes.append(str(error))


def _candidates(
    report: CostReport, device: str, *, quick: bool, threads: int, compiled: bool, folder: Path
) -> list[Candidate]:
    import torch

    from . import networks

    batches = (1, 4) if quick or device == "cpu" else (1, 4, 16)
    made = list(networks.idn_candidates(device=device, batches=(*batches, 8), threads=threads))
    if device == "cpu":
        made += networks.exported_candidates(threads=threads, folder=folder)
    for timed in networks.generators():
        if timed.heavy and quick:
            continue
        own = (1,) if timed.heavy and device == "cpu" else batches
        # Half a minute per round of bfloat16 FaceShifter on a processor without it would teach nothing.
        precisions = (torch.float32,) if timed.heavy and device == "cpu" else (torch.float32, torch.bfloat16)
        made += networks.generator_candidates(
            timed, device=device, batches=own, precisions=precisions, compiled=compiled and not timed.heavy
        )
        if device == "cpu" and not quick and not timed.heavy:
            try:
                made += networks.onnx_candidates(timed, batches=(1,), threads=threads, folder=folder)
            except (RuntimeError, ImportError) as error:
                report.notes.append(f"{timed.method} could not be exported to ONNX: {error}")
    return made + published_candidates(report, device, batches=batches, threads=threads)


def published_candidates(report: CostReport, device: str, *, batches: tuple[int, ...], threads: int) -> list[Candidate]:
    """Every foreign swapper that is here; one whose file does not fit becomes a note."""
    from . import networks

    made: list[Candidate] = []
    for name in networks.published_here():
        try:
            made += networks.published_candidates(name, device=device, batches=batches, threads=threads)
        except SwapError as error:
            report.notes.append(f"{name} was not timed: {error}")
    return made


def _print(report: CostReport) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    from .report import CONVENTION, tables

    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=120)  # a pipe has no width of its own
    wide.print(CONVENTION)
    for name, (title, head, rows) in tables(report).items():
        shown = 5 if name == "claims" else len(head)  # the remarks are sentences; they follow the table
        table = Table(title=title, title_justify="left", box=SIMPLE)
        for number, cell in enumerate(head[:shown]):
            table.add_column(cell, justify="left" if number == 0 else "right", no_wrap=number == 0)
        for row in rows:
            table.add_row(*row[:shown], style="dim italic" if row[-1] == "quoted" else None)
        wide.print(table)
        if name == "claims":
            for row in rows:
                wide.print(f"  {row[0]}: counted {row[5]}" + (f"; {row[6]}." if row[6] else "."))
    for note in report.notes:
        wide.print(f"Note: {note}")


def _save(report: CostReport, out: Path, run: Path | None) -> None:
    from . import figures
    from .report import write_report

    points = list(figures.quoted_points(report))
    note = "no evaluation run given: quoted identity only" if run is None else ""
    if run is not None:
        points += figures.measured_points(report, run / "table.csv")
    write_report(report, out)
    figures.save(figures.identity_figure(points, note=note), out, "identity_against_cost")
    if report.stages:
        figures.save(figures.time_figure(report), out, "time")
