"""Bias, variance and calibration of the outputs for tested rows."""

from __future__ import annotations

import numpy as np
import pytest

from regbench.evidence.arrays import Integers
from regbench.evidence.calibration import Trust
from regbench.studies.describing_rows import calibrate, decompose


def deal(partitions: int, folds: int, rows: int, seed: int = 0) -> Integers:
    """Rows tested by each replicate: partitions x folds, each partition testing every row once."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(rows).reshape(folds, -1) for _ in range(partitions)])


def one_hot(classes: Integers, count: int) -> np.ndarray:
    return 10.0 * np.eye(count, dtype=np.float32)[classes]


def test_the_parts_of_the_share_of_wrong_classes_add_up_to_it() -> None:
    rng = np.random.default_rng(1)
    rows, truth = deal(5, 4, 40), rng.integers(0, 3, size=40)
    predicted = rng.integers(0, 3, size=rows.shape)
    parts = decompose(one_hot(predicted, 3), rows, truth, "classification")
    assert parts is not None
    assert parts.error == pytest.approx((predicted != truth[rows]).mean(), abs=1e-12)
    assert parts.bias + parts.variance == pytest.approx(parts.error, abs=1e-12)


def test_runs_that_agree_have_no_variance_and_rows_right_in_the_mode_no_bias() -> None:
    rows, truth = deal(4, 5, 20), np.arange(20) % 2
    same = decompose(one_hot(np.zeros_like(rows), 2), rows, truth, "classification")
    assert same is not None
    assert (same.bias, same.variance, same.error) == (0.5, 0.0, 0.5)
    once_wrong = truth[rows].copy()
    once_wrong[:5] = 1 - once_wrong[:5]  # the first of four partitions
    moving = decompose(one_hot(once_wrong, 2), rows, truth, "classification")
    assert moving is not None
    assert (moving.bias, moving.variance, moving.error) == (0.0, 0.25, 0.25)


def test_variance_of_numbers_is_unbiased_and_the_sum_is_the_error() -> None:
    rng, rows = np.random.default_rng(2), deal(4, 5, 4000)
    truth = rng.normal(size=(4000, 2))
    outputs = truth[rows] + 0.3 + 0.5 * rng.normal(size=(*rows.shape, 2))
    parts = decompose(outputs.astype(np.float32), rows, truth, "regression")
    assert parts is not None
    assert parts.bias + parts.variance == pytest.approx(parts.error, abs=1e-12)
    assert parts.variance == pytest.approx(0.25, rel=0.02)
    assert parts.bias == pytest.approx(0.09, rel=0.05)
    single = decompose(outputs[..., :1], rows, truth[:, 0], "regression")
    assert single is not None
    assert single.variance == pytest.approx(0.25, rel=0.03)


def test_labels_are_decomposed_one_by_one() -> None:
    rows, truth = deal(4, 2, 10), np.tile([[0.0, 1.0, 1.0]], (10, 1))
    outputs = np.where(truth[rows] > 0.5, 5.0, -5.0)
    outputs[..., 2] = -5.0
    parts = decompose(outputs, rows, truth, "multilabel")
    assert parts is not None
    assert (parts.bias, parts.variance) == (pytest.approx(1 / 3), 0.0)


def test_fewer_than_four_runs_a_row_tell_nothing() -> None:
    rows, truth = deal(3, 5, 20), np.zeros(20, dtype=np.int64)
    assert decompose(one_hot(np.zeros_like(rows), 2), rows, truth, "classification") is None


def test_rows_that_are_tested_unequally_often_count_equally() -> None:
    truth = np.array([0, 1, 0, 1, 0, 1])
    rows = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5], [0, 2, 3], [0, 2, 3], [0, 2, 3]])
    parts = decompose(one_hot(truth[rows], 2), rows, truth, "classification")
    assert parts is not None
    assert (parts.bias, parts.error) == (0.0, 0.0)


def test_a_run_that_diverged_counts_as_a_constant_prediction() -> None:
    rows, truth = deal(4, 1, 10), np.array([0] * 6 + [1] * 4)
    outputs = one_hot(truth[rows], 2)
    outputs[0] = np.nan
    parts = decompose(outputs, rows, truth, "classification")
    assert parts is not None
    assert parts.error == pytest.approx(0.4 / 4)
    numbers = decompose(np.full((4, 10, 1), np.inf), rows, np.arange(10.0), "regression")
    assert numbers is not None
    assert numbers.error == pytest.approx(np.arange(10.0).var())


def logits_of(confidence: np.ndarray) -> np.ndarray:
    """Logits of two classes that predict the second with this probability."""
    logit = np.log(confidence / (1 - confidence))
    return np.stack([np.zeros_like(logit), logit], axis=-1)


def test_probabilities_that_hold_are_calibrated_and_sharper_ones_overconfident() -> None:
    rng, rows = np.random.default_rng(0), deal(4, 5, 500)
    chances = rng.uniform(0.05, 0.95, size=500)
    truth = (rng.random(500) < chances).astype(np.int64)
    held = calibrate(logits_of(chances[rows]), rows, truth, "classification")
    sharp = calibrate(3 * logits_of(chances[rows]), rows, truth, "classification")
    flat = calibrate(0.2 * logits_of(chances[rows]), rows, truth, "classification")
    assert held is not None
    assert sharp is not None
    assert flat is not None
    assert [each.trust for each in (held, sharp, flat)] == [
        Trust.CALIBRATED, Trust.OVERCONFIDENT, Trust.UNDERCONFIDENT,
    ]  # fmt: skip
    assert held.brier == pytest.approx(np.square(chances - truth).mean())
    assert sum(int(own["count"]) for own in held.list_bins()) == rows.size
    assert sum(own["count"] * abs(own["accuracy"] - own["confidence"]) for own in held.list_bins()) == pytest.approx(
        held.error * rows.size
    )


def test_rows_tested_again_do_not_make_a_calibrated_model_overconfident() -> None:
    above = 0
    for study in range(60):
        rng, rows = np.random.default_rng(study), deal(8, 5, 100, study)
        chances = rng.uniform(0.05, 0.95, size=100)
        truth = (rng.random(100) < chances).astype(np.int64)
        found = calibrate(logits_of(chances[rows]), rows, truth, "classification")
        assert found is not None
        above += found.trust is not Trust.CALIBRATED
    assert above <= 8  # 3 expected; rows taken for new ones: 45


def test_numbers_have_no_calibration() -> None:
    rows = deal(4, 1, 5)
    assert calibrate(np.zeros((4, 5, 1)), rows, np.zeros(5), "regression") is None
    assert calibrate(np.full((4, 5, 2), np.nan), rows, np.zeros(5, dtype=int), "classification") is None
