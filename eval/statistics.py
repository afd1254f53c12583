"""Confidence intervals and significance when pairs of one person are not independent.

Pairs share people on both sides: the same source is swapped onto many targets, and many sources onto the same target. So
intervals know two groupings, source and target identities; the variance of pairs that share neither is counted once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes a second longer to import

from mobilefaceswap_core.errors import OptionError

DRAWS = 2000
Labels = NDArray[np.str_]


def two_way_bootstrap(
    values: NDArray[np.floating],
    sources: Labels,
    targets: Labels,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of a mean over pairs, for other source and other target people.

    Source identities and, apart from them, target identities are drawn with replacement; the two deviations of the mean are
    added, scaled to the two-way variance (what both hold of single pairs counts once), and read off at the quantiles that a t
    distribution of the smaller (effective) number of people asks for.

    Args:
        values: ``(N,)`` finite.
        sources: ``(N,)`` source identities.
        targets: ``(N,)`` target identities.
        level: coverage wanted.
        draws: bootstrap samples.
        seed: of the draws; the order of ``values`` does not matter.

    Returns:
        Lower and upper end, within the range of the values. A side with one identity is taken as given; the interval says
        nothing about other people there.

    Source:
        Cameron, Gelbach and Miller 2011 (two-way variance); Efron and Tibshirani 1993, chapter 8 (clusters drawn whole);
        Hesterberg 2015 (expanded percentiles for small samples).
    """
    grouped = _two_way(values, sources, targets)
    deviation = np.zeros(draws)
    random = np.random.default_rng(seed)
    for side in grouped.sides:
        if len(side.sums) > 1:
            picks = random.multinomial(len(side.sums), np.full(len(side.sums), 1.0 / len(side.sums)), size=draws)
            deviation += (picks @ side.sums) / (picks @ side.counts) - grouped.mean
    twice = sum(side.variance for side in grouped.sides)
    if twice > 0:
        deviation *= np.sqrt(grouped.variance / twice)
    people = grouped.people
    tail = (1.0 - level) / 2.0
    if people > 1:
        tail = float(special.ndtr(np.sqrt(people / (people - 1)) * special.stdtrit(people - 1, tail)))
    low, high = grouped.mean + np.quantile(deviation, [tail, 1.0 - tail])
    smallest, largest = float(np.min(values)), float(np.max(values))
    return float(np.clip(low, smallest, largest)), float(np.clip(high, smallest, largest))


def rate_interval(
    values: NDArray[np.floating], sources: Labels, targets: Labels, *, level: float = 0.95
) -> tuple[float, float]:
    """Interval of a rate of zeros and ones: Clopper and Pearson's on the effective number of pairs.

    That number is what independent pairs with the two-way variance would be, less where few people have the rarer outcome,
    since their variance is then hardly known; never less than one observation a person, which is what is left where all
    outcomes are alike.

    Args:
        values: ``(N,)`` of 0 and 1.
        sources: ``(N,)`` source identities.
        targets: ``(N,)`` target identities.
        level: coverage wanted.

    Returns:
        Lower and upper end in [0, 1]; never of no width.

    Source:
        Korn and Graubard 1998.
    """
    grouped = _two_way(values, sources, targets)
    tail = (1.0 - level) / 2.0
    number = grouped.people
    spread = grouped.mean * (1.0 - grouped.mean)
    if spread > 0.0 and grouped.variance > 0.0 and grouped.people > 1:
        rarer = np.asarray(values) == (grouped.mean < 0.5)
        known_by = min(len(np.unique(labels[rarer])) for labels in (sources, targets))
        degrees = min(known_by, grouped.people - 1)
        shrink = (special.ndtri(tail) / special.stdtrit(degrees, tail)) ** 2
        number = max(number, float(np.clip(spread / grouped.variance, 1.0, len(values)) * shrink))
    return clopper_pearson(grouped.mean, number, level)


def clopper_pearson(rate: float, number: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of a rate of independent outcomes.

    Args:
        rate: observed, in [0, 1].
        number: of outcomes; need not be whole.
        level: coverage wanted.

    >>> [round(end, 3) for end in clopper_pearson(1.0, 10)]
    [0.692, 1.0]
    """
    tail, hits = (1.0 - level) / 2.0, rate * number
    low = float(special.betaincinv(hits, number - hits + 1, tail)) if hits > 0 else 0.0
    high = float(special.betaincinv(hits + 1, number - hits, 1.0 - tail)) if hits < number else 1.0
    return low, high


def paired_significance(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    clusters: Labels,
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
    side = _by_cluster(np.asarray(first, np.float64) - second, clusters)
    sums = side.sums
    observed = abs(float(sums.sum()))
    # The observed pattern itself must reach its own sum: sums of either order differ by rounding, which grows with them.
    reach = observed - 8.0 * len(sums) * np.finfo(np.float64).eps * float(np.abs(sums).sum())
    if len(sums) <= 12:
        patterns = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(patterns @ sums) >= reach).mean())
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(draws, len(sums)))
    reached = np.abs(signs @ sums) >= reach
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


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Values summed by one grouping: sums and counts of its clusters, and the variance of the mean that they show."""

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    @property
    def number(self) -> float:
        """Clusters of equal size that would weigh as these do (Kish 1965): fewer where some have most of the pairs."""
        return float(self.counts.sum() ** 2 / (self.counts**2).sum())

    @property
    def variance(self) -> float:
        """Of the mean over all pairs, if these clusters were drawn; 0 for one cluster."""
        number = len(self.sums)
        if number < 2:
            return 0.0
        mean = float(self.sums.sum() / self.counts.sum())
        residuals = self.sums - mean * self.counts
        return float((residuals**2).sum() / self.counts.sum() ** 2) * number / (number - 1)


@dataclass(frozen=True, slots=True, eq=False)
class _TwoWay:
    """Pairs by source, by target, and by both.

    Attributes:
        mean: over all pairs.
        sides: by source and by target identity.
        variance: of the mean, with both groupings.
    """

    mean: float
    sides: tuple[_Side, _Side]
    variance: float

    @property
    def people(self) -> float:
        """How many there are on the side with fewer, at least 1; a side with one is taken as given."""
        return min((side.number for side in self.sides if len(side.sums) > 1), default=1.0)


def _two_way(values: NDArray[np.floating], sources: Labels, targets: Labels) -> _TwoWay:
    by_source, by_target = _by_cluster(values, sources), _by_cluster(values, targets)
    _, source_at = np.unique(sources, return_inverse=True)
    _, target_at = np.unique(targets, return_inverse=True)
    both = _by_cluster(values, source_at * (int(target_at.max()) + 1) + target_at)
    variances = [by_source.variance, by_target.variance]
    # The sum less what both share can fall below either by chance; a one-way variance is the least there is.
    variance = max(sum(variances) - both.variance, *variances) if min(variances) > 0 else max(variances)
    return _TwoWay(float(by_source.sums.sum() / by_source.counts.sum()), (by_source, by_target), variance)


def _by_cluster(values: NDArray[np.floating], clusters: NDArray[np.generic]) -> _Side:
    """Sum and count of each cluster, clusters in order of their label, values added in sorted order."""
    values, clusters = np.asarray(values, np.float64), np.asarray(clusters)
    if values.ndim != 1 or values.shape != clusters.shape or len(values) == 0 or not np.isfinite(values).all():
        raise OptionError(f"Wanted finite values (N,) with one label each; got {values.shape} and {clusters.shape}.")
    order = np.lexsort((values, clusters))  # the same sum to the last bit whatever order the records came in
    _, index = np.unique(clusters[order], return_inverse=True)
    return _Side(np.bincount(index, values[order]).astype(np.float64), np.bincount(index).astype(np.float64))
