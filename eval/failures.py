"""Which pairs a method failed on and why: the list in the report is made of the rows that the table's count is made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from .metrics.failures import FAILED
from .records import OUTCOME, read_records

NO_FACE = "an image was made, and the judges find no face in it where the target's is"
UNKNOWN = "no image was made"


def failed_pairs(run: Path, pairs: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Method, pair and reason of everything that the column ``failed`` counts.

    Args:
        run: the run's folder; its manifest holds the reasons.
        pairs: of the summary, rows of method and pair.
    """
    rows = pairs.index[pairs[FAILED.spec.key] == 1.0]
    wanted = set(rows)
    reasons: dict[tuple[str, int], str] = {}
    for record in read_records(run / "manifest.jsonl", required=OUTCOME):
        key = record["method"], record["pair"]
        if key in wanted and record["status"] != "ok":
            reasons[key] = str(record.get("reason"))
    status = pairs["status"]
    return [
        (method, pair, NO_FACE if status.loc[(method, pair)] == "no face" else reasons.get((method, pair), UNKNOWN))
        for method, pair in rows
    ]


def reasons_of_failures(run: Path, pairs: pd.DataFrame) -> list[tuple[tuple[str, str], int]]:
    """How often each method failed for each reason, by method and then the commonest first."""
    counts = Counter((method, reason) for method, _, reason in failed_pairs(run, pairs))
    return sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
