"""Several data sets: the worked example of Demsar 2006, scipy, brute force and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.several import (
    Posterior,
    adjust_holm,
    compare_pairs,
    compare_ranks,
    critical_difference,
    group_ranks,
    mean_ranks,
    rank_arms,
    signed_rank_chances,
    signed_rank_p,
)

C45 = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
"""AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets: table 6 of Demsar 2006, which ranks two equal figures of
its data set voting as 2 and 3; here they differ by one in the fourth decimal."""


def test_ranks_and_friedman_are_those_of_the_paper() -> None:
    assert mean_ranks(C45) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert rank_arms(C45)[[0, 5, 9]].tolist() == [[4, 3, 2, 1], [1, 2.5, 4, 2.5], [2.5, 2.5, 2.5, 2.5]]
    ranks = mean_ranks(C45)
    untied = 12 * 14 / (4 * 5) * (np.square(ranks).sum() - 4 * 25 / 4)
    assert untied == pytest.approx(9.28, abs=0.01)
    test = compare_ranks(C45)
    assert test.chi_square == pytest.approx(stats.friedmanchisquare(*C45.T).statistic, rel=1e-10)
    assert test.chi_square > untied


def test_without_ties_friedman_is_the_textbooks() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(12, 5)) + np.linspace(0, 1, 5)
    test, oracle = compare_ranks(scores), stats.friedmanchisquare(*scores.T)
    assert (test.chi_square, test.p) == pytest.approx((oracle.statistic, oracle.pvalue), rel=1e-10)
    textbook = 12 / (12 * 5 * 6) * np.square(rank_arms(scores).sum(axis=0)).sum() - 3 * 12 * 6
    f = 11 * textbook / (12 * 4 - textbook)
    assert test.f == pytest.approx(f, rel=1e-10)
    assert test.f_p == pytest.approx(stats.f.sf(f, 4, 44), rel=1e-10)


def test_ranks_that_always_agree_or_always_tie_have_a_p() -> None:
    agree = compare_ranks(np.tile([0.1, 0.2, 0.3], (6, 1)))
    assert (agree.chi_square, agree.f, agree.f_p) == (pytest.approx(12.0), math.inf, 0.0)
    tie = compare_ranks(np.full((6, 3), 0.5))
    assert (tie.chi_square, tie.p, tie.f, tie.f_p) == (0, 1, 0, 1)


@pytest.mark.parametrize("shape", [(10, 2), (1, 3)])
def test_too_little_for_friedman_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="three arms"):
        compare_ranks(np.zeros(shape))


Q_05 = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]
Q_10 = [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]


@pytest.mark.parametrize(("alpha", "quantiles"), [(0.05, Q_05), (0.10, Q_10)])
def test_critical_differences_are_those_of_table_5(alpha: float, quantiles: list[float]) -> None:
    for arms, quantile in enumerate(quantiles, start=2):
        expected = quantile * math.sqrt(arms * (arms + 1) / (6 * 14))
        assert critical_difference(arms, 14, alpha) == pytest.approx(expected, rel=5e-4)


def test_groups_are_those_of_the_papers_diagrams() -> None:
    ranks = mean_ranks(C45)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert group_ranks(ranks, critical_difference(4, 14)) == ((3, 1, 2, 0),)
    assert group_ranks(ranks, critical_difference(4, 14, 0.10)) == ((3, 1, 2), (2, 0))
    assert group_ranks(ranks, 0.01) == ()
    assert group_ranks(np.array([1.0, 3.0, 1.5, 3.5]), 1.0) == ((0, 2), (1, 3))


def test_the_signed_rank_test_splits_zeros_as_the_paper_does() -> None:
    differences = C45[:, 1] - C45[:, 0]
    statistic = 12.0
    z = (statistic - 14 * 15 / 4) / math.sqrt(14 * 15 * 29 / 24)
    assert signed_rank_p(np.round(differences, 3)) == pytest.approx(2 * stats.norm.cdf(z), rel=0.005)
    few = np.arange(1.0, 6.0)
    assert signed_rank_p(few) == pytest.approx(2 / 2**5, rel=1e-10)
    assert signed_rank_p(np.r_[few, np.zeros(4)]) == pytest.approx(2 / 2**5, rel=1e-10)
    assert signed_rank_p(np.r_[few, np.zeros(20)]) > 0.08


def test_the_signed_rank_test_is_exact_by_brute_force() -> None:
    differences = np.random.default_rng(1).normal(0.5, 1.0, 9)
    ranks = stats.rankdata(np.abs(differences))
    observed = abs((ranks * np.sign(differences)).sum())
    extreme = [abs((ranks * np.array(signs)).sum()) >= observed for signs in itertools.product((1, -1), repeat=9)]
    assert signed_rank_p(differences) == pytest.approx(np.mean(extreme), rel=1e-10)
    assert signed_rank_p(-differences) == pytest.approx(np.mean(extreme), rel=1e-10)
    assert signed_rank_p(np.zeros(6)) == 1.0


def test_holm_is_as_worked_by_hand() -> None:
    assert adjust_holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02], rel=1e-12)
    assert adjust_holm(np.array([0.6, 0.5])).tolist() == [1.0, 1.0]


def test_pairs_do_not_depend_on_the_pool_but_their_adjustment_does() -> None:
    scores = np.random.default_rng(2).normal(size=(10, 4)) + np.array([0.0, 0.5, 1.0, 2.0])
    four, three = compare_pairs(scores), compare_pairs(scores[:, :3])
    assert (four.p[:3, :3] == three.p).all()
    assert (four.p == four.p.T).all()
    assert (np.diag(four.adjusted) == 1).all()
    upper = np.triu_indices(4, 1)
    assert four.adjusted[upper] == pytest.approx(adjust_holm(four.p[upper]), rel=1e-12)
    assert four.adjusted[0, 3] > four.p[0, 3] > 0
    order = [2, 0, 3, 1]
    assert (compare_pairs(scores[:, order]).adjusted == four.adjusted[np.ix_(order, order)]).all()


def test_bayes_with_one_data_set_is_a_beta_distribution() -> None:
    """Better wins where w0² < 1/2; w0 is Beta(1/2, 1), whose distribution function is sqrt."""
    expected = math.sqrt(math.sqrt(0.5))
    chances = signed_rank_chances(np.array([1.0]), rope=0.1, draws=40_000)
    assert chances.better == pytest.approx(expected, abs=3 * math.sqrt(expected * (1 - expected) / 40_000))
    assert chances.worse == 0
    assert chances.better + chances.same == pytest.approx(1.0)


def test_bayes_is_that_of_plain_loops() -> None:
    differences, rope, draws = np.array([0.03, -0.02, 0.05, 0.008]), 0.01, 400
    values, counts = [0.0, *differences], {"better": 0, "same": 0, "worse": 0}
    weights = np.random.default_rng(6).dirichlet([0.5, 1, 1, 1, 1], draws)
    for drawn in weights:
        shares = dict.fromkeys(counts, 0.0)
        for (i, x), (j, y) in itertools.product(enumerate(values), repeat=2):
            word = "better" if x + y > 2 * rope else "worse" if x + y < -2 * rope else "same"
            shares[word] += drawn[i] * drawn[j]
        counts[max(shares, key=lambda word: shares[word])] += 1
    expected = Posterior(*(counts[word] / draws for word in ("better", "same", "worse")))
    assert signed_rank_chances(differences, rope, draws=draws, seed=6) == expected
    assert min(counts.values()) > 0


def test_bayes_mirrors_and_sees_the_rope() -> None:
    differences = np.random.default_rng(3).normal(0.01, 0.03, 12)
    forward, backward = (signed_rank_chances(sign * differences, 0.01, seed=4) for sign in (1, -1))
    assert (forward.better, forward.same, forward.worse) == (backward.worse, backward.same, backward.better)
    assert signed_rank_chances(differences, rope=1.0) == Posterior(0.0, 1.0, 0.0)
    assert signed_rank_chances(differences, rope=0.001).same < forward.same
