"""Weights of rows: a row of weight 2 counts as the same row twice, in training and in every figure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from regbench.regularizers.base import Facts
from regbench.training.cohort_run import make_run
from regbench.training.fit import stack_runs
from regbench.training.train_step import mean_loss
from tests.contract.conftest import Memory
from tests.unit.regularizers.stacked import make_facts
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_alone
from tests.unit.training.test_convex import SCHEDULE, assert_close, center
from tests.unit.training.toys import assert_cohort_equals_alone

ROWS, HELD_OUT = 60, 10
MLP = {"name": "mlp", "widths": [8]}
SHORT: dict[str, Any] = {"epochs": 3, "batch_size": 16, "precision": "float64"}


def draw(seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Draw inputs, numbers to predict, and whole weights 0 to 3 whose mean over the training rows is not 1."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((ROWS + 2 * HELD_OUT, 5))
    y = x @ generator.standard_normal(5) + 2.0 + generator.standard_normal(len(x))
    weights = generator.integers(0, 4, len(x)).astype(float)
    return x, y, weights


def scaled(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights as `prepare` scales them: of mean 1 over the training rows."""
    return weights / weights[:ROWS].mean()


def weigh(x: NDArray[np.float64], y: NDArray[Any], weights: NDArray[np.float64] | None, **settings: Any) -> Setting:
    val = settings.pop("val", HELD_OUT)
    given = None if weights is None else scaled(weights)
    split = make_split(x, y, val=val, test=len(x) - ROWS - val, weights=given)
    model, regularizers = settings.pop("model", MLP), settings.pop("regularizers", {})
    return make_setting(split, model, regularizers, **{**SHORT, **settings})


def twice(values: NDArray[Any], weights: NDArray[np.float64]) -> NDArray[Any]:
    """Return the training rows as often as they weigh, then the others."""
    return np.concatenate([np.repeat(values[:ROWS], weights[:ROWS].astype(int), axis=0), values[ROWS:]])


def assert_same(found: Memory, expected: Memory, tolerance: float = 1e-9) -> None:
    for name, tensor in expected.best.items():
        torch.testing.assert_close(found.best[name], tensor, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("seed", [1, 2])
def test_ridge_is_scikit_learns_with_sample_weights(seed: int) -> None:
    x, y, weights = draw(seed)
    reference = Ridge(alpha=6.0).fit(x[:ROWS], y[:ROWS], sample_weight=scaled(weights)[:ROWS])
    penalty = {"l2": {"strength": 12.0 / ROWS}}
    setting = weigh(x, y, weights, model={"name": "linear"}, regularizers=penalty, val=0, **SCHEDULE)
    best = train_alone(setting).best
    found = best["linear.weight"].numpy(), best["linear.bias"].numpy()
    assert_close(found, reference.coef_, reference.intercept_)


def test_logistic_regression_is_scikit_learns_with_sample_weights() -> None:
    x, y = draw_classes(ROWS + 2 * HELD_OUT, (4,), seed=3)
    weights = np.random.default_rng(4).uniform(0.0, 3.0, len(y))
    reference = LogisticRegression(C=1 / (0.05 * ROWS), tol=1e-10, max_iter=10_000)
    reference.fit(x[:ROWS], y[:ROWS], sample_weight=scaled(weights)[:ROWS])
    penalty = {"l2": {"strength": 0.05}}
    setting = weigh(x, y, weights, model={"name": "linear"}, regularizers=penalty, val=0, **SCHEDULE)
    best = train_alone(setting).best
    found = best["linear.weight"].numpy(), best["linear.bias"].numpy()
    assert_close(center(found), reference.coef_, reference.intercept_)


@pytest.mark.parametrize("task", ["classes", "numbers", "labels"])
def test_a_row_of_weight_2_is_the_row_twice(task: str) -> None:
    x, number, weights = draw()
    y = {"classes": (number > 2.0).astype(int), "numbers": number, "labels": np.stack([number > 2, x[:, 0] > 0], 1)}[
        task
    ]
    full = {"batch_size": "full", "epochs": 5, "optimizer": {"name": "sgd", "lr": 0.3}}
    weighted = train_alone(weigh(x, y, weights, **full))
    split = make_split(twice(x, weights), twice(y, weights), val=HELD_OUT, test=HELD_OUT)
    repeated = train_alone(make_setting(split, MLP, **{**SHORT, **full}))
    assert_same(weighted, repeated)


def test_equal_weights_change_nothing() -> None:
    x, y, _ = draw()
    weighted, plain = (train_alone(weigh(x, y, weights)) for weights in (np.full(len(x), 0.3), None))
    assert_same(weighted, plain, 1e-12)
    for row, expected in zip(weighted.rows, plain.rows, strict=True):
        assert {k: v for k, v in row.items() if v is not None} == pytest.approx(
            {k: v for k, v in expected.items() if v is not None}, rel=1e-10
        )


def test_batches_average_to_the_loss_of_all_rows() -> None:
    generator = np.random.default_rng(3)
    losses = torch.from_numpy(generator.uniform(0.0, 1.0, 48))
    weight = torch.from_numpy(generator.uniform(0.0, 5.0, 48))
    weight /= weight.mean()
    facts: Facts = make_facts(weighted=True)
    expected = (losses * weight).sum() / weight.sum()
    for size in (1, 4, 16, 48):
        batches = zip(losses.split(size), weight.split(size), strict=True)
        found = torch.stack([mean_loss(own, weights, facts) for own, weights in batches]).mean()
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=0.0)
    assert mean_loss(losses[:4], torch.zeros(4), facts) == 0.0


def test_rows_that_regularizers_weigh_anew_keep_mean_one() -> None:
    x, y, weights = draw()
    setting = weigh(x, y, weights, regularizers={"bagging": {"members": 3}})
    cohort = stack_runs(setting.spec, [make_run(setting.spec, seed, Memory()) for seed in (0, 1)], [setting.data])
    own = cohort.rows.rows.weight
    assert own.shape == (6, ROWS)
    torch.testing.assert_close(own.mean(1), torch.ones(6, dtype=torch.float64))
    assert torch.all(own[:, torch.from_numpy(weights[:ROWS] == 0.0)] == 0.0)


def test_the_figures_are_weighted_means() -> None:
    x, y, weights = draw()
    setting = weigh(x, y, weights, model={"name": "linear"})
    sink = train_alone(setting)
    errors = (x @ sink.best["linear.weight"].numpy()[0] + sink.best["linear.bias"].numpy() - y) ** 2
    parts = {"train": slice(0, ROWS), "val": slice(ROWS, ROWS + HELD_OUT), "test": slice(ROWS + HELD_OUT, None)}
    for part, rows in parts.items():
        expected = np.average(errors[rows], weights=weights[rows])
        assert sink.result["best"][part]["loss"] == pytest.approx(expected, rel=1e-9)
        assert sink.result["best"][part]["mse"] == pytest.approx(expected, rel=1e-9)
    last = sink.rows[sink.result["best_epoch"] - 1]
    assert last["val_loss"] == pytest.approx(np.average(errors[parts["val"]], weights=weights[parts["val"]]), rel=1e-9)


def test_the_accuracy_is_a_weighted_share() -> None:
    x, y = draw_classes(ROWS + 2 * HELD_OUT, (4,), seed=3)
    weights = np.random.default_rng(4).uniform(0.0, 3.0, len(y))
    sink = train_alone(weigh(x, y, weights, model={"name": "linear"}))
    scores = x @ sink.best["linear.weight"].numpy().T + sink.best["linear.bias"].numpy()
    right, rows = scores.argmax(1) == y, slice(ROWS + HELD_OUT, None)
    assert sink.result["best"]["test"]["accuracy"] == pytest.approx(np.average(right[rows], weights=weights[rows]))


def test_the_training_rows_that_are_watched_weigh_something() -> None:
    x, y, _ = draw()
    weights = np.ones(len(x))
    weights[3:ROWS] = 0.0  # by chance, ten of sixty rows would hardly be among the first three
    sink = train_alone(weigh(x, y, weights, model={"name": "linear"}))
    assert all(np.isfinite(row["train_loss"]) for row in sink.rows)
    assert sink.rows[-1]["train_loss"] == pytest.approx(sink.result["last"]["train"]["loss"], rel=1e-9)


@pytest.mark.parametrize(
    "regularizers", [{}, {"mixup": {}}, {"bagging": {"members": 2}}, {"sam": {}, "batch_norm": {}}]
)
def test_weighted_runs_in_a_cohort_equal_them_alone(regularizers: dict[str, Any]) -> None:
    x, y, weights = draw()
    optimizer = {"name": "adam", "lr": 0.01, "eps": 1e-4}
    assert_cohort_equals_alone(weigh(x, y, weights, regularizers=regularizers, optimizer=optimizer))
