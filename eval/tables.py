"""Tables in Markdown, CSV, LaTeX (booktabs) and HTML; measured rows first, quoted rows of papers visibly apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .cells import plain_cell
from .method_options import unusual_choices
from .records import write_text
from .rendering import render
from .run_files import read_json
from .summary import Column, Summary

QUOTED_FILE = Path(__file__).with_name("quoted.json")
_ABSENT = "n/a"


def measured_table(summary: Summary, *, headline: bool = True, intervals: bool = True) -> pd.DataFrame:
    """Formatted text, one row per method; the best of the compared methods is known from :func:`best_methods`."""
    columns = [c for c in summary.columns if c.spec.headline] if headline else list(summary.columns)
    rows = []
    for name, card in summary.methods.items():
        row = {"method": f"{name} *" if card["reference"] else name}
        row.update({c.head: format_cell(summary, name, c, intervals=intervals) for c in columns})
        rows.append(row)
    return join_cost(summary, pd.DataFrame(rows))


def join_cost(summary: Summary, table: pd.DataFrame) -> pd.DataFrame:
    """Add what ``cost.json`` of the run says about each method: one object per method, any keys.

    The file is a JSON object ``{method: {column: number or text}}``; see :mod:`eval.cost.columns`.
    """
    cost = summary.meta.get("cost") or {}
    heads = list(dict.fromkeys(key for values in cost.values() for key in values))
    for head in heads:
        cells = [str(cost.get(name, {}).get(head, _ABSENT)) for name in summary.methods]
        table[plain_cell(head)] = [plain_cell(cell) for cell in cells]
    return table


def format_cell(summary: Summary, method: str, column: Column, *, intervals: bool) -> str:
    """``74.1 [66.0, 81.9]``, or ``n/a``."""
    cell = summary.cell(method, column.key)
    if not math.isfinite(cell["mean"]):
        return _ABSENT
    text = f"{cell['mean']:.{column.spec.decimals}f}"
    if intervals and math.isfinite(cell["low"]):
        text += f" [{cell['low']:.{column.spec.decimals}f}, {cell['high']:.{column.spec.decimals}f}]"
    return text


def best_methods(summary: Summary, column: Column) -> set[str]:
    """Compared methods (not reference rows) whose printed value is the best of the column."""
    if column.spec.higher_is_better is None:
        return set()
    values = {
        name: round(float(summary.cell(name, column.key)["mean"]), column.spec.decimals)
        for name, card in summary.methods.items()
        if not card["reference"] and math.isfinite(summary.cell(name, column.key)["mean"])
    }
    if len(values) < 2:
        return set()
    best = max(values.values()) if column.spec.higher_is_better else min(values.values())
    return {name for name, value in values.items() if value == best}


def write_tables(run: Path, summary: Summary) -> None:
    """Write ``table.md``, ``table.csv``, ``table.tex``, ``table.html`` and ``significance.csv``."""
    write_text(run / "table.csv", csv_text(numbers(summary)))
    write_text(run / "table.md", markdown(summary))
    write_text(run / "table.tex", latex(summary))
    write_text(run / "table.html", html_tables(summary))
    write_text(run / "significance.csv", csv_text(summary.significance))


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
                }
            )
    return pd.DataFrame(rows)


def as_object(summary: Summary) -> dict[str, Any]:
    """The table as one JSON object: what ``--json`` prints."""
    return {
        "methods": {
            name: {
                c.key: {
                    **{k: _finite(summary.cell(name, c.key)[k]) for k in ("mean", "low", "high")},
                    **{k: int(summary.cell(name, c.key)[k]) for k in ("n", "worst", "no_reference")},
                }
                for c in summary.columns
            }
            for name in summary.methods
        },
        "chance": summary.chance,
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
        "Rows marked * are references, not methods; the best method of a column is bold. Brackets: 95 % bootstrap interval, "
        "source identities drawn with replacement. A failure counts at the metric's worst value.",
        f"Data: {meta['dataset']} ({meta['dataset_note']}), {meta['used_pairs']} pairs, seed {meta['seed']}, pair list SHA-256 "
        f"{meta['pairs_sha256'][:16]}.",
        f"Gallery: {gallery['images']} source images of {gallery['identities']} identities; chance top-1 "
        f"{summary.chance['top1']:.1f} %, top-5 {summary.chance['top5']:.1f} %.",
    ]
    detector = meta["judges"]["detector"]
    files = ", ".join(f"{k} {v[:12]}" for k, v in detector["files"].items())
    lines.append(f"Landmarks for all judges: {detector['name']} ({files or detector['title']}).")
    for judge in meta["judges"]["judges"]:
        files = ", ".join(f"{k} {v[:12]}" for k, v in judge["files"].items())
        trained = "used in training" if judge["used_in_training"] else "not used in training"
        lines.append(
            f"[{judge['name']}] {judge['title']}, version {judge['version']}, {trained}"
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


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value.

    Attributes:
        text: the value.
        interval: ``[low, high]``, or empty.
        best: whether it is the best of its column.
    """

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as templates print it."""

    heads: list[str]
    rows: list[list[Cell]]


def table_views(summary: Summary) -> dict[str, Any]:
    """What the templates of HTML pages print: both tables, differences, provenance, and rows quoted from papers."""
    full = _grid(summary, headline=False, intervals=False)
    # Turned, since twenty columns fit no page.
    turned = zip(*full.rows, strict=True)
    lines = [[Cell(head), *line] for head, line in zip(full.heads, turned, strict=True)]
    return {
        "headline": _grid(summary, headline=True, intervals=True),
        "full": Grid(["column", *(cell.text for cell in lines[0][1:])], lines[1:]),
        "differences": _differences(summary),
        "footer": footer(summary),
        "quoted": _quoted(),
    }


def _grid(summary: Summary, *, headline: bool, intervals: bool) -> Grid:
    table = measured_table(summary, headline=headline, intervals=intervals)
    best = {column.head: best_methods(summary, column) for column in summary.columns}
    rows = []
    for name, row in zip(summary.methods, table.itertuples(index=False), strict=True):
        cells = []
        for head, value in zip(table.columns, row, strict=True):
            text, mark, interval = str(value).partition(" [")
            cells.append(Cell(text, mark.strip() + interval, name in best.get(head, ())))
        rows.append(cells)
    return Grid([str(head) for head in table.columns], rows)


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
        headline=_grid(summary, headline=True, intervals=True),
        full=_grid(summary, headline=False, intervals=False),
        footer=footer(summary),
        quoted=_quoted(),
    )


def latex(summary: Summary) -> str:
    """A booktabs table: measured rows only, best in bold, provenance as comments below."""
    return render(
        "table.tex.j2",
        table=_grid(summary, headline=True, intervals=False),
        references=[card["reference"] for card in summary.methods.values()],
        footer=footer(summary),
    )


def html_tables(summary: Summary) -> str:
    """Fragment: headline table, all columns, significance, provenance, quoted rows."""
    return render("table.html.j2", **table_views(summary))
