"""Every number of a run as one row: for pandas, R or a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mobilefaceswap_core.errors import BackendError, OptionError, OutputError
from mobilefaceswap_core.files.atomic import written_whole

from .cells import plain_cell
from .pairs import iterate_pairs
from .records import disk_refused, read_records
from .run_files import read_judges

COLUMNS = (
    "method", "pair", "source", "target", "source_identity", "target_identity", "clip", "frame", "target_yaw", "status",
    "left_out", "metric", "judge", "value", "failed",
)  # fmt: skip


def long_rows(run: Path) -> Iterator[dict[str, Any]]:
    """One row for each method, pair and column, in the order of the records.

    ``value`` is the record's own, without the table's scale; empty where the method failed (``failed`` is 1) or nobody can be
    measured.

    Raises:
        OptionError: the run is not judged.
    """
    read_judges(run)
    pairs = {pair.index: pair for pair in iterate_pairs(run / "pairs.csv")}
    for record in read_records(
        run / "records.jsonl", required={"method": str, "pair": int, "status": str, "values": dict}
    ):
        pair = pairs.get(record["pair"])
        if pair is None:
            raise OptionError(f"records.jsonl speaks of pair {record['pair']}, which pairs.csv does not have.")
        base = {
            "method": record["method"], "pair": pair.index, "source": pair.source, "target": pair.target,
            "source_identity": pair.source_identity, "target_identity": pair.target_identity, "clip": pair.clip,
            "frame": None if pair.frame < 0 else pair.frame, "target_yaw": record.get("target_yaw"),
            "status": record["status"], "left_out": record.get("left_out") or "",
        }  # fmt: skip
        values = {key: (value, 0) for key, value in record["values"].items()}
        values |= dict.fromkeys(record.get("worst", ()), (None, 1))
        values |= dict.fromkeys(record.get("no_reference", ()), (None, 0))
        for key, (value, failed) in values.items():
            metric, _, judge = key.partition("@")
            yield {**base, "metric": metric, "judge": judge, "value": value, "failed": failed}


def write_long(run: Path, path: Path) -> int:
    """Write :func:`long_rows` as CSV or Parquet, whole or not at all.

    Args:
        run: a judged run.
        path: ending in ``.csv`` or ``.parquet``; the second needs the package pyarrow.

    Returns:
        Rows written.

    Raises:
        OptionError: another ending.
        BackendError: pyarrow is not installed.
        OutputError: the disk refuses.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise OptionError(f"--file {path.name}: wanted a name that ends in .csv or .parquet.")
    try:
        with written_whole(path) as partial:
            return _write_csv(run, partial) if ending == ".csv" else _write_parquet(run, partial)
    except (OSError, OutputError) as error:
        raise disk_refused(path, error) from error


def _write_csv(run: Path, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in long_rows(run):
            writer.writerow({key: plain_cell(value) if isinstance(value, str) else value for key, value in row.items()})
            count += 1
    return count


def _write_parquet(run: Path, path: Path) -> int:
    import pandas as pd

    table = pd.DataFrame(long_rows(run), columns=list(COLUMNS))
    try:
        table.to_parquet(path, index=False)
    except ImportError as error:
        raise BackendError("A .parquet file needs pyarrow: pip install pyarrow. Or name a .csv file.") from error
    return len(table)
