"""Bias and variance: sums equal the error, parts equal plain loops and known truths."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.evidence.decomposition import decompose_classes, decompose_squares, gather_tests


@given(st.integers(2, 7), st.integers(1, 30), st.integers(1, 6), st.integers(0, 10_000))
def test_parts_of_the_zero_one_loss_sum_to_it(runs: int, rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, truth = rng.integers(0, classes, (runs, rows)), rng.integers(0, classes, rows)
    parts = decompose_classes(predicted, truth)
    assert parts.error == pytest.approx((predicted != truth).mean(), abs=1e-12)
    assert parts.bias + parts.variance_unbiased - parts.variance_biased == pytest.approx(parts.error, abs=1e-12)
    assert parts.bias + parts.variance == pytest.approx(parts.error, abs=1e-12)


def test_parts_of_the_zero_one_loss_are_those_of_plain_loops() -> None:
    rng = np.random.default_rng(0)
    predicted, truth = rng.choice([2, 5, 7, 9], (6, 40)), rng.choice([2, 5, 7, 9], 40)
    bias, unbiased, biased = 0, 0.0, 0.0
    for votes, label in zip(predicted.T, truth, strict=True):
        counts = Counter(votes.tolist())
        main = min(value for value, count in counts.items() if count == max(counts.values()))
        if main == label:
            unbiased += 1 - counts[main] / 6
        else:
            bias += 1
            biased += counts[int(label)] / 6
    parts = decompose_classes(predicted, truth)
    assert (parts.bias, parts.variance_unbiased, parts.variance_biased) == pytest.approx(
        (bias / 40, unbiased / 40, biased / 40), abs=1e-12
    )
    assert min(bias, unbiased, biased) > 0


def test_a_worked_table() -> None:
    predicted = np.array([[0, 1, 2], [0, 1, 1], [0, 0, 2], [1, 0, 2], [0, 1, 0]])
    parts = decompose_classes(predicted, np.array([0, 0, 1]))
    assert parts.bias == pytest.approx(2 / 3)
    assert parts.variance_unbiased == pytest.approx(0.2 / 3)
    assert parts.variance_biased == pytest.approx((0.4 + 0.2) / 3)
    assert parts.error == pytest.approx(8 / 15)


@given(st.integers(2, 7), st.integers(1, 30), st.integers(1, 4), st.integers(0, 10_000))
def test_parts_of_the_squared_error_sum_to_it(runs: int, rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = rng.dirichlet(np.ones(classes), (runs, rows))
    truth = np.eye(classes)[rng.integers(0, classes, rows)]
    parts = decompose_squares(predicted, truth)
    assert parts.error == pytest.approx(np.square(predicted - truth).sum(axis=2).mean(), abs=1e-12)
    assert parts.bias_and_noise + parts.variance == pytest.approx(parts.error, abs=1e-12)
    one = decompose_squares(predicted[..., 0], truth[..., 0])
    assert one.bias_and_noise + one.variance == pytest.approx(one.error, abs=1e-12)


def test_two_classes_are_twice_one_probability() -> None:
    rng = np.random.default_rng(1)
    p, y = rng.random((5, 20)), rng.integers(0, 2, 20).astype(float)
    one, both = decompose_squares(p, y), decompose_squares(np.stack([1 - p, p], axis=2), np.stack([1 - y, y], axis=1))
    assert (both.error, both.bias_and_noise, both.variance) == pytest.approx(
        (2 * one.error, 2 * one.bias_and_noise, 2 * one.variance), rel=1e-12
    )


def test_four_runs_estimate_the_truth_within_two_percent() -> None:
    """Variance 0.5, bias² 0.25 and noise 0.09 in the targets."""
    rng = np.random.default_rng(2)
    truth = rng.normal(size=60_000)
    predicted = truth + 0.5 + np.sqrt(0.5) * rng.normal(size=(4, 60_000))
    parts = decompose_squares(predicted, truth + 0.3 * rng.normal(size=60_000))
    assert parts.variance == pytest.approx(0.5, rel=0.02)
    assert parts.bias_and_noise == pytest.approx(0.34, rel=0.02)


def test_runs_that_agree_have_no_variance() -> None:
    predicted = np.tile(np.array([0.2, 0.7]), (3, 1))
    parts = decompose_squares(predicted, np.array([0.0, 1.0]))
    assert (parts.variance, parts.bias_and_noise) == pytest.approx((0.0, 0.065), abs=1e-15)


def test_tests_of_a_row_are_gathered_in_the_order_of_replicates() -> None:
    rng = np.random.default_rng(3)
    tested = np.zeros((6, 10), dtype=bool)
    for replicate in range(6):
        if replicate % 3 == 0:
            order = rng.permutation(9)
        tested[replicate, order[replicate % 3 * 3 : replicate % 3 * 3 + 3]] = True
    values = rng.normal(size=(6, 10, 2))
    gathered = gather_tests(values, tested)
    assert gathered.shape == (2, 9, 2)
    for row in range(9):
        assert (gathered[:, row] == values[tested[:, row], row]).all()


def test_rows_tested_unequally_are_refused() -> None:
    with pytest.raises(ValueError, match="equally often"):
        gather_tests(np.zeros((2, 2)), np.array([[True, True], [True, False]]))


@pytest.mark.parametrize(("runs", "rows", "targets"), [(1, 4, 4), (3, 4, 5), (3, 0, 0)])
def test_what_has_no_variance_is_refused(runs: int, rows: int, targets: int) -> None:
    with pytest.raises(ValueError, match="two runs or more"):
        decompose_squares(np.zeros((runs, rows)), np.zeros(targets))
    with pytest.raises(ValueError, match="two runs or more"):
        decompose_classes(np.zeros((runs, rows), dtype=np.int64), np.zeros(targets, dtype=np.int64))
