"""Calibration: the trainer's metric, the binomial distribution, and how often calibrated models are accused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from regbench.evidence.calibration import (
    Trust,
    assign_bins,
    calibrated_level,
    calibration_error,
    measure_calibration,
    measure_reliability,
)
from regbench.tasks import Task
from regbench.training.scores import Scored, compute_calibration_error


def confidences(rows: int, rng: np.random.Generator) -> np.ndarray:
    return 0.4 + 0.6 * rng.beta(3, 1, rows)


def test_it_is_the_metric_of_a_run() -> None:
    torch.manual_seed(0)
    outputs, labels = 2 * torch.randn(1, 300, 4), torch.randint(0, 4, (300,))
    targets = torch.nn.functional.one_hot(labels, 4).float()
    scored = Scored(Task.CLASSIFICATION, outputs, targets, torch.ones(300), torch.ones(4))
    confidence, predicted = scored.probabilities[0].max(-1)
    error = calibration_error(confidence.numpy(), (predicted == labels).numpy())
    assert error == pytest.approx(compute_calibration_error(scored).item(), rel=1e-12)
    assert error > 0.1


def test_bins_hold_their_upper_end() -> None:
    assert assign_bins(np.array([0.0, 1e-9, 0.2, 0.2000001, 0.4, 1.0]), 5).tolist() == [0, 0, 0, 1, 1, 4]


def test_a_worked_table() -> None:
    confidence, correct = np.array([0.1, 0.15, 0.9, 0.95]), np.array([False, True, True, True])
    assert calibration_error(confidence, correct, 5) == pytest.approx((0.75 + 0.15) / 4)
    diagram = measure_reliability(confidence, correct, 5)
    assert diagram.counts.tolist() == [2, 0, 0, 0, 2]
    assert diagram.confidence == pytest.approx([0.125, math.nan, math.nan, math.nan, 0.925], nan_ok=True)
    assert diagram.accuracy == pytest.approx([0.5, math.nan, math.nan, math.nan, 1.0], nan_ok=True)


def test_the_diagram_holds_the_error() -> None:
    rng = np.random.default_rng(0)
    confidence = confidences(500, rng)
    correct = rng.random(500) < confidence**2
    diagram = measure_reliability(confidence, correct)
    gaps = diagram.counts / 500 * np.abs(diagram.accuracy - diagram.confidence)
    assert np.nansum(gaps) == pytest.approx(calibration_error(confidence, correct), rel=1e-12)


@pytest.mark.parametrize(("rows", "confidence"), [(30, 0.95), (100, 0.6)])
def test_the_level_of_one_bin_is_a_binomial_quantile(rows: int, confidence: float) -> None:
    errors = np.abs(np.arange(rows + 1) / rows - confidence)
    order = np.argsort(errors)
    reached = np.cumsum(stats.binom.pmf(np.arange(rows + 1), rows, confidence)[order])
    expected = errors[order][np.searchsorted(reached, 0.95)]
    level = calibrated_level(np.full(rows, confidence), draws=20_000)
    assert level == pytest.approx(expected, abs=1.001 / rows)
    assert level > 0


def test_calibrated_models_lie_above_their_level_in_one_case_of_twenty() -> None:
    rng, above, models = np.random.default_rng(1), 0, 400
    for model in range(models):
        confidence = confidences(120, rng)
        correct = rng.random(120) < confidence
        above += calibration_error(confidence, correct) > calibrated_level(confidence, draws=400, seed=model)
    assert above / models == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / models))


def test_more_rows_lower_the_level_as_a_root() -> None:
    rng = np.random.default_rng(2)
    few, many = (calibrated_level(confidences(rows, rng)) for rows in (500, 8000))
    assert few / many == pytest.approx(4, rel=0.15)
    assert calibrated_level(confidences(50, rng), seed=1) > few


def test_the_level_is_that_of_its_seed_and_of_any_order_of_rows() -> None:
    confidence = confidences(200, np.random.default_rng(3))
    assert calibrated_level(confidence, seed=5) == calibrated_level(confidence, seed=5)
    assert calibrated_level(confidence, seed=5) != calibrated_level(confidence, seed=6)
    assert calibrated_level(confidence[::-1]) == pytest.approx(calibrated_level(confidence), rel=0.05)


def test_trust_is_lost_only_above_the_level() -> None:
    rng = np.random.default_rng(4)
    confidence = 0.5 + 0.4 * rng.random(800)
    draws = rng.random(800)
    assert measure_calibration(confidence, draws < confidence).trust is Trust.CALIBRATED
    over, under = (measure_calibration(confidence, draws < confidence + shift) for shift in (-0.15, 0.1))
    assert (over.trust, under.trust) == (Trust.OVERCONFIDENT, Trust.UNDERCONFIDENT)
    assert over.excess == pytest.approx(0.15, abs=0.05)
    assert over.error > over.level
