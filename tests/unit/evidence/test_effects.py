"""Effect sizes: published intervals, scipy, and the cases without variance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.effects import (
    Chances,
    count_wins,
    find_chances,
    relative_error_change,
    standardised_difference,
    wilson_interval,
)
from regbench.evidence.intervals import Difference, measure_difference


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_newcombes_table_1(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson_interval(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_wilson_intervals_are_scipys(level: float) -> None:
    for successes in range(14):
        expected = stats.binomtest(successes, 13).proportion_ci(level, method="wilson")
        interval = wilson_interval(successes, 13, level)
        assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-10)


def test_ties_are_half_a_win() -> None:
    wins = count_wins(np.array([0.1, 0.0, -0.2, 0.3, 0.0, 0.0]))
    assert (wins.count, wins.ties, wins.share) == (3.5, 3, 3.5 / 6)
    assert wins.interval == wilson_interval(3.5, 6)
    assert wins.interval.low < wins.share < wins.interval.high


def test_relative_change_is_the_share_of_the_error_removed() -> None:
    assert relative_error_change(0.02, 0.9) == pytest.approx(0.2)
    assert relative_error_change(0.1, -0.4, perfect=0.0) == pytest.approx(0.25)
    assert relative_error_change(-0.02, 1.0) is None


def test_differences_are_standardised_over_replicates() -> None:
    values = np.array([0.1, 0.3, 0.2, 0.4])
    assert standardised_difference(measure_difference(values)) == pytest.approx(0.25 / values.std(ddof=1))
    assert standardised_difference(measure_difference(np.zeros(4))) == 0
    assert standardised_difference(measure_difference(np.ones(4))) is None


@pytest.mark.parametrize("mean", [-0.02, 0.0, 0.004, 0.03])
def test_chances_are_those_of_the_t_distribution(mean: float) -> None:
    of = Difference(mean, variance=0.004, replicates=20, q_row=1.0, lasting=3e-5, counted=1e-4)
    posterior = stats.t(19, mean, math.sqrt(0.0002 + 2.5e-5))
    chances = find_chances(of, 0.01)
    assert chances.better == pytest.approx(posterior.sf(0.01), rel=1e-10)
    assert chances.worse == pytest.approx(posterior.cdf(-0.01), rel=1e-10)
    assert chances.same == pytest.approx(posterior.cdf(0.01) - posterior.cdf(-0.01), rel=1e-10)
    mirrored = find_chances(Difference(-mean, 0.004, 20, 1.0, 3e-5, 1e-4), 0.01)
    assert (mirrored.better, mirrored.worse) == (chances.worse, chances.better)


@pytest.mark.parametrize(
    ("value", "chances"),
    [(0.02, Chances(1, 0, 0)), (0.0, Chances(0, 1, 0)), (-0.02, Chances(0, 0, 1)), (0.005, Chances(0, 1, 0))],
)
def test_without_variance_chances_are_certain(value: float, chances: Chances) -> None:
    assert find_chances(measure_difference(np.full(10, value)), 0.01) == chances
