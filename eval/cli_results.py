"""Commands that read finished runs: compare, groups, export, leaderboard, figure, study and merge; and the list of judges."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

results = typer.Typer()
Run = Annotated[Path, typer.Argument(help="folder of a judged run")]


def _show(table: Any, file: Path | None) -> None:
    """A table on standard output, and as CSV where a file is named."""
    from rich.console import Console
    from rich.table import Table

    from .records import write_text
    from .tables import csv_text

    grid = Table()
    for head in table.columns:
        grid.add_column(str(head).replace("[", r"\["), overflow="fold")
    for row in table.itertuples(index=False):
        grid.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v).replace("[", r"\[") for v in row))
    console = Console()
    # A pipe has no width of its own; 80 columns would break the numbers.
    (console if console.is_terminal else Console(width=200)).print(grid)
    if file is not None:
        write_text(file, csv_text(table))


@results.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="two or more judged runs over the same pairs; the first is the base")
    ],
    metrics: Annotated[str, typer.Option(help="comma-separated; the headline columns if none is given")] = "",
    file: Annotated[Path | None, typer.Option(help="also write the differences as CSV")] = None,
) -> None:
    """What changed from the first run to the others, method by method, and in which pairs most."""
    from .compare import compare_runs
    from .run import summary_of

    chosen = [name for name in metrics.split(",") if name]
    _show(compare_runs([(run, summary_of(run)) for run in runs], metrics=chosen), file)


@results.command()
def groups(
    run: Run,
    by: Annotated[str, typer.Option(help="yaw, or a column of --labels")] = "yaw",
    labels: Annotated[Path | None, typer.Option(help="CSV of labels by pair, target, source or identity")] = None,
    file: Annotated[Path | None, typer.Option(help="also write the table as CSV")] = None,
) -> None:
    """Each method within groups of pairs, and the gap between the groups."""
    from .groups import group_table, groups_by_label, groups_by_yaw
    from .run import summary_of

    summary = summary_of(run)
    found = groups_by_yaw(summary) if labels is None and by == "yaw" else groups_by_label(run, labels, by)
    _show(group_table(summary, found, seed=summary.meta["seed"]), file)


@results.command()
def export(
    run: Run,
    file: Annotated[Path | None, typer.Option(help="a .csv or .parquet file; records.csv if nothing is named")] = None,
    hub: Annotated[Path | None, typer.Option(help="a folder that the Hub's dataset viewer understands")] = None,
    tracker: Annotated[str | None, typer.Option(help="wandb or trackio, once it is installed")] = None,
    project: Annotated[str, typer.Option(help="the tracker's project")] = "face-swapping",
) -> None:
    """Every number as one row, for pandas and the like; a folder for the Hub; or the table in a tracker of experiments."""
    from .hub_folder import write_hub_folder
    from .long_table import write_long
    from .run import summary_of
    from .trackers import send_to_tracker

    if hub is not None:
        print(f"{hub}: {write_hub_folder(run, summary_of(run), hub)} rows", file=sys.stderr)
    if tracker is not None:
        print(f"{tracker}: {send_to_tracker(run, summary_of(run), tracker, project)} numbers", file=sys.stderr)
    if file is not None or (hub is None and tracker is None):
        file = file or Path("records.csv")
        print(f"{file}: {write_long(run, file)} rows", file=sys.stderr)


@results.command()
def leaderboard(
    folder: Annotated[Path, typer.Argument(help="folder that holds runs")],
    columns: Annotated[str, typer.Option(help="comma-separated metrics")] = "",
    file: Annotated[Path | None, typer.Option(help="also write the table as CSV")] = None,
) -> None:
    """All judged runs below a folder in one table."""
    from .leaderboard import leaderboard as made

    table, problems = made(folder, columns=[name for name in columns.split(",") if name])
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    _show(table, file)


@results.command()
def figure(
    run: Run,
    pairs: Annotated[str, typer.Option(help="numbers of pairs, comma-separated, one row each")],
    file: Annotated[Path, typer.Option(help="to write, without its ending: .pdf and .png are added")] = Path("figure"),
    methods: Annotated[str, typer.Option(help="comma-separated; all compared ones if none is given")] = "",
) -> None:
    """A figure for papers: rows are pairs, columns are methods."""
    from mobilefaceswap_core.errors import OptionError

    from .paper_figure import write_paper_figure
    from .run import summary_of

    words = [word.strip() for word in pairs.split(",") if word.strip()]
    if not all(word.isdecimal() and len(word) < 10 for word in words):
        raise OptionError(f"--pairs {pairs}: wanted numbers separated by commas, such as 3,17,42.")
    chosen = [name for name in methods.split(",") if name]
    for path in write_paper_figure(run, summary_of(run), [int(word) for word in words], file, methods=chosen):
        print(path)


@results.command()
def study(
    run: Run,
    file: Annotated[Path, typer.Option(help="the page to write, or with --score where to write preferences")] = Path(
        "study.html"
    ),
    questions: Annotated[int, typer.Option(help="how many", min=1, max=1000)] = 30,
    methods: Annotated[str, typer.Option(help="comma-separated; all compared ones if none is given")] = "",
    seed: Annotated[int, typer.Option(help="of pairs, order and sides", min=0)] = 0,
    score: Annotated[list[Path] | None, typer.Option(help="answers to score, in place of writing a page")] = None,
) -> None:
    """A page that asks people which of two swaps is better, blind; or the scores of their answers."""
    from .study import score_study, write_study

    if score:
        _show(score_study(run, score), None if file == Path("study.html") else file)
        return
    chosen = [name for name in methods.split(",") if name]
    count = write_study(run, file, questions=questions, methods=chosen, seed=seed)
    print(f"{file}: {count} questions; the key stays in {run / 'study'}", file=sys.stderr)


@results.command()
def merge(
    shards: Annotated[
        list[Path], typer.Argument(help="folders of judged shards: parts of the pairs, or other methods")
    ],
    out: Annotated[Path, typer.Option("--out", help="folder of the new run")],
) -> None:
    """Put shards together as one run and write its tables, figures and report."""
    from .merging import merge_runs
    from .run import render

    for method, count in merge_runs(out, shards).items():
        print(
            f"missing: {count} pairs of {method}; python -m eval swap and judge --out {out} make them", file=sys.stderr
        )
    render(out)
    print(out / "report.html")


@results.command()
def judges(
    more: Annotated[list[str] | None, typer.Argument(help="others to list, such as onnx:FILE")] = None,
    file: Annotated[Path | None, typer.Option(help="also write the table as CSV")] = None,
) -> None:
    """Who could judge here, on whose terms, and what is missing."""
    from .judges.listing import list_judges

    _show(list_judges(tuple(more or ())), file)
