"""The statistics against other people's code: scipy always, the packages of the literature where they are installed."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.aggregates import interquartile_mean
from regbench.evidence.intervals import describe_rows
from regbench.evidence.several import (
    adjust_holm,
    compare_pairs,
    compare_ranks,
    critical_difference,
    signed_rank_chances,
    signed_rank_p,
)
from regbench.evidence.verdict import RowScores, Rules, judge


def optional(name: str) -> ModuleType:
    """Return a package that only these tests use, or skip the test."""
    module: ModuleType = pytest.importorskip(name, exc_type=ImportError)
    return module


def one_partition(rows: int, folds: int, seed: int) -> tuple[np.ndarray, RowScores]:
    """Scores `[2, R]` and rows of two arms on one partition: no row is tested twice."""
    rng = np.random.default_rng(seed)
    tested = np.zeros((folds, rows), dtype=bool)
    tested[rng.permutation(rows) % folds, np.arange(rows)] = True
    lasting = rng.normal(0.2, 1.0, rows)
    values = rng.normal(size=(2, folds, rows)) + np.stack([np.zeros(rows), lasting])[:, None]
    values = np.where(tested, values, np.nan)
    return np.nanmean(values, axis=2), RowScores(values, tested)


@pytest.mark.parametrize(("rows", "folds"), [(50, 10), (53, 12), (20, 20), (8, 4)])
def test_a_study_that_tests_no_row_twice_is_scipys_paired_t_test(rows: int, folds: int) -> None:
    scores, values = one_partition(rows, folds, rows)
    arm = judge(scores, ("none", "arm"), "none", Rules(), values).arms[0]
    oracle = stats.ttest_rel(scores[1], scores[0])
    expected = oracle.confidence_interval(0.95)
    assert (arm.interval.low, arm.interval.high) == pytest.approx((expected.low, expected.high), rel=1e-10)
    assert arm.difference.statistic == pytest.approx(abs(oracle.statistic), rel=1e-10)
    assert (arm.difference.lasting, arm.difference.counted) == (0, 0) or describe_rows(values.tested).pairs > 0


def test_one_arm_by_all_flips_is_scipys_permutation_test() -> None:
    """The flips of one arm order as its sums do, so the p-values are those of the test on the mean."""
    scores = np.random.default_rng(2).normal(0.4, 1.0, size=(2, 10))
    differences = scores[1] - scores[0]
    p = judge(scores, ("none", "arm"), "none").arms[0].p_adjusted
    oracle = stats.permutation_test(
        (differences,),
        lambda x, axis: np.abs(x.mean(axis=axis)),
        permutation_type="samples",
        n_resamples=math.inf,
        alternative="greater",
        vectorized=True,
    )
    assert p == pytest.approx(oracle.pvalue, rel=1e-10)


HOLM = [
    ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
    ([0.02, 0.02, 0.5], [0.06, 0.06, 0.5]),
    ([0.5, 0.9, 0.001, 0.4], [1.0, 1.0, 0.004, 1.0]),
    ([0.3], [0.3]),
]


@pytest.mark.parametrize(("p", "adjusted"), HOLM)
def test_holm_by_hand(p: list[float], adjusted: list[float]) -> None:
    assert adjust_holm(np.array(p)) == pytest.approx(adjusted, rel=1e-12)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_holm_is_that_of_statsmodels(count: int) -> None:
    multitest = optional("statsmodels.stats.multitest")
    p = np.random.default_rng(count).beta(0.3, 1.0, count)
    assert adjust_holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1], abs=1e-10)


@pytest.mark.parametrize("shape", [(5, 3), (14, 4), (30, 9)])
def test_friedman_is_scipys_with_ties(shape: tuple[int, int]) -> None:
    scores = np.random.default_rng(3).integers(0, 6, size=shape).astype(float)
    test, oracle = compare_ranks(scores), stats.friedmanchisquare(*scores.T)
    assert (test.chi_square, test.p) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-10)


@pytest.mark.parametrize("count", [6, 20, 49, 80])
def test_the_signed_rank_test_without_ties_is_scipys(count: int) -> None:
    differences = np.random.default_rng(count).normal(0.3, 1.0, count)
    assert signed_rank_p(differences) == pytest.approx(stats.wilcoxon(differences).pvalue, abs=1e-10)


def test_pairs_are_those_of_scikit_posthocs() -> None:
    posthocs = optional("scikit_posthocs")
    scores = np.random.default_rng(4).normal(size=(12, 5)) + np.linspace(0, 1, 5)
    assert compare_pairs(scores).adjusted == pytest.approx(
        posthocs.posthoc_wilcoxon(scores.T.tolist(), p_adjust="holm").to_numpy(), abs=1e-10
    )
    nemenyi = posthocs.posthoc_nemenyi_friedman(scores).to_numpy()
    ranks = stats.rankdata(-scores, axis=1).mean(axis=0)
    apart = np.abs(ranks[:, None] - ranks[None, :]) > critical_difference(5, 12)
    assert (apart == (nemenyi < 0.05)).all()


def test_bayes_is_that_of_baycomp() -> None:
    baycomp = optional("baycomp")
    rng, draws = np.random.default_rng(5), 50_000
    first, second = rng.normal(0.8, 0.02, 15), rng.normal(0.79, 0.02, 15)
    worse, same, better = baycomp.SignedRankTest.probs(first, second, 0.01, prior=0.5, nsamples=draws, random_state=1)
    mine = signed_rank_chances(second - first, 0.01, draws=draws)
    for chance, oracle in ((mine.better, better), (mine.same, same), (mine.worse, worse)):
        assert chance == pytest.approx(oracle, abs=3 * math.sqrt(2 * 0.25 / draws))


def test_the_interquartile_mean_is_that_of_rliable() -> None:
    metrics = optional("rliable.metrics")
    scores = np.random.default_rng(6).normal(size=(5, 12))
    assert interquartile_mean(scores) == pytest.approx(metrics.aggregate_iqm(scores.T), rel=1e-10)
