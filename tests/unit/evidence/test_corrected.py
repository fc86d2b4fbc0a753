"""The corrected interval against its closed formula and other people's code, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.intervals import Difference, describe_rows, measure_difference
from regbench.evidence.verdict import RowScores, Rules, judge
from regbench.evidence.words import Limits, Needs, Word, choose_word, find_needs


def draw(seed: int, *shape: int) -> np.ndarray:
    """Return standard normal numbers."""
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("replicates", "overlap"), [(10, 0.25), (20, 1 / 9), (5, 2.4)])
def test_it_is_the_formula_of_nadeau_and_bengio(replicates: int, overlap: float) -> None:
    values = 0.02 + 0.03 * draw(replicates, replicates)
    own = replace(measure_difference(values), overlap=overlap)
    half = stats.t.ppf(0.975, replicates - 1) * math.sqrt((1 / replicates + overlap) * values.var(ddof=1))
    assert own.interval().low == pytest.approx(values.mean() - half, rel=1e-10)
    assert own.interval().high == pytest.approx(values.mean() + half, rel=1e-10)


@pytest.mark.parametrize("folds", [5, 10])
def test_its_chances_are_those_of_baycomps_correlated_t_test(folds: int) -> None:
    """baycomp has the correlation 1/folds of repeated folds; n_test/n_train is then 1/(folds - 1)."""
    baycomp = pytest.importorskip("baycomp", exc_type=ImportError)
    first, second = 0.80 + 0.03 * draw(1, 2 * folds), 0.82 + 0.03 * draw(2, 2 * folds)
    oracle = baycomp.CorrelatedTTest.probs(first, second, 0.01, runs=2)
    table = np.stack([first, second])
    arm = judge(table, ["none", "arm"], "none", Rules(overlap=1 / (folds - 1))).arms[0]
    chances = (arm.chances.worse, arm.chances.same, arm.chances.better)
    assert chances == pytest.approx(oracle, abs=1e-10)


def test_every_interval_and_word_follows_it() -> None:
    scores = 0.8 + np.array([[0.0], [0.02], [0.021]]) + 0.015 * draw(3, 3, 20)
    names = ["none", "a", "b"]
    plain, corrected = (judge(scores, names, "none", Rules(overlap=overlap)) for overlap in (0.0, 0.25))
    assert plain.critical == corrected.critical
    for one in plain.arms:
        other = corrected.arm(one.name)
        for narrow, wide in ((one.interval, other.interval), (one.together, other.together)):
            assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(math.sqrt(1 + 0.25 * 20))
        assert other.p_adjusted >= one.p_adjusted
    assert {arm.word for arm in plain.arms} == {Word.BETTER}
    assert {arm.word for arm in corrected.arms} == {Word.UNDECIDED}


def test_two_arms_are_told_apart_by_it_too() -> None:
    scores = 0.8 + 0.01 * draw(4, 3, 20) + np.array([[0.0], [0.06], [0.04]])
    names = ["none", "a", "b"]
    assert judge(scores, names, "none").not_told_apart == ()
    assert judge(scores, names, "none", Rules(overlap=1.0)).not_told_apart == ("b",)


def test_on_one_test_part_it_is_never_narrower_than_the_usual_one() -> None:
    """All replicates test the same rows, whose noise their differences do not show."""
    rows = draw(5, 40) + 0.01 * draw(6, 10, 40)
    usual = measure_difference(rows.mean(axis=1), rows, describe_rows(np.ones((10, 40), dtype=bool)))
    assert replace(usual, overlap=0.25).variance_of_mean == usual.variance_of_mean > 0.3 * usual.variance


def test_n_is_the_smallest_that_decides_by_it() -> None:
    limits = Limits(0.01, 0.025, 2.6, 2.9)
    of = Difference(0.05, variance=0.0009, replicates=10, overlap=0.25)
    needs = find_needs(of, limits, 5)
    assert needs.replicates is not None
    assert needs.replicates > (find_needs(replace(of, overlap=0.0), limits, 5).replicates or 0)


def test_where_no_number_of_replicates_decides_by_it_none_is_named_and_no_rows_either() -> None:
    limits = Limits(0.01, 0.025, 2.6, 2.9)
    of = Difference(0.02, variance=0.0016, replicates=10, q_row=0.05, lasting=1e-6, counted=0.0, overlap=0.25)
    assert choose_word(of, 0.5, limits) is Word.UNDECIDED
    assert find_needs(of, limits, 5) == Needs()
    assert find_needs(replace(of, overlap=0.0), limits, 5).replicates is not None


def test_rows_of_a_study_are_compared_by_it() -> None:
    tested = np.repeat(np.eye(5, dtype=bool), 8, axis=1)
    values = draw(7, 2, 5, 40) * tested
    scores = values.sum(axis=2) / 8
    arm = judge(scores, ["none", "arm"], "none", Rules(overlap=0.25), RowScores(values, tested)).arms[0]
    variance = (scores[1] - scores[0]).var(ddof=1)
    assert arm.difference.variance_of_mean == pytest.approx((1 / 5 + 0.25) * variance, rel=1e-12)
