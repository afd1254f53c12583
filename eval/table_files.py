"""The table's files in a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .paper_table import paper_table
from .records import write_text
from .summary import Summary
from .tables import csv_text, html_tables, markdown, numbers


def write_tables(run: Path, summary: Summary, *, columns: Sequence[str] = (), transpose: bool = False) -> None:
    """Write ``table.md``, ``table.csv``, ``table.tex``, ``table.html`` and ``significance.csv``.

    Args:
        run: the run's folder.
        summary: of it.
        columns: of ``table.tex``, see :func:`eval.paper_table.paper_table`; so is ``transpose``.
        transpose: turn ``table.tex``.
    """
    paper = paper_table(summary, columns=columns, transpose=transpose)
    write_text(run / "table.csv", csv_text(numbers(summary)))
    write_text(run / "table.md", markdown(summary))
    write_text(run / "table.tex", paper)
    write_text(run / "table.html", html_tables(summary))
    write_text(run / "significance.csv", csv_text(summary.significance))
