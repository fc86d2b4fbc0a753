"""Row values: their mean is the figure that scikit-learn computes, and their variance over n that of the figure."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from regbench.studies.row_values import Predicted, find_values

ROWS = 400


def draw(classes: int, seed: int = 0) -> Predicted:
    """Rows whose logits know something of the class."""
    generator = np.random.default_rng(seed)
    target = generator.choice(classes, ROWS, p=np.arange(1, classes + 1) / (classes * (classes + 1) / 2))
    outputs = generator.normal(size=(ROWS, classes)) + 1.5 * np.eye(classes)[target]
    return Predicted(outputs, target, np.ones(ROWS), np.ones(1))


def probabilities(tested: Predicted) -> np.ndarray:
    odds = np.exp(tested.outputs - tested.outputs.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


def score(metric: str, tested: Predicted, task: str = "classification") -> float:
    compute = find_values(metric, task)
    assert compute is not None
    return float(compute(tested).mean())


@pytest.mark.parametrize("classes", [2, 4])
def test_means_of_classes_are_scikit_learns(classes: int) -> None:
    tested = draw(classes)
    shares, predicted = probabilities(tested), tested.outputs.argmax(1)
    assert score("accuracy", tested) == pytest.approx(reference.accuracy_score(tested.target, predicted), rel=1e-12)
    expected = reference.balanced_accuracy_score(tested.target, predicted)
    assert score("balanced_accuracy", tested) == pytest.approx(expected, rel=1e-12)
    assert -score("log_loss", tested) == pytest.approx(reference.log_loss(tested.target, shares), rel=1e-9)
    squares = np.square(shares - np.eye(classes)[tested.target]).sum(1).mean() / (2 if classes == 2 else 1)
    assert -score("brier", tested) == pytest.approx(squares, rel=1e-12)


def test_the_area_is_scikit_learns_with_ties_too() -> None:
    tested = draw(2)
    tied = Predicted(np.round(tested.outputs), tested.target, tested.weight, tested.spread)
    for rows in (tested, tied):
        expected = reference.roc_auc_score(rows.target, rows.outputs[:, 1] - rows.outputs[:, 0])
        assert score("auc", rows) == pytest.approx(expected, rel=1e-12)


def test_the_area_of_several_classes_is_the_mean_over_each_against_all_others() -> None:
    tested = draw(4)
    expected = reference.roc_auc_score(tested.target, probabilities(tested), multi_class="ovr")
    assert score("auc", tested) == pytest.approx(expected, rel=1e-12)


def test_an_area_without_one_of_the_classes_is_not_a_number() -> None:
    tested = Predicted(np.zeros((5, 2)), np.zeros(5, dtype=np.int64), np.ones(5), np.ones(1))
    assert np.isnan(score("auc", tested))


@pytest.mark.parametrize(("metric", "classes"), [("auc", 2), ("auc", 3), ("balanced_accuracy", 2)])
def test_the_variance_of_rows_is_that_of_the_figure(metric: str, classes: int) -> None:
    """Over 400 tables of one law, the variance of the figure is the mean of (variance of rows) / n, within 15 %."""
    compute = find_values(metric, "classification")
    assert compute is not None
    found = [compute(draw(classes, seed)) for seed in range(400)]
    between = np.var([values.mean() for values in found], ddof=1)
    within = np.mean([values.var(ddof=1) / ROWS for values in found])
    assert within == pytest.approx(between, rel=0.15)


def test_numbers_are_scored_with_the_spread_of_all_rows() -> None:
    generator = np.random.default_rng(0)
    target = generator.normal(3.0, 2.0, (ROWS, 1))
    outputs = target + generator.normal(0.0, 1.0, (ROWS, 1))
    tested = Predicted(outputs, target, np.ones(ROWS), target.var(0))
    assert score("r2", tested, "regression") == pytest.approx(reference.r2_score(target, outputs), rel=1e-12)
    assert -score("mse", tested, "regression") == pytest.approx(np.square(outputs - target).mean(), rel=1e-12)
    assert -score("mae", tested, "regression") == pytest.approx(np.abs(outputs - target).mean(), rel=1e-12)


def test_weights_count() -> None:
    tested = draw(3)
    weight = np.where(tested.target == 0, 3.0, 1.0)
    weighed = Predicted(tested.outputs, tested.target, weight * ROWS / weight.sum(), tested.spread)
    predicted = tested.outputs.argmax(1)
    for metric, compute in (
        ("accuracy", reference.accuracy_score),
        ("balanced_accuracy", reference.balanced_accuracy_score),
    ):
        expected = compute(tested.target, predicted, sample_weight=weight)
        assert score(metric, weighed) == pytest.approx(expected, rel=1e-12)


def test_what_is_no_mean_over_rows_has_no_row_values() -> None:
    assert find_values("macro_f1", "classification") is None
    assert find_values("rmse", "regression") is None
    assert find_values("accuracy", "multilabel") is None
