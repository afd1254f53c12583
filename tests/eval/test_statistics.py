"""Intervals and tests against known answers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy import stats

from eval.statistics import holm, paired_significance, rate_interval, two_way_bootstrap
from mobilefaceswap_core.errors import OptionError


def labels(numbers) -> np.ndarray:
    return np.asarray(numbers).astype(str)


def own(count: int) -> np.ndarray:
    """As many people, one pair each."""
    return labels(np.arange(count))


def crossed(random: np.random.Generator, people: int, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Sources in turn, targets drawn, as a pair list has them."""
    sources = np.arange(pairs) % people
    return sources, random.integers(people, size=pairs)


TRIALS = 500


@pytest.mark.parametrize("people", [8, 15, 40])
@pytest.mark.parametrize("sides", ["sources", "both", "neither"])
def test_intervals_of_means_cover_the_truth(people, sides) -> None:
    random = np.random.default_rng(1000 + people)
    hits = 0
    for trial in range(TRIALS):
        s, t = crossed(random, people, 5 * people)
        values = random.normal(size=5 * people) + 3
        if sides != "neither":
            values += random.normal(size=people)[s]
        if sides == "both":
            values += random.normal(size=people)[t]
        low, high = two_way_bootstrap(values, labels(s), labels(t), draws=400, seed=trial)
        hits += low <= 3.0 <= high
    assert hits / TRIALS >= 0.93


@pytest.mark.parametrize("people", [8, 15, 40])
@pytest.mark.parametrize("rate", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("alike", [0.0, 0.3])
def test_intervals_of_rates_cover_the_truth(people, rate, alike) -> None:
    """Outcomes whose correlation within a person is ``alike``: people have rates of their own, beta distributed."""
    random = np.random.default_rng(int(100 * rate) + people)
    weight = (1 - alike) / alike if alike else 0.0
    hits = 0
    for _ in range(TRIALS):
        s, t = crossed(random, people, 5 * people)
        of_person = random.beta(rate * weight, (1 - rate) * weight, size=people) if alike else np.full(people, rate)
        values = (random.random(5 * people) < of_person[s]).astype(float)
        low, high = rate_interval(values, labels(s), labels(t))
        hits += low <= rate <= high
    assert hits / TRIALS >= 0.93


def test_all_hits_are_no_certainty() -> None:
    s, t = crossed(np.random.default_rng(0), 15, 72)
    low, high = rate_interval(np.ones(72), labels(s), labels(t))
    people = 72**2 / sum(np.unique(t, return_counts=True)[1] ** 2)  # some are in more pairs than others
    assert high == 1.0 and low == pytest.approx(stats.beta.ppf(0.025, people, 1))
    low, high = rate_interval(np.zeros(72), labels(s), labels(t))
    assert low == 0.0 and high == pytest.approx(stats.beta.ppf(0.975, 1, people))


def test_a_rate_of_independent_pairs_has_the_interval_of_clopper_and_pearson() -> None:
    values = np.r_[np.ones(300), np.zeros(100)]
    low, high = rate_interval(values, own(400), own(400))
    assert (low, high) == pytest.approx((stats.beta.ppf(0.025, 300, 101), stats.beta.ppf(0.975, 301, 100)), abs=0.002)


def test_pairs_of_one_person_widen_the_interval_on_either_side() -> None:
    random = np.random.default_rng(1)
    people = np.repeat(np.arange(10), 20)
    values = random.normal(size=10)[people]
    alone = np.diff(two_way_bootstrap(values, own(200), own(200)))[0]
    for sides in ((labels(people), own(200)), (own(200), labels(people))):
        assert np.diff(two_way_bootstrap(values, *sides))[0] > 3 * alone


def test_an_interval_of_independent_pairs_is_that_of_the_mean() -> None:
    values = np.random.default_rng(2).normal(size=400)
    low, high = two_way_bootstrap(values, own(400), own(400))
    half = stats.t.ppf(0.975, 399) * values.std(ddof=1) / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)


def test_intervals_stay_within_what_was_seen_and_one_person_gives_no_width() -> None:
    values = np.array([0.0, 0.0, 0.0, 1.0])
    low, high = two_way_bootstrap(values, own(4), own(4))
    assert low >= 0 and high <= 1
    assert two_way_bootstrap(values, labels([0] * 4), labels([0] * 4)) == (0.25, 0.25)


def test_order_of_records_changes_no_bit() -> None:
    random = np.random.default_rng(2)
    values, s, t = random.normal(size=50), random.integers(0, 7, 50).astype(str), random.integers(0, 9, 50).astype(str)
    order = random.permutation(50)
    assert two_way_bootstrap(values, s, t) == two_way_bootstrap(values[order], s[order], t[order])
    hits = (values > 0).astype(float)
    assert rate_interval(hits, s, t) == rate_interval(hits[order], s[order], t[order])
    assert paired_significance(values, -values, s) == paired_significance(values[order], -values[order], s[order])


def brute_force(differences: np.ndarray) -> float:
    """The exact p-value, in fractions."""
    exact = [Fraction(float(d)) for d in differences]
    observed = abs(sum(exact))
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, exact, strict=True)))
        for signs in product((1, -1), repeat=len(exact))
    ]
    return sum(s >= observed for s in sums) / len(sums)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-3, 1.0, 1e4, 1e9, 1e15])
def test_exact_p_values_are_those_of_every_sign_pattern_at_every_scale(scale) -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 5, 9):
        differences = random.normal(size=count) * scale
        p = paired_significance(differences, np.zeros(count), own(count))
        assert p == brute_force(differences) >= 2 / 2**count
        assert paired_significance(np.full(count, scale / 3), np.zeros(count), own(count)) == 2 / 2**count


def test_exact_p_value_of_a_constant_difference() -> None:
    people = np.arange(6).astype(str)
    assert paired_significance(np.ones(6), np.zeros(6), people) == pytest.approx(2 / 2**6)
    assert paired_significance(np.ones(6), np.ones(6), people) == 1.0


def test_p_values_under_no_difference_are_uniform() -> None:
    random = np.random.default_rng(3)
    people = np.arange(20).astype(str)
    p = [paired_significance(*random.normal(size=(2, 20)), people, draws=199, seed=i) for i in range(200)]
    assert 0.4 < np.mean(p) < 0.6 and np.mean(np.array(p) <= 0.05) < 0.1


def test_holm_agrees_with_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_statistics_refuse_what_is_not_finite_or_does_not_pair() -> None:
    with pytest.raises(OptionError):
        two_way_bootstrap(np.array([np.nan]), np.array(["a"]), np.array(["a"]))
    with pytest.raises(OptionError):
        rate_interval(np.ones(2), np.array(["a"]), np.array(["a", "b"]))
    with pytest.raises(OptionError):
        paired_significance(np.ones(3), np.ones(2), np.array(["a", "b", "c"]))
