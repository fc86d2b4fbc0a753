"""Words and what they need: each rule at its edge, N against a plain search, and simulations of looks and of N."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.flips import flip
from regbench.evidence.intervals import Difference, measure_difference
from regbench.evidence.student import normal_quantile, rescale_critical, t_below, t_quantile
from regbench.evidence.words import (
    Limits,
    Needs,
    Word,
    choose_word,
    find_needs,
    is_identical,
    spend_alpha,
)

LIMITS = Limits(rope=0.01, alpha=0.025, critical=2.7, next_critical=3.1)


def difference(mean: float, error: float, replicates: int = 20) -> Difference:
    """A difference with a standard error."""
    return Difference(mean, replicates * error**2, replicates)


@pytest.mark.parametrize("freedom", [1, 4, 9, 39, 1e6])
@pytest.mark.parametrize("share", [1e-6, 0.025, 0.5, 0.95, 0.9999])
def test_t_is_scipys(freedom: float, share: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-10, abs=1e-12)
    assert t_below(-1.7, freedom) == pytest.approx(stats.t.cdf(-1.7, freedom), rel=1e-10)
    assert normal_quantile(share) == pytest.approx(stats.norm.ppf(share), rel=1e-9, abs=1e-12)


def test_critical_values_keep_their_tail() -> None:
    for other in (4, 200):
        assert stats.t.sf(rescale_critical(3.2, 19, other), other) == pytest.approx(stats.t.sf(3.2, 19), rel=1e-9)
    assert stats.norm.sf(rescale_critical(3.2, 19, math.inf)) == pytest.approx(stats.t.sf(3.2, 19), rel=1e-9)
    assert rescale_critical(math.inf, 9, 20) == math.inf


def test_looks_spend_less_than_alpha_together() -> None:
    spent = [spend_alpha(0.05, look) for look in range(1, 40)]
    assert spent[:3] == [0.025, 0.0125, 0.00625]
    assert sum(spent) < 0.05


@pytest.mark.parametrize(("alpha", "look"), [(0.0, 1), (1.0, 1), (0.05, 0)])
def test_alpha_and_look_have_ranges(alpha: float, look: int) -> None:
    with pytest.raises(ValueError, match="looks count from 1"):
        spend_alpha(alpha, look)


def test_an_interval_that_holds_0_gives_no_direction() -> None:
    assert choose_word(difference(0.03, 0.02), 0.001, LIMITS) is Word.UNDECIDED


@pytest.mark.parametrize(
    ("mean", "p", "word"),
    [
        (0.03, 0.025, Word.BETTER),
        (-0.03, 0.025, Word.WORSE),
        (0.03, 0.0251, Word.UNDECIDED),
        (0.0, 1.0, Word.NO_DIFFERENCE),
        (0.004, 0.001, Word.NO_DIFFERENCE),
        (0.009, 0.001, Word.BETTER),
    ],
)
def test_each_word_has_its_rule(mean: float, p: float, word: Word) -> None:
    assert choose_word(difference(mean, 0.003), p, LIMITS) is word


def test_the_rope_is_judged_by_the_ninety_percent_interval() -> None:
    edge = 0.01 - stats.t.ppf(0.95, 19) * 0.003
    assert choose_word(difference(edge - 1e-9, 0.003), 1.0, LIMITS) is Word.NO_DIFFERENCE
    assert choose_word(difference(edge + 1e-9, 0.003), 1.0, LIMITS) is Word.UNDECIDED
    assert choose_word(difference(-edge + 1e-9, 0.003), 1.0, LIMITS) is Word.NO_DIFFERENCE
    assert choose_word(difference(-edge - 1e-9, 0.003), 1.0, LIMITS) is Word.UNDECIDED


def test_fewer_than_ten_replicates_give_no_word() -> None:
    assert choose_word(difference(0.5, 0.001, 9), 0.001, LIMITS) is None
    assert choose_word(difference(0.5, 0.001, 10), 0.001, LIMITS) is Word.BETTER


def test_identical_results_are_no_difference_even_without_a_rope() -> None:
    same = measure_difference(np.zeros(10))
    assert is_identical(same)
    assert choose_word(same, 1.0, Limits(0.0, 0.025, 3.0, 3.1)) is Word.NO_DIFFERENCE
    assert not is_identical(measure_difference(np.full(10, 0.1)))
    assert not is_identical(Difference(0.0, 0.0, 10, q_row=1.0, lasting=0.1, counted=0.0))


def search(of: Difference, limits: Limits, folds: int) -> int:
    """Return N by trying every number of partitions, with scipy's t."""
    tail = stats.t.sf(limits.next_critical, of.replicates - 1)
    total = of.replicates
    while True:
        total += folds
        error = math.sqrt(of.variance / total + max(0.0, of.lasting - of.counted / total))
        apart = abs(of.mean) >= (stats.t.isf(tail, total - 1) + stats.norm.ppf(0.8)) * error
        inside = limits.rope - abs(of.mean) >= (stats.t.ppf(0.95, total - 1) + stats.norm.ppf(0.8)) * error
        if apart or inside:
            return total - of.replicates


@pytest.mark.parametrize(
    "of",
    [
        difference(0.013, 0.006),
        difference(-0.02, 0.011, 10),
        difference(0.0, 0.02),
        difference(0.004, 0.004, 40),
        difference(0.0099, 0.01),
        Difference(0.02, 0.002, 20, q_row=0.005, lasting=1e-5, counted=2e-4),
        Difference(0.001, 0.0005, 20, q_row=0.003, lasting=5e-6, counted=0.0),
    ],
)
@pytest.mark.parametrize("folds", [1, 5])
def test_n_is_the_smallest_number_that_decides(of: Difference, folds: int) -> None:
    expected = search(of, LIMITS, folds)
    assert find_needs(of, LIMITS, folds) == Needs(replicates=expected)
    assert expected % folds == 0


def test_what_only_rows_decide_is_said() -> None:
    of = Difference(0.02, 0.002, 20, q_row=0.05, lasting=0.05 / 300, counted=0.0)
    needs = find_needs(of, LIMITS)
    assert needs.replicates is None
    critical = stats.norm.isf(stats.t.sf(LIMITS.next_critical, 19))
    assert needs.rows == math.ceil(0.05 * (critical + stats.norm.ppf(0.8)) ** 2 / 0.02**2)
    assert needs.rows > 300
    enough = Difference(0.02, 0.002, 20, q_row=0.05, lasting=0.05 / (needs.rows + 1), counted=0.0)
    assert find_needs(enough, LIMITS).replicates is not None


@pytest.mark.parametrize("critical", [3.1, math.inf])
def test_what_nothing_decides_needs_nothing(critical: float) -> None:
    nothing = Limits(rope=0.0, alpha=0.025, critical=critical, next_critical=critical)
    assert find_needs(difference(0.0, 0.01), nothing) == Needs()


def test_looks_at_a_growing_study_rarely_call_a_null_different() -> None:
    rng, studies, spent, constant = np.random.default_rng(1), 1000, 0, 0
    for _ in range(studies):
        values = rng.normal(size=(1, 80))
        p = [2 * stats.t.sf(measure_difference(values[0, :count]).statistic, count - 1) for count in (10, 20, 40, 80)]
        spent += any(value <= spend_alpha(0.05, look) for look, value in enumerate(p, start=1))
        constant += min(p) <= 0.05
    error = math.sqrt(0.05 * 0.95 / studies)
    assert spent / studies <= 0.05 + 2 * error
    assert constant / studies > 0.09


def test_most_undecided_arms_are_decided_by_the_n_named() -> None:
    rng, undecided, decided = np.random.default_rng(2), 0, 0
    while undecided < 120:
        effect, sd = rng.choice([0.0, 0.02]), 0.03
        values = rng.normal(effect, sd, size=(1, 10))
        flips, of = flip(values), measure_difference(values[0])
        limits = Limits(0.01, 0.025, flips.critical(0.025), flips.critical(0.0125))
        p = float(flips.adjust(np.array([of.statistic]))[0])
        if choose_word(of, p, limits) is not Word.UNDECIDED:
            continue
        undecided += 1
        needs = find_needs(of, limits, folds=5).replicates
        assert needs is not None
        more = np.hstack([values, rng.normal(effect, sd, size=(1, min(needs, 500)))])
        flips, of = flip(more, flips=2000), measure_difference(more[0])
        limits = Limits(0.01, 0.0125, flips.critical(0.0125), flips.critical(0.00625))
        p = float(flips.adjust(np.array([of.statistic]))[0])
        decided += choose_word(of, p, limits) is not Word.UNDECIDED
    assert 0.65 <= decided / undecided <= 0.97
