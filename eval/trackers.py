"""A run's table in Weights & Biases or trackio, whose functions have the same names."""

from __future__ import annotations

import importlib
import math
from pathlib import Path

from mobilefaceswap_core.errors import BackendError, OptionError

from .summary import Summary
from .tables import measured_table, numbers

TRACKERS = ("wandb", "trackio")


def send_to_tracker(run: Path, summary: Summary, tracker: str, project: str) -> int:
    """Send the means of every method and column, and the printed table.

    Args:
        run: a judged run; its folder's name becomes the name there.
        summary: of it.
        tracker: one of :data:`TRACKERS`; the package must be installed, and says itself where it sends to.
        project: the project there.

    Returns:
        Numbers sent.

    Raises:
        OptionError: another tracker.
        BackendError: the package is not installed.
    """
    if tracker not in TRACKERS:
        raise OptionError(f"Unknown tracker {tracker!r}; choose one of {', '.join(TRACKERS)}.")
    try:
        package = importlib.import_module(tracker)
    except ImportError as error:
        raise BackendError(f"The export to {tracker} needs the package: pip install {tracker} ({error}).") from error
    rows = numbers(summary)
    values = {
        "/".join(part for part in (row.method, row.metric, row.judge) if part): row.mean
        for row in rows.itertuples()
        if math.isfinite(row.mean)
    }
    package.init(
        project=project, name=run.resolve().name,
        config={"pairs_sha256": summary.meta["pairs_sha256"], "dataset": summary.meta["dataset"], **summary.meta["options"]},
    )  # fmt: skip
    try:
        package.log(values)
        package.log({"table": package.Table(dataframe=measured_table(summary))})
    finally:
        package.finish()
    return len(values)
