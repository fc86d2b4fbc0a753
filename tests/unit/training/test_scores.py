"""Figures of networks against scikit-learn, with and without weights, and where they are undefined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn import metrics as reference
from torch import Tensor

from regbench.metrics import list_metrics
from regbench.tasks import Task
from regbench.training.scores import BINS, FIGURES, MULTILABEL, Scored, measure_figures, measure_recalls

ROWS = 200
Array = NDArray[Any]


def draw(classes: int, seed: int, *, ties: bool = False) -> tuple[Tensor, Array, Array]:
    """Return logits of two runs `[2, N, C]`, true classes and weights; with ties, logits are rounded to halves."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=ROWS)
    logits = generator.standard_normal((2, ROWS, classes)) + 1.5 * np.eye(classes)[labels]
    logits = np.round(logits * 2) / 2 if ties else logits
    return torch.from_numpy(logits), labels, generator.exponential(size=ROWS)


def score(task: Task, outputs: Tensor, targets: Array, weights: Array | None = None, scale: float = 1.0) -> Scored:
    target = torch.from_numpy(np.asarray(targets, dtype=np.float64))
    weight = torch.ones(len(target)) if weights is None else torch.from_numpy(weights)
    return Scored(task, outputs, target, weight, torch.full((target.shape[1],), scale**2, dtype=torch.float64))


def expected_calibration(shares: Array, labels: Array, weights: Array) -> float:
    """Guo et al. 2017, equation 3, row by row."""
    confidence, right = shares.max(-1), shares.argmax(-1) == labels
    total = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            gap = np.average(right[inside], weights=weights[inside]) - np.average(
                confidence[inside], weights=weights[inside]
            )
            total += weights[inside].sum() / weights.sum() * abs(gap)
    return total


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_many_rows_a_piece_at_a_time_have_the_same_figures(
    classes: int, ties: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, labels, weights = draw(classes, seed=classes, ties=ties)
    names = [metric.name for metric in list_metrics(Task.CLASSIFICATION) if metric.name != "loss"]
    whole = measure_figures(score(Task.CLASSIFICATION, logits, np.eye(classes)[labels], weights), names)
    monkeypatch.setattr("regbench.training.scores.PIECE", 48)
    pieces = measure_figures(score(Task.CLASSIFICATION, logits, np.eye(classes)[labels], weights), names)
    for name in names:
        assert torch.equal(whole[name], pieces[name]), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_figures_of_classes_are_those_of_scikit_learn(classes: int, ties: bool, weighted: bool) -> None:
    logits, labels, weights = draw(classes, seed=classes, ties=ties)
    own = weights if weighted else None
    names = [metric.name for metric in list_metrics(Task.CLASSIFICATION) if metric.name != "loss"]
    scored = score(Task.CLASSIFICATION, logits, np.eye(classes)[labels], own)
    found = measure_figures(scored, names)
    for run in range(2):
        shares = scored.probabilities[run].numpy()  # rounded otherwise, equal ones would not be equal
        answers = logits[run].numpy().argmax(-1)
        auc = shares[:, 1] if classes == 2 else shares
        theirs = {
            "accuracy": reference.accuracy_score(labels, answers, sample_weight=own),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, answers, sample_weight=own),
            "macro_f1": reference.f1_score(labels, answers, average="macro", sample_weight=own),
            "auc": reference.roc_auc_score(labels, auc, multi_class="ovr", average="macro", sample_weight=own),
            "log_loss": reference.log_loss(labels, shares, sample_weight=own),
            "brier": reference.brier_score_loss(labels, shares[:, 1] if classes == 2 else shares, sample_weight=own),
            "calibration_error": expected_calibration(shares, labels, weights if weighted else np.ones(ROWS)),
        }
        for name, value in theirs.items():
            assert found[name][run].item() == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 3])
def test_figures_of_numbers_are_those_of_scikit_learn_in_the_targets_own_unit(outputs: int, weighted: bool) -> None:
    generator = np.random.default_rng(outputs)
    y, weights = generator.standard_normal((ROWS, outputs)), generator.exponential(size=ROWS)
    predicted = y + 0.5 * generator.standard_normal((2, ROWS, outputs))
    unit, own = 40.0, weights if weighted else None
    scored = score(Task.REGRESSION, torch.from_numpy(predicted), y, own, unit)
    found = measure_figures(scored, ["mse", "mae", "rmse", "r2"])
    for run in range(2):
        pair = unit * y, unit * predicted[run]
        theirs = {
            "mse": reference.mean_squared_error(*pair, sample_weight=own),
            "mae": reference.mean_absolute_error(*pair, sample_weight=own),
            "rmse": reference.root_mean_squared_error(*pair, sample_weight=own),
            "r2": reference.r2_score(*pair, sample_weight=own),
        }
        for name, value in theirs.items():
            assert found[name][run].item() == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("weighted", [False, True])
def test_figures_of_labels_are_those_of_scikit_learn(weighted: bool) -> None:
    generator = np.random.default_rng(4)
    y = (generator.random((ROWS, 4)) < [0.5, 0.2, 0.05, 0.0]).astype(float)  # the last label has no row
    logits, weights = generator.standard_normal((1, ROWS, 4)) + 2 * y - 2.5, generator.exponential(size=ROWS)
    own = weights if weighted else None
    scored = score(Task.MULTILABEL, torch.from_numpy(logits), y, own)
    found = measure_figures(scored, ["label_accuracy", "macro_f1"])
    answers = (logits[0] > 0).astype(int)
    right = np.average((answers == y).mean(1), weights=own)
    f1 = reference.f1_score(y, answers, average="macro", zero_division=0, sample_weight=own)
    assert found["label_accuracy"].item() == pytest.approx(right, abs=1e-9)
    assert found["macro_f1"].item() == pytest.approx(f1, abs=1e-9)


def test_a_class_without_rows_counts_in_no_mean_and_leaves_auc_undefined() -> None:
    labels = np.array([0, 0, 1, 1, 1, 0])  # no row of class 2, and none is taken for it
    logits = torch.tensor([[[3.0, 1, 0], [1, 3, 0], [0, 2, 1], [0, 2, 1], [4, 2, 1], [2, 1, 0]]])
    scored = score(Task.CLASSIFICATION, logits, np.eye(3)[labels])
    found = measure_figures(scored, ["balanced_accuracy", "macro_f1", "auc"])
    assert found["balanced_accuracy"].item() == pytest.approx(2 / 3)
    assert found["macro_f1"].item() == pytest.approx(2 / 3)
    assert math.isnan(found["auc"].item())
    assert measure_recalls(scored)[0].tolist()[:2] == pytest.approx([2 / 3, 2 / 3])
    assert math.isnan(measure_recalls(scored)[0, 2].item())
    assert scored.confusion[0].tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize("label", [0, 1])
def test_rows_of_one_class_have_no_auc_and_no_other_trouble(label: int) -> None:
    scored = score(Task.CLASSIFICATION, torch.randn(1, 5, 2), np.eye(2)[[label] * 5])
    found = measure_figures(scored, ["auc", "brier", "calibration_error", "balanced_accuracy"])
    assert math.isnan(found.pop("auc").item())
    assert all(0.0 <= value.item() <= 1.0 for value in found.values())


def test_a_constant_target_has_no_r2() -> None:
    found = measure_figures(score(Task.REGRESSION, torch.ones(1, 5, 1), np.full((5, 1), 3.25)), ["r2", "mae"])
    assert math.isnan(found["r2"].item())
    assert found["mae"].item() == 2.25


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("task", list(Task))
def test_outputs_that_are_not_finite_have_no_figure_and_spoil_no_other_run(task: Task, bad: float) -> None:
    outputs = torch.randn(2, 6, 2)
    outputs[0, 3, 1] = bad
    targets = np.eye(2)[[0, 1, 0, 1, 1, 0]]
    names = list(MULTILABEL if task == Task.MULTILABEL else FIGURES)
    names = [name for name in names if name in {metric.name for metric in list_metrics(task)}]
    for values in measure_figures(score(task, outputs, targets), names).values():
        assert math.isnan(values[0].item())
        assert math.isfinite(values[1].item())


@pytest.mark.parametrize("unit", [1e24, 1e-24])
def test_units_whose_square_float32_does_not_hold_are_measured(unit: float) -> None:
    scored = score(Task.REGRESSION, torch.ones(1, 4, 1), np.zeros((4, 1)), scale=unit)
    found = measure_figures(scored, ["mse", "mae", "rmse"])
    assert found["mse"].item() == pytest.approx(unit**2, rel=1e-12)
    assert found["mae"].item() == found["rmse"].item() == pytest.approx(unit, rel=1e-12)
