"""Intervals and tests against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from eval.statistics import cluster_bootstrap, holm, paired_significance
from mobilefaceswap_core.errors import OptionError


def test_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for trial in range(120):
        people = np.repeat(np.arange(30), 4)
        values = random.normal(size=30)[people] + random.normal(size=120) * 0.5
        low, high = cluster_bootstrap(values, people.astype(str), draws=400, seed=trial)
        hits += low <= 0.0 <= high
    assert 0.86 <= hits / 120 <= 0.99


def test_pairs_of_one_person_widen_the_interval():
    random = np.random.default_rng(1)
    people = np.repeat(np.arange(10), 20)
    values = random.normal(size=10)[people]
    by_person = np.diff(cluster_bootstrap(values, people.astype(str)))[0]
    as_if_independent = np.diff(cluster_bootstrap(values, np.arange(200).astype(str)))[0]
    assert by_person > 3 * as_if_independent


def test_order_of_records_changes_no_bit():
    random = np.random.default_rng(2)
    values, people = random.normal(size=50), random.integers(0, 7, 50).astype(str)
    order = random.permutation(50)
    assert cluster_bootstrap(values, people) == cluster_bootstrap(values[order], people[order])
    assert paired_significance(values, -values, people) == paired_significance(
        values[order], -values[order], people[order]
    )


def test_exact_p_value_of_a_constant_difference():
    people = np.arange(6).astype(str)
    assert paired_significance(np.ones(6), np.zeros(6), people) == pytest.approx(2 / 2**6)
    assert paired_significance(np.ones(6), np.ones(6), people) == 1.0


def test_p_values_under_no_difference_are_uniform():
    random = np.random.default_rng(3)
    people = np.arange(20).astype(str)
    p = [paired_significance(*random.normal(size=(2, 20)), people, draws=199, seed=i) for i in range(200)]
    assert 0.4 < np.mean(p) < 0.6 and np.mean(np.array(p) <= 0.05) < 0.1


def test_holm_agrees_with_the_textbook():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_statistics_refuse_what_is_not_finite_or_does_not_pair():
    with pytest.raises(OptionError):
        cluster_bootstrap(np.array([np.nan]), np.array(["a"]))
    with pytest.raises(OptionError):
        paired_significance(np.ones(3), np.ones(2), np.array(["a", "b", "c"]))
