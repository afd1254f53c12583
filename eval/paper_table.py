"""``table.tex``: a table that compiles in a two-column paper, with the columns that are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mobilefaceswap_core.errors import OptionError

from .clips import OVER_CLIPS
from .columns import Column
from .metrics.failures import FAILED
from .rendering import render
from .summary import Summary
from .tables import best_methods, footer, pairs_of, ranked_methods

# What fits one column of a two-column paper (about 8.5 cm) in small type.
DEFAULT_COLUMNS = ("id_top1", "cosine_source", "pose_error", "expression_error", "failed")
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class PaperCell:
    """One value: its text, whether it is the best of its column, and whether the best is not significantly better."""

    text: str
    best: bool = False
    level: bool = False


def paper_table(
    summary: Summary, *, columns: Sequence[str] = (), transpose: bool = False, label: str = "tab:face-swapping"
) -> str:  # fmt: skip
    """LaTeX with booktabs: a table environment with caption and label.

    Args:
        summary: of the run.
        columns: keys of metrics in their order, with the judge where there are several (``pose_error@pnp``); the first judge of
            each is taken otherwise. A default that fits one column of a paper if none is given.
        transpose: one row for each column, one column for each method.
        label: to refer to.

    Raises:
        OptionError: a column that the run does not have.
    """
    chosen = choose_columns(summary, columns)
    names = list(summary.methods)
    heads = [
        (f"{column.spec.label}{column.arrow}", " ".join(p for p in (column.spec.unit, column.marked_judge) if p))
        for column in chosen
    ]
    cells = [[_cell(summary, name, column) for column in chosen] for name in names]
    marks = [
        f"{name}{' *' if summary.methods[name]['reference'] else ' °' if name in summary.unmoved else ''}"
        for name in names
    ]
    if transpose:
        rows = [
            [PaperCell(f"{name} {unit}".strip()), *line]
            for (name, unit), line in zip(heads, map(list, zip(*cells, strict=True)), strict=True)
        ]
        head, under = ["", *marks], None
        breaks: set[int] = set()
    else:
        rows = [[PaperCell(mark), *line] for mark, line in zip(marks, cells, strict=True)]
        head, under = ["", *(name for name, _ in heads)], ["method", *(unit for _, unit in heads)]
        kinds = [summary.methods[name]["reference"] for name in names]
        breaks = {k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]}
    return render(
        "table.tex.j2", head=head, under=under, rows=rows, breaks=breaks, caption=_caption(summary, chosen), label=label,
        footer=footer(summary),
    )  # fmt: skip


def choose_columns(summary: Summary, names: Sequence[str]) -> list[Column]:
    """The columns of a summary by key, or by metric for its first judge.

    Raises:
        OptionError: unknown, with those that there are.
    """
    found = []
    for name in names or DEFAULT_COLUMNS:
        column = next((c for c in summary.columns if name in (c.key, c.spec.key)), None)
        if column is not None:
            found.append(column)
        elif names:
            known = ", ".join(dict.fromkeys(c.spec.key for c in summary.columns))
            raise OptionError(f"No column {name!r} in this run; it has {known}.")
    return found


def _cell(summary: Summary, name: str, column: Column) -> PaperCell:
    cell = summary.cell(name, column.key)
    if not math.isfinite(cell["mean"]):
        return PaperCell("n/a")
    digits = column.spec.decimals
    text = f"{cell['mean']:.{digits}f}"
    imputed = cell["worst"] and column.key != FAILED.spec.key and column.key not in OVER_CLIPS
    if imputed and math.isfinite(cell["mean_found"]):
        text += f" ({cell['mean_found']:.{digits}f})"
    best = best_methods(summary, column)
    return PaperCell(text, name in best, name not in best and _is_level(summary, name, best, column))


def _is_level(summary: Summary, name: str, best: set[str], column: Column) -> bool:
    """Whether no test tells a ranked method from the best of a column."""
    if name not in ranked_methods(summary) or not best:
        return False
    tests = summary.significance[summary.significance["metric"] == column.key]
    mine = tests[
        ((tests["first"] == name) & tests["second"].isin(best))
        | ((tests["second"] == name) & tests["first"].isin(best))
    ]
    return len(mine) > 0 and bool((mine["p_holm"] >= _LEVEL).all())


def _caption(summary: Summary, columns: Sequence[Column]) -> str:
    meta, gallery = summary.meta, summary.meta["gallery"]
    first = next(iter(summary.methods))
    parts = [f"Face swapping on {meta['dataset']} ({pairs_of(summary, first)} pairs, list {meta['pairs_sha256'][:8]})."]
    if any(column.spec.needs_people for column in columns):
        parts.append(
            f"Gallery of {gallery['images']} faces of {gallery['identities']} people (chance top-1 "
            f"{summary.chance['top1']:.1f} %)."
        )
    used = list(dict.fromkeys(column.judge for column in columns if column.judge))
    titles = {judge["name"]: judge["title"] for judge in meta["judges"]["judges"]}
    parts += ["Judges: " + ", ".join(f"{name} ({titles[name]})" for name in used) + "."] if used else []
    parts.append("Bold: best; underlined: not significantly worse (sign-flip test, Holm, 5 %).")
    if any(summary.cell(name, c.key)["worst"] for name in summary.methods for c in columns):
        parts.append("Failures count at the worst value; in parentheses without them.")
    if any(card["reference"] for card in summary.methods.values()):
        parts.append("* Reference, not ranked.")
    if summary.unmoved:
        parts.append("° Nearer to the target than to the source, not ranked.")
    return " ".join(parts)
