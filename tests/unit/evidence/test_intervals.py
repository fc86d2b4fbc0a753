"""Intervals of paired differences: scipy's t test where no row is tested twice, closed forms and coverage elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regbench.evidence.intervals import Difference, Interval, describe_rows, estimate_row_variance, measure_difference

RNG = np.random.default_rng(7)


def partition(rows: int, folds: int, times: int, rng: np.random.Generator) -> np.ndarray:
    """Return the mask `[folds x times, rows]` of repeated k-fold cuts; left-over rows are never tested."""
    each = rows // folds
    mask = np.zeros((folds * times, rows), dtype=bool)
    for replicate in range(folds * times):
        if replicate % folds == 0:
            order = rng.permutation(rows)
        first = replicate % folds * each
        mask[replicate, order[first : first + each]] = True
    return mask


def unequal(rng: np.random.Generator) -> np.ndarray:
    """Return a mask whose replicates test different numbers of rows, overlapping at will."""
    mask = np.zeros((6, 24), dtype=bool)
    for replicate, count in enumerate((4, 6, 8, 12, 16, 20)):
        mask[replicate, rng.choice(24, count, replace=False)] = True
    return mask


LAYOUTS = {
    "locked": np.ones((5, 20), dtype=bool),
    "repeated folds": partition(25, 5, 3, np.random.default_rng(1)),
    "left-over rows": partition(27, 5, 2, np.random.default_rng(2)),
    "unequal": unequal(np.random.default_rng(3)),
}


@pytest.mark.parametrize("replicates", [2, 10, 33])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_without_rows_it_is_the_one_sample_t_test(replicates: int, level: float) -> None:
    values = RNG.normal(0.3, 1.0, replicates)
    difference, oracle = measure_difference(values), stats.ttest_1samp(values, 0.0)
    interval, expected = difference.interval(level), oracle.confidence_interval(level)
    assert difference.statistic == pytest.approx(abs(oracle.statistic), rel=1e-10)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-10)


def test_rows_tested_once_leave_the_t_test_as_it_is() -> None:
    mask = partition(50, 5, 1, RNG)
    rows = RNG.normal(size=mask.shape)
    values = np.array([row[tested].mean() for row, tested in zip(rows, mask, strict=True)])
    assert measure_difference(values, rows, describe_rows(mask)) == measure_difference(values)


def test_lasting_differences_of_rows_on_one_test_part_are_found_exactly() -> None:
    lasting = RNG.normal(size=12)
    rows = np.tile(lasting, (4, 1))
    difference = measure_difference(rows.mean(axis=1), rows, describe_rows(np.ones((4, 12), dtype=bool)))
    assert difference.q_row == pytest.approx(lasting.var(ddof=1), rel=1e-12)
    assert difference.variance_of_mean == pytest.approx(lasting.var(ddof=1) / 12, rel=1e-12)


def test_repeated_folds_give_the_formula_of_the_design_but_for_bessels_factor() -> None:
    mask = LAYOUTS["repeated folds"]
    rows = RNG.normal(size=25) + 0.3 * RNG.normal(size=mask.shape)
    values = (rows * mask).sum(axis=1) / 5
    difference = measure_difference(values, rows, describe_rows(mask))
    term = difference.q_row * (1 / 25 - 1 / (5 * 15)) * 15 / 14
    assert difference.q_row > 0.3
    assert difference.variance_of_mean == pytest.approx(values.var(ddof=1) / 15 + term, rel=1e-12)


def test_centring_is_allowed_for_in_each_pair_of_replicates() -> None:
    mask = LAYOUTS["unequal"]
    counts = mask.sum(axis=1)
    expected = 0.0
    for r in range(6):
        for s in range(6):
            both = int((mask[r] & mask[s]).sum())
            expected += (r != s) * both * (1 - 1 / counts[r] - 1 / counts[s] + both / (counts[r] * counts[s]))
    layout = describe_rows(mask)
    assert layout.pairs == pytest.approx(expected, rel=1e-12)
    weights = (mask / counts[:, None]).sum(axis=0) / 6
    assert layout.rows == pytest.approx(1 / np.square(weights).sum(), rel=1e-12)
    assert layout.rows_each == pytest.approx(stats.hmean(counts), rel=1e-12)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_the_variance_is_unbiased_and_the_interval_covers(name: str, noise: float) -> None:
    mask = LAYOUTS[name]
    layout, counts, rng = describe_rows(mask), mask.sum(axis=1), np.random.default_rng(11)
    means, variances, covered, q_rows = [], [], [], []
    for _ in range(3000):
        rows = rng.normal(size=mask.shape[1]) + noise * rng.normal(size=mask.shape)
        values = (rows * mask).sum(axis=1) / counts + 0.1 * noise * rng.normal(size=len(mask))
        difference = measure_difference(values, rows, layout)
        means.append(difference.mean)
        variances.append(difference.variance_of_mean)
        q_rows.append(difference.q_row)
        covered.append(difference.interval().holds(0.0))
    assert np.mean(q_rows) == pytest.approx(1.0, rel=0.05)
    assert np.mean(variances) == pytest.approx(np.var(means), rel=0.1)
    assert np.mean(covered) >= 0.93


def test_other_numbers_of_replicates_keep_what_rows_add() -> None:
    difference = Difference(0.1, variance=0.04, replicates=10, q_row=3.0, lasting=0.01, counted=0.02)
    assert difference.variance_at(10) == difference.variance_of_mean == pytest.approx(0.004 + 0.008)
    assert difference.variance_at(40) == pytest.approx(0.001 + 0.0095)
    assert difference.variance_at(math.inf) == 0.01
    assert difference.variance_at(1) == 0.04


@pytest.mark.parametrize(("value", "statistic"), [(0.0, 0.0), (0.02, math.inf)])
def test_differences_without_variance_are_points(value: float, statistic: float) -> None:
    difference = measure_difference(np.full(12, value))
    assert difference.statistic == statistic
    assert difference.mean == pytest.approx(value, rel=1e-12)
    assert difference.interval() == difference.interval_of(math.inf) == Interval(difference.mean, difference.mean)


def test_what_varies_by_rounding_alone_does_not_vary() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.7, 0.9])
    values = (scores + 0.1) - scores
    assert len(set(values)) > 1
    assert measure_difference(values).variance == 0


def test_untested_rows_and_the_order_of_rows_do_not_matter() -> None:
    mask = LAYOUTS["left-over rows"]
    rows = RNG.normal(size=27) + RNG.normal(size=mask.shape)
    expected = estimate_row_variance(rows, describe_rows(mask))
    assert expected > 0
    order = RNG.permutation(27)
    shuffled = np.where(mask, rows, np.nan)[:, order]
    assert estimate_row_variance(shuffled, describe_rows(mask[:, order])) == pytest.approx(expected, rel=1e-12)


def test_rows_that_disagree_between_replicates_add_nothing() -> None:
    rows = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert estimate_row_variance(rows, describe_rows(np.ones((2, 2), dtype=bool))) == 0


@pytest.mark.parametrize("rows", [1, 3, 7, 11])
def test_one_test_row_tells_nothing_of_rows(rows: int) -> None:
    mask = np.zeros((3, rows), dtype=bool)
    mask[:2, 0], mask[2] = True, True
    values = RNG.normal(size=(3, rows))
    assert measure_difference(np.arange(3.0), values, describe_rows(mask)).q_row == 0


@pytest.mark.parametrize("values", [[0.1], [0.1, math.nan], [0.1, math.inf]])
def test_what_cannot_be_judged_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="two replicates"):
        measure_difference(np.array(values))


@pytest.mark.parametrize("shape", [(4, 3), (3, 5), (3, 4)])
def test_rows_of_another_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="replicates x rows"):
        measure_difference(np.arange(4.0), np.zeros(shape), describe_rows(np.ones((3, 4), dtype=bool)))


def test_a_replicate_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="tests no row"):
        describe_rows(np.array([[True, False], [False, False]]))
