"""The expected best of k trials: against all subsets, its ends, its band, and trials that diverged."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from regbench.studies.expected_best import expect_best, summarise_best


def test_it_is_the_mean_of_the_maximum_over_all_subsets() -> None:
    values = np.array([0.3, -1.2, 0.3, 2.0, 0.7])
    expected = [np.mean([max(part) for part in combinations(values.tolist(), k)]) for k in range(1, 6)]
    assert expect_best(values) == pytest.approx(expected, abs=1e-14)


def test_it_rises_from_the_mean_to_the_maximum_even_of_many_trials() -> None:
    values = np.random.default_rng(0).standard_normal(1100)  # C(1100, 550) is beyond float64
    best = expect_best(values[:300])
    assert best[0] == pytest.approx(values[:300].mean())
    assert best[-1] == pytest.approx(values[:300].max())
    assert (np.diff(best) > 0).all()


def test_the_band_is_that_of_t_over_replicates() -> None:
    values = np.random.default_rng(1).standard_normal((6, 4))
    found = summarise_best(values, 2.5, higher_is_better=True)
    assert found is not None
    rows = np.array([expect_best(row) for row in values])
    low, high = stats.t.interval(0.95, 5, rows.mean(axis=0), stats.sem(rows, axis=0))
    assert found.k == (1, 2, 3, 4)
    assert found.seconds.tolist() == [2.5, 5.0, 7.5, 10.0]
    assert found.mean == pytest.approx(rows.mean(axis=0))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_of_a_loss_the_best_is_the_least() -> None:
    values = np.random.default_rng(2).random((3, 4))
    loss, gain = summarise_best(values, 1.0, False), summarise_best(-values, 1.0, True)
    assert loss is not None
    assert gain is not None
    assert loss.mean == pytest.approx(-gain.mean)
    assert (loss.low, loss.high) == (pytest.approx(-gain.high), pytest.approx(-gain.low))
    assert loss.mean[-1] == pytest.approx(values.min(axis=1).mean())


def test_a_diverged_trial_counts_as_the_worst_of_its_replicate() -> None:
    found = summarise_best(np.array([[0.5, np.nan, 0.9], [0.7, 0.8, -np.inf]]), 1.0, True)
    filled = summarise_best(np.array([[0.5, 0.5, 0.9], [0.7, 0.8, 0.7]]), 1.0, True)
    assert found is not None
    assert filled is not None
    assert found.mean.tolist() == filled.mean.tolist()
    loss = summarise_best(np.array([[0.5, np.inf, 0.9]]), 1.0, False)
    assert loss is not None
    assert loss.mean.tolist() == pytest.approx([(0.5 + 0.9 + 0.9) / 3, (0.5 + 0.5 + 0.9) / 3, 0.5])


def test_without_a_finite_figure_there_is_nothing_and_of_one_replicate_no_band() -> None:
    assert summarise_best(np.full((2, 3), np.nan), 1.0, True) is None
    one = summarise_best(np.array([[0.5, 0.6], [np.nan, np.nan]]), 1.0, True)
    assert one is not None
    assert one.mean.tolist() == [0.55, 0.6]
    assert np.isnan(one.low).all()
    assert np.isnan(one.high).all()
