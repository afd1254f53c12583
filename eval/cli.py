"""``python -m eval``: run, pairs, swap, judge, table, plot, report and cost; what reads finished runs is in ``cli_results``."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from mobilefaceswap_core.errors import SwapError

from .cli_results import results
from .options import RunOptions, read_option_file, resolve
from .swap import Progress

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Compare face swapping methods; see docs/evaluation.md."
)

app.add_typer(results)  # their commands stand beside those below

Out = Annotated[Path, typer.Option("--out", help="folder of the run")]
_SHOW_EVERY_S = 0.2


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


class _Bar:
    """A progress line on standard error, with pairs per second; lines instead of redraws when it is no terminal."""

    def __init__(self, stage: str) -> None:
        self._stage, self._started, self._shown = stage, time.perf_counter(), 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.perf_counter()
        terminal = sys.stderr.isatty()
        if done < total and now - self._shown < (_SHOW_EVERY_S if terminal else 10.0):
            return
        self._shown = now
        rate = done / max(now - self._started, 1e-9)
        width = int(30 * done / total)
        line = f"{self._stage:6} [{'=' * width}{' ' * (30 - width)}] {done}/{total} pairs, {rate:.2f} pairs/s"
        print(
            f"\r{line}" if terminal else line,
            end="" if terminal and done < total else "\n",
            file=sys.stderr,
            flush=True,
        )


def _bar(stage: str) -> Progress:
    return _Bar(stage)


def _options(file: Path | None, given: dict[str, Any]) -> RunOptions:
    """Command line over option file over defaults; processes where they are worth it."""
    values = {"executor": "auto", **(read_option_file(file) if file is not None else {})}
    return resolve({**values, **{k: v for k, v in given.items() if v is not None}})


@app.command()
def run(
    out: Out,
    dataset: Annotated[
        str | None, typer.Option(help="builtin, builtin-clips, folders, flat, pairs, ffpp or pack")
    ] = None,
    root: Annotated[str | None, typer.Option(help="the data set's folder (for pack: the .npz file)")] = None,
    identities: Annotated[str | None, typer.Option(help="JSON list or text file of the identities to use")] = None,
    pair_file: Annotated[str | None, typer.Option(help="CSV of pairs, or FaceForensics++ JSON pair list")] = None,
    pairs: Annotated[int | None, typer.Option(help="pairs to draw")] = None,
    frames: Annotated[int | None, typer.Option(help="frames per video (ffpp)")] = None,
    consecutive: Annotated[int | None, typer.Option(help="frames in a row at each of them (ffpp)")] = None,
    aligned: Annotated[bool | None, typer.Option("--aligned", help="images are aligned 112-template crops")] = None,
    follow_links: Annotated[
        bool | None, typer.Option("--follow-links", help="read links that lead out of the root")
    ] = None,
    occluders: Annotated[int | None, typer.Option(help="seed of things drawn over the targets' faces")] = None,
    low_resolution: Annotated[
        int | None, typer.Option(help="side in px that targets' faces are lowered to, with a JPEG")
    ] = None,
    clips: Annotated[
        str | None, typer.Option(help="whole: swapped as a video is, or frames: each frame as a photo")
    ] = None,
    frame_rate: Annotated[float | None, typer.Option(help="frames a second of the clips")] = None,
    methods: Annotated[
        str | None, typer.Option(help="comma-separated, or all that are present; see docs/evaluation.md")
    ] = None,
    judges: Annotated[str | None, typer.Option(help="comma-separated judges")] = None,
    detector: Annotated[str | None, typer.Option(help="detector of the swapping pipeline")] = None,
    judge_detector: Annotated[str | None, typer.Option(help="detector of the judges")] = None,
    lpips: Annotated[str | None, typer.Option(help="backbone of LPIPS: alex, vgg or squeeze")] = None,
    lpips_backbone: Annotated[str | None, typer.Option(help="its file, such as alexnet-owt-7be5be79.pth")] = None,
    fid_features: Annotated[str | None, typer.Option(help="recogniser, or an ONNX file of features")] = None,
    metrics: Annotated[str | None, typer.Option(help="added metrics: registered names or module:attribute")] = None,
    seed: Annotated[int | None, typer.Option(help="of pairs and bootstrap")] = None,
    limit: Annotated[int | None, typer.Option(help="only the first N pairs")] = None,
    shard: Annotated[
        str | None, typer.Option(help="only the K-th of N parts: K/N; eval merge puts them together")
    ] = None,
    executor: Annotated[str | None, typer.Option(help="auto, serial, processes or ray")] = None,
    workers: Annotated[int | None, typer.Option(help="processes or Ray actors")] = None,
    threads: Annotated[int | None, typer.Option(help="of torch and OpenCV, per worker")] = None,
    device: Annotated[str | None, typer.Option(help="torch device")] = None,
    cost: Annotated[str | None, typer.Option(help="count, measure (times too), none, or a cost.json to join")] = None,
    options: Annotated[Path | None, typer.Option(help="YAML or TOML file with any of these")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with the run in --out")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the table as one JSON object")] = False,
) -> None:
    """Pairs, swap, judge, tables, figures and report in one go; stops and goes on with --resume."""
    from .cost.columns import cost_stage
    from .failures import reasons_of_failures
    from .run import judge_stage, prepare, render, swap_stage
    from .tables import as_object

    given = {k: v for k, v in locals().items() if k in RunOptions.__dataclass_fields__}
    resolved = _options(options, given)
    prepare(out, resolved, resume=resume, say=_say)
    swap_stage(out, resolved, _bar("swap"))
    judge_stage(out, resolved, _bar("judge"))
    cost_stage(out, resolved.methods, resolved.cost)
    summary = render(out)
    for (method, reason), count in reasons_of_failures(out, summary.pairs):
        _say(f"failed: {method}: {count} x {reason}")
    if as_json:
        print(json.dumps(as_object(summary), sort_keys=True, ensure_ascii=False, allow_nan=False))
    else:
        _print_table(summary)
        _say(f"report: {out / 'report.html'}")


@app.command("pairs")
def pairs_command(
    out: Out,
    options: Annotated[Path | None, typer.Option(help="YAML or TOML option file")] = None,
    dataset: Annotated[str | None, typer.Option()] = None,
    root: Annotated[str | None, typer.Option()] = None,
    identities: Annotated[str | None, typer.Option()] = None,
    pair_file: Annotated[str | None, typer.Option()] = None,
    pairs: Annotated[int | None, typer.Option()] = None,
    frames: Annotated[int | None, typer.Option()] = None,
    consecutive: Annotated[int | None, typer.Option()] = None,
    aligned: Annotated[bool | None, typer.Option("--aligned")] = None,
    follow_links: Annotated[bool | None, typer.Option("--follow-links")] = None,
    occluders: Annotated[int | None, typer.Option()] = None,
    low_resolution: Annotated[int | None, typer.Option()] = None,
    clips: Annotated[str | None, typer.Option()] = None,
    frame_rate: Annotated[float | None, typer.Option()] = None,
    methods: Annotated[str | None, typer.Option()] = None,
    judges: Annotated[str | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    limit: Annotated[int | None, typer.Option()] = None,
    shard: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Only draw and write the pair list and the options; the other stages go on from there."""
    from .run import prepare

    given = {k: v for k, v in locals().items() if k in RunOptions.__dataclass_fields__}
    prepare(out, _options(options, given), resume=False, say=_say)
    _say(f"pairs: {out / 'pairs.csv'}")


@app.command()
def swap(out: Out) -> None:
    """Make the swapped images that are still missing."""
    from .run import options_of, swap_stage

    swap_stage(out, options_of(out), _bar("swap"))
    _report_failures(out)


@app.command()
def judge(out: Out) -> None:
    """Measure the images that have no record yet."""
    from .run import judge_stage, options_of

    judge_stage(out, options_of(out), _bar("judge"))


@app.command()
def table(
    out: Out,
    columns: Annotated[str, typer.Option(help="of table.tex, comma-separated: id_top1,pose_error@pnp,failed")] = "",
    transpose: Annotated[bool, typer.Option("--transpose", help="table.tex with a column for each method")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Write table.md, .csv, .tex and .html from the records."""
    from .run import summary_of
    from .table_files import write_tables
    from .tables import as_object

    summary = summary_of(out)
    write_tables(out, summary, columns=[name for name in columns.split(",") if name], transpose=transpose)
    if as_json:
        print(json.dumps(as_object(summary), sort_keys=True, ensure_ascii=False, allow_nan=False))
    else:
        _print_table(summary)


@app.command()
def plot(out: Out) -> None:
    """Draw the figures from the records."""
    from .plots import write_figures
    from .run import summary_of

    for path in write_figures(out, summary_of(out)):
        print(path)


@app.command()
def report(out: Out) -> None:
    """Write tables, figures and the single-file report."""
    from .run import render

    render(out)
    print(out / "report.html")


@app.command("cost", add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def cost(context: typer.Context) -> None:
    """Parameters, multiply-adds, time and memory of each method (python -m eval cost --help); imported only when asked for."""
    importlib.import_module("eval.cost.cli").cost_app(args=context.args, prog_name="python -m eval cost")


def _print_table(summary: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from .tables import measured_table

    frame = measured_table(summary)
    chance = f"chance top-1 {summary.chance['top1']:.1f} %; " if summary.meta["people"] != "photos" else ""
    grid = Table(caption=f"{chance}* reference row; ° not ranked; [95 % interval]")
    for head in frame.columns:
        grid.add_column(
            head.replace("[", r"\["), no_wrap=head == "method", justify="left" if head == "method" else "right"
        )
    for row in frame.itertuples(index=False):
        grid.add_row(*(str(v).replace(" [", "\n\\[").replace(" (", "\n(") for v in row))
    console = Console()
    # A pipe has no width of its own; 80 columns would break the numbers.
    (console if console.is_terminal else Console(width=160)).print(grid)


def _report_failures(out: Path) -> None:
    from .run import failures

    for method, reasons in failures(out).items():
        for reason, count in sorted(reasons.items(), key=lambda item: -item[1])[:5]:
            _say(f"no image: {method}: {count} x {reason}")


def main() -> int:
    """Entry point: own errors become one line and an exit code, everything else is a bug and shows its traceback."""
    try:
        app(prog_name="python -m eval")
    except SwapError as error:
        _say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _say("stopped; go on with --resume")
        return 130
    return 0
