"""A run as a data set: a folder that the Hub's dataset viewer shows as tables when it is uploaded as it is."""

from __future__ import annotations

from pathlib import Path

from .long_table import write_long
from .records import write_text
from .summary import Summary
from .tables import csv_text, markdown, numbers

# Name of a table in the viewer's list, and its file.
TABLES = {"methods": "methods.csv", "records": "records.csv"}


def write_hub_folder(run: Path, summary: Summary, folder: Path) -> int:
    """Write the means by method, every number as one row, and a card with the run's tables.

    Args:
        run: a judged run.
        summary: of it.
        folder: to write into. No picture goes there.

    Returns:
        Rows of ``records.csv``.

    Raises:
        OutputError: the disk refuses.
    """
    write_text(folder / TABLES["methods"], csv_text(numbers(summary)))
    count = write_long(run, folder / TABLES["records"])
    write_text(folder / "README.md", _card(summary))
    return count


def _card(summary: Summary) -> str:
    """Front matter that names the tables, then what the run's ``table.md`` says."""
    lines = ["---", "configs:"]
    for name, file in TABLES.items():
        lines += [f"- config_name: {name}", f"  data_files: {file}"]
    lines += ["tags:", "- face-swapping", "- evaluation", "---", ""]
    return "\n".join(lines) + markdown(summary)
