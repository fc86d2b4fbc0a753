"""Figures over several data sets: by hand, scipy, and intervals that know their strata."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.aggregates import (
    interquartile_mean,
    normalise_scores,
    performance_profile,
    probability_of_improvement,
    summarise,
)
from regbench.evidence.intervals import Interval


def test_normalised_scores_lie_between_chance_and_the_best() -> None:
    assert normalise_scores(np.array([0.5, 0.7, 0.9, 1.0]), 0.5, 0.9) == pytest.approx([0, 0.5, 1, 1.25])
    with pytest.raises(ValueError, match="no better than chance"):
        normalise_scores(np.array([0.5]), 0.5, 0.5)


@pytest.mark.parametrize("shape", [(1, 4), (3, 5), (7, 10), (1, 1)])
def test_the_interquartile_mean_is_scipys_trimmed_mean(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(0).normal(size=shape)
    assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None), rel=1e-12)


def test_a_wild_replicate_does_not_move_the_interquartile_mean() -> None:
    scores = np.arange(8.0).reshape(2, 4)
    assert interquartile_mean(scores) == 3.5
    scores[1, 3] = 1e9
    assert interquartile_mean(scores) == 3.5


def test_data_sets_are_strata() -> None:
    scores = np.repeat(np.arange(6.0)[:, None], 10, axis=1)
    assert summarise(scores).interval == Interval(2.5, 2.5)


def test_the_bootstrap_is_that_of_its_seed_and_covers() -> None:
    rng, covered = np.random.default_rng(1), 0
    for study in range(200):
        aggregate = summarise(rng.normal(size=(4, 20)), draws=300, seed=study)
        assert aggregate.interval.low < aggregate.value < aggregate.interval.high
        covered += aggregate.interval.holds(0.0)
    assert 0.88 <= covered / 200 < 1
    scores = rng.normal(size=(4, 20))
    assert summarise(scores, seed=1) == summarise(scores, seed=1) != summarise(scores, seed=2)
    assert summarise(scores, level=0.5).interval.low > summarise(scores).interval.low


def test_profiles_count_what_reaches_a_threshold() -> None:
    scores = np.array([[0.2], [0.5], [0.5], [0.9]])
    assert performance_profile(scores, np.array([0.0, 0.2, 0.3, 0.5, 0.6, 1.0])).tolist() == [1, 1, 0.75, 0.75, 0.25, 0]


def test_improvement_is_mann_and_whitneys_u() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 6, size=(5, 8)) / 5 + 0.2, rng.integers(0, 6, size=(5, 11)) / 5
    expected = np.mean([stats.mannwhitneyu(x, y).statistic / 88 for x, y in zip(first, second, strict=True)])
    assert probability_of_improvement(first, second) == pytest.approx(expected, rel=1e-12)
    assert probability_of_improvement(second, first) == pytest.approx(1 - expected, rel=1e-12)
    assert probability_of_improvement(first, first) == 0.5
