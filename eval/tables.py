"""Tables in Markdown, CSV, LaTeX (booktabs) and HTML; measured rows first, quoted rows of papers visibly apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .cells import plain_cell
from .clips import OVER_CLIPS
from .columns import Column, flattered
from .method_options import unusual_choices
from .metrics.failures import FAILED
from .rendering import render
from .run_files import read_json
from .summary import Summary

QUOTED_FILE = Path(__file__).with_name("quoted.json")
_ABSENT = "n/a"


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value.

    Attributes:
        text: the value.
        interval: ``[low, high]``, or empty.
        more: the mean without failures, and the number of pairs where it is not the row's; or empty.
        best: whether it is the best of its column.
    """

    text: str
    interval: str = ""
    more: str = ""
    best: bool = False

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.interval, self.more) if part)


def measured_table(summary: Summary, *, headline: bool = True, intervals: bool = True) -> pd.DataFrame:
    """Formatted text, one row per method; the best of the compared methods is known from :func:`best_methods`."""
    grid = _grid(summary, _columns(summary, headline=headline), intervals=intervals)
    return pd.DataFrame([[str(cell) for cell in row] for row in grid.rows], columns=grid.heads)


def cost_columns(summary: Summary) -> dict[str, list[str]]:
    """What ``cost.json`` of the run says about each method, by column: one object per method, any keys.

    The file is a JSON object ``{method: {column: number or text}}``; see :mod:`eval.cost.columns`.
    """
    cost = summary.meta.get("cost") or {}
    heads = list(dict.fromkeys(key for values in cost.values() for key in values))
    return {
        plain_cell(head): [plain_cell(str(cost.get(name, {}).get(head, _ABSENT))) for name in summary.methods]
        for head in heads
    }


def pairs_of(summary: Summary, method: str) -> int:
    """Pairs that count for a method: those of the column ``failed``."""
    return int(summary.cell(method, FAILED.spec.key)["n"])


def table_cell(summary: Summary, method: str, column: Column, *, intervals: bool, best: bool = False) -> Cell:
    """``74.1``, ``[66.0, 81.9]`` and ``(76.2 without 2 failures)``; ``n/a`` where nothing is measured."""
    cell = summary.cell(method, column.key)
    if not math.isfinite(cell["mean"]):
        return Cell(_ABSENT)
    digits = column.spec.decimals
    interval, more = "", []
    if intervals and math.isfinite(cell["low"]):
        interval = f"[{cell['low']:.{digits}f}, {cell['high']:.{digits}f}]"
    if cell["worst"] and column.key != FAILED.spec.key and column.key not in OVER_CLIPS:
        number = int(cell["worst"])
        found = f"{cell['mean_found']:.{digits}f}" if math.isfinite(cell["mean_found"]) else _ABSENT
        more.append(f"{found} without {number} failure{'s' if number > 1 else ''}")
    if cell["n"] != pairs_of(summary, method):
        more.append(f"n = {int(cell['n'])}")
    return Cell(f"{cell['mean']:.{digits}f}", interval, f"({', '.join(more)})" if more else "", best)


def ranked_methods(summary: Summary) -> list[str]:
    """Methods that are compared: no reference rows, and none whose faces stayed the target's."""
    return [n for n, card in summary.methods.items() if not card["reference"] and n not in summary.unmoved]


def best_methods(summary: Summary, column: Column) -> set[str]:
    """Ranked methods whose printed value is the best of the column, with failures and without them.

    Where the two means name different methods, how failures are counted would decide, and nobody is the best.
    """
    if column.spec.higher_is_better is None:
        return set()
    winners: set[str] = set(summary.methods)
    for kind in ("mean", "mean_found"):
        values = {
            name: round(float(summary.cell(name, column.key)[kind]), column.spec.decimals)
            for name in ranked_methods(summary)
            if math.isfinite(summary.cell(name, column.key)[kind])
        }
        if len(values) < 2:
            return set()
        best = max(values.values()) if column.spec.higher_is_better else min(values.values())
        winners &= {name for name, value in values.items() if value == best}
    return winners


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV; text that a spreadsheet would run is quoted (:mod:`eval.cells`), numbers are left alone."""
    plain = table.copy()
    for column in plain.columns:
        plain[column] = [plain_cell(value) if isinstance(value, str) else value for value in table[column]]
    return str(plain.to_csv(index=False, lineterminator="\n"))


def numbers(summary: Summary) -> pd.DataFrame:
    """Unrounded numbers, one row per method and column."""
    rows = []
    for name, card in summary.methods.items():
        for column in summary.columns:
            cell = summary.cell(name, column.key)
            rows.append(
                {
                    "method": name,
                    "reference_row": bool(card["reference"]),
                    "metric": column.spec.key,
                    "judge": column.judge,
                    "judge_used_in_training": column.trained,
                    "unit": column.spec.unit,
                    "higher_is_better": column.spec.higher_is_better,
                    **{k: cell[k] for k in ("mean", "low", "high")},
                    **{k: int(cell[k]) for k in ("n", "worst", "no_reference")},
                    "mean_without_failures": cell["mean_found"],
                    "ranked": name in ranked_methods(summary),
                }
            )
    return pd.DataFrame(rows)


def as_object(summary: Summary) -> dict[str, Any]:
    """The table as one JSON object: what ``--json`` prints."""
    return {
        "methods": {
            name: {
                c.key: {
                    **{k: _finite(summary.cell(name, c.key)[k]) for k in ("mean", "low", "high", "mean_found")},
                    **{k: int(summary.cell(name, c.key)[k]) for k in ("n", "worst", "no_reference")},
                }
                for c in summary.columns
            }
            for name in summary.methods
        },
        "chance": {k: _finite(v) for k, v in summary.chance.items()},
        "ranked": ranked_methods(summary),
        "cost": summary.meta.get("cost", {}),
        "pairs_sha256": summary.meta["pairs_sha256"],
        "gallery": {k: summary.meta["gallery"][k] for k in ("images", "identities")},
        "judges": summary.meta["judges"]["judges"],
        "notes": summary.meta["notes"],
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def footer(summary: Summary) -> list[str]:
    """Where the numbers come from; a row without these sentences cannot be compared with anything."""
    meta, gallery = summary.meta, summary.meta["gallery"]
    lines = [
        "Rows marked * are references, not methods. Ranked are methods whose swapped faces are, on the mean, nearer to their "
        "source than to their target by the first recogniser; others are marked °. The best of the ranked is bold where the "
        "means with and without failures agree.",
        "A failure counts at the metric's worst value; the mean without failures stands behind. n: pairs in whose source and "
        "target the judges find a face, in every column that does not say otherwise. Brackets: 95 % intervals for other source "
        "and target people (two-way bootstrap; for rates Clopper and Pearson's on the effective number of pairs).",
        f"Data: {meta['dataset']} ({meta['dataset_note']}), {meta['used_pairs']} pairs, seed {meta['seed']}, pair list SHA-256 "
        f"{meta['pairs_sha256'][:16]}.",
    ]
    if shard := meta["options"].get("shard"):
        lines.append(f"Only shard {shard} of these pairs; python -m eval merge puts shards together.")
    if meta["people"] != "photos":
        lines.append(
            f"Gallery: {gallery['images']} source images of {gallery['identities']} identities; chance top-1 "
            f"{summary.chance['top1']:.1f} %, top-5 {summary.chance['top5']:.1f} %."
        )
    detector = meta["judges"]["detector"]
    files = ", ".join(f"{k} {v[:12]}" for k, v in detector["files"].items())
    lines.append(f"Landmarks for all judges: {detector['name']} ({files or detector['title']}).")
    for judge in meta["judges"]["judges"]:
        files = ", ".join(f"{k} {v[:12]}" for k, v in judge["files"].items())
        licence = f"; licence {judge['licence']}" if judge["licence"] else ""
        lines.append(
            f"[{judge['name']}] {judge['title']}, version {judge['version']}, {_part_in_training(judge, summary)}{licence}"
            + (f"; {files}." if files else ".")
        )
    for name, card in summary.methods.items():
        if card["details"]:
            weights = card["details"].get("weights_sha256") or {}
            hashes = ", ".join(f"{k} {v[:12]}" for k, v in weights.items()) or "no weights"
            detail = ", ".join(
                str(card["details"][k]) for k in ("crop", "detector", "device") if card["details"].get(k)
            )
            lines.append(f"{name}: {card['title']}" + (f"; {detail}; {hashes}." if detail else "."))
        options = card["details"].get("options")
        if isinstance(options, dict) and (chosen := unusual_choices(options)):
            lines.append(f"{name} swaps with {', '.join(f'{key} = {value}' for key, value in chosen.items())}.")
        if rule := card["details"].get("results_named_by"):
            lines.append(f"{name}: its results are matched to pairs by {rule}.")
        if card["details"].get("holds_source"):
            lines.append(
                f"{name} swaps in the person inside its file, whatever a pair's source is: its identity columns compare that "
                "person with each pair's source."
            )
    if any(summary.meta.get("cost", {}).values()):
        lines.append(
            "Cost, per target frame and face: a multiply-add counts as one; times at batch 1, on the machine of cost.json."
        )
    versions = ", ".join(f"{k} {v}" for k, v in meta["versions"].items())
    return [*lines, *summary.meta["notes"], f"Made with {versions}."]


def _part_in_training(judge: dict[str, Any], summary: Summary) -> str:
    """Whether a judge had a part in making the methods: in training, in choosing weights on this data set or others, or none."""
    dataset = summary.meta["dataset"]
    if judge["used_in_training"]:
        return "used in training"
    if takers := flattered(judge, summary.methods):
        return f"gives {', '.join(takers)} their identity"
    chosen = judge.get("selected_on", {})
    if dataset in chosen:
        return f"not used in training, but for selection on this data set: {chosen[dataset]}"
    if chosen:
        return f"not used in training, but for selection on other data sets: {', '.join(chosen)}"
    return "not used in training or selection"


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as templates print it."""

    heads: list[str]
    rows: list[list[Cell]]


def table_views(summary: Summary) -> dict[str, Any]:
    """What the templates of HTML pages print: both tables, differences, provenance, and rows quoted from papers."""
    full = _grid(summary, _columns(summary, headline=False), intervals=False)
    # Turned, since twenty columns fit no page.
    turned = zip(*full.rows, strict=True)
    lines = [[Cell(head), *line] for head, line in zip(full.heads, turned, strict=True)]
    return {
        "headline": _grid(summary, _columns(summary, headline=True), intervals=True),
        "full": Grid(["column", *(cell.text for cell in lines[0][1:])], lines[1:]),
        "differences": _differences(summary),
        "footer": footer(summary),
        "quoted": _quoted(),
    }


def _columns(summary: Summary, *, headline: bool) -> list[Column]:
    return [column for column in summary.columns if column.spec.headline or not headline]


def _grid(summary: Summary, columns: Sequence[Column], *, intervals: bool) -> Grid:
    best = {column.key: best_methods(summary, column) for column in columns}
    costs = cost_columns(summary)
    rows = []
    for number, (name, card) in enumerate(summary.methods.items()):
        mark = " *" if card["reference"] else " °" if name in summary.unmoved else ""
        cells = [
            table_cell(summary, name, column, intervals=intervals, best=name in best[column.key]) for column in columns
        ]
        rows.append(
            [Cell(f"{name}{mark}"), Cell(str(pairs_of(summary, name))), *cells]
            + [Cell(values[number]) for values in costs.values()]
        )
    return Grid(["method", "n", *(column.head for column in columns), *costs], rows)


def _differences(summary: Summary) -> Grid:
    heads = {c.key: c.head for c in summary.columns}
    rows = [
        (
            heads.get(r.metric, r.metric),
            f"{r.first} - {r.second}",
            f"{r.difference:+.3g}",
            str(r.pairs),
            f"{r.p_holm:.3g}",
        )
        for r in summary.significance.itertuples()
    ]
    return Grid(
        ["metric", "methods", "difference", "pairs", "p (adjusted)"], [[Cell(text) for text in row] for row in rows]
    )


def _quoted() -> dict[str, Any]:
    quoted = read_json(QUOTED_FILE)
    papers = []
    for paper in quoted["tables"]:
        rows = [[Cell(name), *(Cell(f"{value:g}") for value in values)] for name, values in paper["rows"].items()]
        papers.append({"source": paper["source"], "heads": ["method", *paper["columns"]], "rows": rows})
    return {"note": quoted["note"], "papers": papers}


def markdown(summary: Summary) -> str:
    """Headline table, full table, quoted rows and footer."""
    return render(
        "table.md.j2",
        headline=_grid(summary, _columns(summary, headline=True), intervals=True),
        full=_grid(summary, _columns(summary, headline=False), intervals=False),
        footer=footer(summary),
        quoted=_quoted(),
    )


def markdown_columns(summary: Summary, columns: Sequence[Column]) -> str:
    """One table of the columns given, with intervals, as a page of documents shows it."""
    return render("grid.md.j2", grid=_grid(summary, columns, intervals=True))


def html_tables(summary: Summary) -> str:
    """Fragment: headline table, all columns, significance, provenance, quoted rows."""
    return render("table.html.j2", **table_views(summary))
