"""All judged runs of a folder in one table: runs over the same pairs together, others apart, nothing ranked across them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mobilefaceswap_core.errors import OptionError, SwapError

from .paper_table import choose_columns
from .run import summary_of
from .tables import pairs_of, table_cell


def leaderboard(folder: Path, *, columns: Sequence[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """One row for each run and method.

    Args:
        folder: that holds runs, at any depth.
        columns: keys of metrics, see :func:`eval.paper_table.choose_columns`.

    Returns:
        The rows, sorted by data set and pair list, then by the first column, the best first; and a sentence for each run that
        cannot be read. Rows of two pair lists (the first eight digits of their SHA-256) cannot be compared.

    Raises:
        OptionError: no judged run below the folder.
    """
    rows: list[tuple[tuple[Any, ...], dict[str, str]]] = []
    problems = []
    for path in sorted(folder.rglob("run.json")):
        run = path.parent
        if not (run / "records.jsonl").is_file():
            continue
        name = run.relative_to(folder).as_posix()
        try:
            summary = summary_of(run)
            chosen = choose_columns(summary, columns)
        except SwapError as error:
            problems.append(f"{name}: {error}")
            continue
        for method, card in summary.methods.items():
            mark = " *" if card["reference"] else " °" if method in summary.unmoved else ""
            row = {
                "data": summary.meta["dataset"], "pairs": summary.meta["pairs_sha256"][:8], "run": name,
                "method": f"{method}{mark}", "n": str(pairs_of(summary, method)),
            }  # fmt: skip
            row |= {column.head: str(table_cell(summary, method, column, intervals=True)) for column in chosen}
            order = 0.0
            if chosen:
                mean = float(summary.cell(method, chosen[0].key)["mean"])
                order = -mean if chosen[0].spec.higher_is_better else mean
            rows.append(((row["data"], row["pairs"], bool(mark), order, name), row))
    if not rows:
        more = f" ({problems[0]})" if problems else ""
        raise OptionError(f"No judged run below {folder}{more}; wanted folders that python -m eval run wrote.")
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda item: item[0])]).fillna("n/a"), problems
