"""What a table prints of one method in one column: the mean with its interval, the mean without failures, and the counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .metrics import MetricSpec
from .metrics.psnr import decibels
from .statistics import rate_interval, two_way_bootstrap


@dataclass(frozen=True, slots=True)
class Estimate:
    """One cell, in the unit of the table.

    Attributes:
        mean: over pairs, failures at the metric's worst value; not a number where nothing is measured.
        low: lower end of its 95 % interval.
        high: upper end.
        mean_found: over the pairs without failures; equals ``mean`` where nothing failed.
        n: pairs in ``mean``.
        worst: how many of them failed.
        no_reference: pairs in which nobody can be measured.
    """

    mean: float = nan
    low: float = nan
    high: float = nan
    mean_found: float = nan
    n: int = 0
    worst: int = 0
    no_reference: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The attributes by name."""
        return asdict(self)


def estimate(part: pd.DataFrame, key: str, spec: MetricSpec, *, seed: int, imputed: bool = True) -> Estimate:
    """Reduce one column of one method's pairs.

    Args:
        part: rows of pairs with the column ``key``, ``source_identity``, ``target_identity`` and, where something failed,
            ``worst:KEY``.
        key: of the column.
        spec: of its metric.
        seed: of the bootstrap.
        imputed: whether failures stand at the worst value; a clip's number has its failures inside.
    """
    values = part[key].to_numpy(float)
    known = np.isfinite(values)
    flag = part.get(f"worst:{key}")
    failed = flag.to_numpy(bool) if flag is not None else np.zeros(len(part), bool)
    counts = {"n": int(known.sum()), "worst": int(failed.sum()), "no_reference": int((~known).sum())}
    if not known.any():
        return Estimate(**counts)
    sources, targets = (part[f"{side}_identity"].to_numpy(str)[known] for side in ("source", "target"))
    if spec.is_rate:
        low, high = rate_interval(values[known], sources, targets)
    else:
        low, high = two_way_bootstrap(values[known], sources, targets, seed=seed)
    found = known & ~failed if imputed else known
    return _shown(Estimate(_mean(values[known]), low, high, _mean(values[found]), **counts), spec)


def _mean(values: NDArray[np.float64]) -> float:
    """The same to the last bit whatever the order of the records."""
    return float(np.sort(values).sum() / len(values)) if len(values) else nan


def _shown(raw: Estimate, spec: MetricSpec) -> Estimate:
    counts = {"n": raw.n, "worst": raw.worst, "no_reference": raw.no_reference}
    if spec.shown == "decibels":  # a larger error is fewer decibels
        found = decibels(raw.mean_found) if np.isfinite(raw.mean_found) else nan
        return Estimate(decibels(raw.mean), decibels(raw.high), decibels(raw.low), found, **counts)
    scale = spec.scale
    return Estimate(raw.mean * scale, raw.low * scale, raw.high * scale, raw.mean_found * scale, **counts)
