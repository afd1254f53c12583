"""One table row for each group of pairs, and the gap between groups: whom a method treats worse.

Groups come from labels that a user gives, one a photo or pair (skin tone, gender, age, occlusion, ... as labelled), or from
how far the target is turned, which needs no labels.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mobilefaceswap_core.errors import OptionError
from mobilefaceswap_core.files.ordinary import check_ordinary

from .cells import original_cell
from .estimates import Estimate, estimate
from .pairs import iterate_pairs
from .summary import Summary

# Classes of absolute yaw: nearly frontal, slightly turned, three-quarter views, towards profile.
YAW_EDGES_DEG = (5, 15, 30, 45)
YAW = "yaw"
_KEYS = ("pair", "target", "source", "target_identity", "source_identity")  # what labels may be given by
GAP = "gap"


def yaw_class(yaw_deg: float) -> str:
    """The class of a target's yaw, such as ``5 to 15°``; empty where it is unknown.

    >>> yaw_class(-7.0), yaw_class(50.0), yaw_class(float("nan"))
    ('5 to 15°', 'over 45°', '')
    """
    return "" if not np.isfinite(yaw_deg) else yaw_range(int(np.digitize(abs(yaw_deg), YAW_EDGES_DEG)))


def yaw_range(number: int) -> str:
    """Name of the numbered class."""
    edges = (0, *YAW_EDGES_DEG)
    return f"{edges[number]} to {edges[number + 1]}°" if number + 1 < len(edges) else f"over {edges[number]}°"


def groups_by_yaw(summary: Summary) -> dict[int, str]:
    """Group of each pair by the first judge of pose.

    Raises:
        OptionError: no judge of pose has looked at the targets.
    """
    first = summary.pairs.loc[next(iter(summary.methods))]["target_yaw"]
    groups = {int(pair): name for pair, yaw in first.items() if (name := yaw_class(float(yaw)))}
    if not groups:
        raise OptionError("No target has a yaw; groups by yaw need a judge of pose, such as pnp.")
    return groups


def groups_by_label(run: Path, labels: Path | None, column: str) -> dict[int, str]:
    """Group of each pair by a column of somebody's CSV.

    Args:
        run: the run's folder, whose ``pairs.csv`` says which photos a pair has.
        labels: CSV with ``column`` and one of ``pair``, ``target``, ``source``, ``target_identity``, ``source_identity``.
        column: that holds the labels; empty cells belong to no group.

    Raises:
        OptionError: no such file or columns, or a label for something that is in no pair.
    """
    if labels is None:
        raise OptionError(f"--by {column}: give the labels with --labels FILE.csv, or --by {YAW}.")
    check_ordinary(labels, error=OptionError, wanted="a CSV file")
    try:
        with labels.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"--labels {labels.name}: cannot be read as CSV in UTF-8 ({error}).") from error
    names = list(rows[0]) if rows else []
    by = next((key for key in _KEYS if key in names), None)
    if by is None or column not in names:
        raise OptionError(
            f"--labels {labels.name} has the columns {', '.join(map(str, names)) or 'none'}; wanted {column!r} and one of "
            f"{', '.join(_KEYS)}."
        )
    given = {original_cell((row[by] or "").strip()): (row[column] or "").strip() for row in rows}
    groups, used = {}, set()
    for pair in iterate_pairs(run / "pairs.csv"):
        key = str(pair.index) if by == "pair" else getattr(pair, by)
        if given.get(key):
            groups[pair.index] = given[key]
            used.add(key)
    if unused := [key for key, label in given.items() if label and key not in used]:
        raise OptionError(f"--labels {labels.name}: {len(unused)} of {by} are in no pair, such as {unused[0][:100]!r}.")
    return groups


def group_table(summary: Summary, groups: dict[int, str], *, seed: int = 0) -> pd.DataFrame:
    """The headline columns of every method within each group, and the gap.

    Args:
        summary: of the run.
        groups: by pair.
        seed: of the bootstrap.

    Returns:
        Rows of ``method, group, metric, mean, low, high, n``; the group ``gap`` is the largest less the smallest mean of the
        groups with two pairs or more, and names both.

    Raises:
        OptionError: no pair of the run has a group.
    """
    number = summary.pairs.index.get_level_values("pair").map(groups.get)
    names = _ordered({name for name in number if isinstance(name, str)})
    if not names:
        raise OptionError("No pair of the run has a group; check the labels.")
    rows: list[dict[str, Any]] = []
    for method in summary.methods:
        part = summary.pairs.loc[method]
        of_pair = part.index.map(groups.get)
        for column in (c for c in summary.columns if c.spec.headline and c.key in part):
            found = {name: estimate(part[of_pair == name], column.key, column.spec, seed=seed) for name in names}
            rows += [
                {"method": method, "group": name, "metric": column.key, **_shown(cell)} for name, cell in found.items()
            ]
            means = {name: cell.mean for name, cell in found.items() if cell.n >= 2 and np.isfinite(cell.mean)}
            if len(means) > 1:
                high, low = max(means, key=lambda n: means[n]), min(means, key=lambda n: means[n])
                rows.append({
                    "method": method, "group": f"{GAP} ({high} - {low})", "metric": column.key,
                    "mean": means[high] - means[low], "low": np.nan, "high": np.nan,
                    "n": found[high].n + found[low].n,
                })  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "group", "metric", "mean", "low", "high", "n"])


def _ordered(names: set[str]) -> list[str]:
    """Classes of yaw by their angles, other labels by name."""
    classes = [yaw_range(k) for k in range(len(YAW_EDGES_DEG) + 1)]
    return [name for name in classes if name in names] if names <= set(classes) else sorted(names)


def _shown(cell: Estimate) -> dict[str, float]:
    return {"mean": cell.mean, "low": cell.low, "high": cell.high, "n": cell.n}
