"""Confidence intervals and significance when pairs of one person are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mobilefaceswap_core.errors import OptionError

DRAWS = 2000


def cluster_bootstrap(
    values: NDArray[np.floating],
    clusters: NDArray[np.str_],
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of the mean when whole clusters (source identities) are drawn with replacement.

    Args:
        values: ``(N,)`` finite.
        clusters: ``(N,)`` labels.
        level: coverage wanted.
        draws: bootstrap samples.
        seed: of the draws; the order of ``values`` does not matter.

    Returns:
        Lower and upper end. One cluster gives an interval of no width; its mean says nothing about other people.

    Source:
        Efron and Tibshirani 1993, chapter 8; clusters as in Davison and Hinkley 1997, section 3.8.
    """
    sums, counts = _by_cluster(values, clusters)
    random = np.random.default_rng(seed)
    picks = random.multinomial(len(sums), np.full(len(sums), 1.0 / len(sums)), size=draws)
    means = (picks @ sums) / (picks @ counts)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def paired_significance(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    clusters: NDArray[np.str_],
    *,
    draws: int = 9999,
    seed: int = 0,
) -> float:
    """Two-sided p-value that two methods have the same mean on the same pairs.

    The signs of all differences of one source identity are flipped together (sign-flip permutation test). With at most 12
    identities all sign patterns are tried and the p-value is exact.

    Args:
        first: ``(N,)`` values of one method.
        second: ``(N,)`` values of the other on the same pairs.
        clusters: ``(N,)`` source identities.

    Returns:
        p in (0, 1]; its smallest possible value is 2 to the power of 1 minus the number of identities.
    """
    if np.shape(first) != np.shape(second):
        raise OptionError(f"Paired values have {np.size(first)} and {np.size(second)} entries; pair them first.")
    sums, _ = _by_cluster(np.asarray(first, np.float64) - second, clusters)
    observed = abs(float(sums.sum()))
    if len(sums) <= 12:
        patterns = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        reached = np.abs(patterns @ sums) >= observed - 1e-12
        return float(reached.mean())
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(sums)))
    reached = np.abs(signs @ sums) >= observed - 1e-12
    return float((reached.sum() + 1) / (draws + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for several tests.

    Source:
        Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, running = np.empty(len(p_values)), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return [float(v) for v in adjusted]


def _by_cluster(
    values: NDArray[np.floating], clusters: NDArray[np.str_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and count of each cluster, clusters in order of their label, values added in sorted order."""
    values, clusters = np.asarray(values, np.float64), np.asarray(clusters)
    if values.ndim != 1 or values.shape != clusters.shape or len(values) == 0 or not np.isfinite(values).all():
        raise OptionError(f"Wanted finite values (N,) with one label each; got {values.shape} and {clusters.shape}.")
    order = np.lexsort((values, clusters))  # the same sum to the last bit whatever order the records came in
    _, index = np.unique(clusters[order], return_inverse=True)
    return np.bincount(index, values[order]).astype(np.float64), np.bincount(index).astype(np.float64)
