"""Two or more runs over the same pairs: what changed from the first to each other, with intervals, and in which pairs most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mobilefaceswap_core.errors import OptionError

from .columns import Column
from .statistics import holm, paired_significance, two_way_bootstrap
from .summary import Summary

COLUMNS = ("method", "run", "metric", "before", "after", "difference", "low", "high", "pairs", "p", "p_holm", "most")
_MOST = 5  # pairs named that changed most


def compare_runs(runs: Sequence[tuple[Path, Summary]], *, metrics: Sequence[str] = (), seed: int = 0) -> pd.DataFrame:
    """Differences of every method that two runs share, each run against the first.

    Args:
        runs: folders with their summaries; the first is what the others are compared with.
        metrics: keys of metrics (``pose_error``, or ``pose_error@pnp``); the headline columns if none is given.
        seed: of the bootstrap.

    Returns:
        One row for each method, run and column, with means before and after over the pairs that both have, in the unit of
        the table; the mean difference with its 95 % interval (source and target people drawn again); p-value of a sign-flip test,
        alone and adjusted by Holm over the rows; and the pairs that changed most, by number.

    Raises:
        OptionError: fewer than two runs, other pairs or other judges, no method in common, or an unknown metric.
    """
    if len(runs) < 2:
        raise OptionError(f"Got {len(runs)} run; wanted two or more to compare.")
    (first_path, first), *others = runs
    rows: list[dict[str, Any]] = []
    for path, other in others:
        _check_comparable(first_path, first, path, other)
        shared = [name for name in first.methods if name in other.methods]
        if not shared:
            raise OptionError(
                f"{first_path.name} and {path.name} have no method of one label ({', '.join(first.methods)}; "
                f"{', '.join(other.methods)}). Give them the same label: LABEL=SPEC."
            )
        columns = _columns(first, other, metrics)
        for name in shared:
            rows += [row for column in columns if (row := _row(first, other, name, column, path.name, seed))]
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]) if rows else [], strict=True):
        row["p_holm"] = adjusted
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _check_comparable(first_path: Path, first: Summary, path: Path, other: Summary) -> None:
    for key, said in (("pairs_sha256", "other pairs"), ("people", "identities from elsewhere")):
        if first.meta[key] != other.meta[key]:
            raise OptionError(
                f"{path.name} was made over {said} than {first_path.name} ({other.meta[key][:16]} against "
                f"{first.meta[key][:16]}); runs are compared pair by pair. Use the same --dataset, --seed and --pairs, or pairs.csv "
                "of one with --dataset pairs."
            )
    cards = [
        {judge["name"]: judge["files"] for judge in summary.meta["judges"]["judges"]} for summary in (first, other)
    ]
    changed = [name for name in cards[0].keys() & cards[1].keys() if cards[0][name] != cards[1][name]]
    if changed:
        raise OptionError(
            f"The judge {sorted(changed)[0]} has other files in {path.name}; judge both with the same ones."
        )


def _columns(first: Summary, other: Summary, metrics: Sequence[str]) -> list[Column]:
    """Columns that both runs have and whose pairs can be subtracted."""
    there = {column.key for column in other.columns}
    shared = [c for c in first.columns if c.key in there and c.key in first.pairs]
    if not metrics:
        return [column for column in shared if column.spec.headline]
    chosen = [column for column in shared if column.key in metrics or column.spec.key in metrics]
    known = {column.key for column in chosen} | {column.spec.key for column in chosen}
    if unknown := [name for name in metrics if name not in known]:
        raise OptionError(
            f"Both runs have no column {unknown[0]!r}; they share {', '.join(dict.fromkeys(c.spec.key for c in shared))}."
        )
    return chosen


def _row(
    first: Summary, other: Summary, name: str, column: Column, run: str, seed: int
) -> dict[str, Any] | None:  # fmt: skip
    before = first.pairs.loc[name][[column.key, "source_identity", "target_identity"]]
    both = before.join(other.pairs.loc[name][[column.key]], rsuffix=" after").dropna()
    if len(both) < 2:
        return None
    scale = column.spec.scale
    old, new = both[column.key].to_numpy() * scale, both[f"{column.key} after"].to_numpy() * scale
    sources, targets = both["source_identity"].to_numpy(str), both["target_identity"].to_numpy(str)
    change = new - old
    low, high = two_way_bootstrap(change, sources, targets, seed=seed)
    order = np.argsort(-np.abs(change), kind="stable")[:_MOST]
    most = " ".join(f"{both.index[i]}:{change[i]:+.3g}" for i in order if change[i] != 0)
    return {
        "method": name, "run": run, "metric": column.key, "before": float(old.mean()), "after": float(new.mean()),
        "difference": float(change.mean()), "low": low, "high": high, "pairs": len(both),
        "p": paired_significance(new, old, sources, seed=seed), "most": most,
    }  # fmt: skip
