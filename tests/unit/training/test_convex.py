"""Convex problems drawn fresh, trained to the optimum and compared with scikit-learn's solvers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge

from tests.unit.training.small_runs import NONE, draw_classes, make_setting, make_split, train_alone

SEEDS = (1, 2, 3)
NESTEROV = {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True}
SCHEDULE: dict[str, Any] = {
    "epochs": 3000,
    "batch_size": "full",
    "precision": "float64",
    "optimizer": NESTEROV,
    "stop": {"name": "weight_change", "epsilon": 1e-6},
}
ROWS, COLUMNS = 60, 8

Solution = tuple[NDArray[np.float64], NDArray[np.float64]]


def draw_regression(seed: int) -> Solution:
    """Draw correlated columns, half of them without influence on the target."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((ROWS + 1, COLUMNS)) + 0.7 * generator.standard_normal((ROWS + 1, 1))
    weights = generator.standard_normal(COLUMNS) * (np.arange(COLUMNS) < COLUMNS // 2)
    return x, x @ weights + 2.0 + generator.standard_normal(ROWS + 1)


def solve(x: NDArray[np.float64], y: NDArray[Any], regularizers: dict[str, Any], **schedule: Any) -> Solution:
    """Return the weights and biases at which a full-batch training of `linear` comes to rest; the last row is test."""
    setting = make_setting(make_split(x, y), {"name": "linear"}, regularizers, **{**SCHEDULE, **schedule})
    sink = train_alone(setting)
    assert sink.result["status"] == "stopped_early", "the weights should have come to rest"
    tensors = sink.best
    return tensors["linear.weight"].numpy(), tensors["linear.bias"].numpy()


def assert_close(found: Solution, weights: NDArray[Any], biases: NDArray[Any] | float) -> None:
    """Compare weights as a whole, and the zeros among them exactly."""
    weight, bias = found
    expected = np.atleast_2d(weights)
    assert np.linalg.norm(weight - expected) <= 1e-3 * np.linalg.norm(expected)
    np.testing.assert_array_equal(weight == 0.0, expected == 0.0)
    np.testing.assert_allclose(bias, np.atleast_1d(biases), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_ridge(seed: int) -> None:
    x, y = draw_regression(seed)
    reference = Ridge(alpha=6.0).fit(x[:ROWS], y[:ROWS])
    found = solve(x, y, {"l2": {"strength": 2 * 6.0 / ROWS}})
    assert_close(found, reference.coef_, reference.intercept_)


@pytest.mark.parametrize("seed", SEEDS)
def test_lasso(seed: int) -> None:
    x, y = draw_regression(seed)
    reference = Lasso(alpha=0.3, tol=1e-12, max_iter=100_000).fit(x[:ROWS], y[:ROWS])
    assert (reference.coef_ == 0.0).any()
    assert_close(solve(x, y, {"l1": {"strength": 2 * 0.3}}), reference.coef_, reference.intercept_)


@pytest.mark.parametrize("seed", SEEDS)
def test_elastic_net(seed: int) -> None:
    x, y = draw_regression(seed)
    reference = ElasticNet(alpha=0.4, l1_ratio=0.6, tol=1e-12, max_iter=100_000).fit(x[:ROWS], y[:ROWS])
    assert (reference.coef_ == 0.0).any()
    found = solve(x, y, {"elastic_net": {"strength": 2 * 0.4, "l1_ratio": 0.6}})
    assert_close(found, reference.coef_, reference.intercept_)


@pytest.mark.parametrize("seed", SEEDS)
def test_l1_beside_l2_is_an_elastic_net(seed: int) -> None:
    x, y = draw_regression(seed)
    reference = ElasticNet(alpha=0.4, l1_ratio=0.6, tol=1e-12, max_iter=100_000).fit(x[:ROWS], y[:ROWS])
    found = solve(x, y, {"l1": {"strength": 2 * 0.4 * 0.6}, "l2": {"strength": 2 * 0.4 * 0.4}})
    assert_close(found, reference.coef_, reference.intercept_)


@pytest.mark.matrix(cases=5)
@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "lr": 0.1},
        {"name": "sgd", "lr": 0.02, "momentum": 0.9},
        NESTEROV,
        {"name": "adam", "lr": 0.02},
        {"name": "adamw", "lr": 0.02, "weight_decay": 0.0},
        {"name": "rmsprop", "lr": 0.01},
        {"name": "rmsprop", "lr": 0.005, "momentum": 0.6},
    ],
    ids=["sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "rmsprop with momentum"],
)
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6], ids=["l1", "elastic_net"])
def test_the_sparse_optimum_does_not_depend_on_the_optimizer(l1_ratio: float, optimizer: dict[str, Any]) -> None:
    """Each settles where the penalised loss is least, the adaptive ones too, at a constant rate."""
    x, y = draw_regression(4)
    reference = ElasticNet(alpha=0.3, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000).fit(x[:ROWS], y[:ROWS])
    settings = {"strength": 2 * 0.3}
    own = {"l1": settings} if l1_ratio == 1.0 else {"elastic_net": {**settings, "l1_ratio": l1_ratio}}
    assert_close(solve(x, y, own, optimizer=optimizer), reference.coef_, reference.intercept_)


@pytest.mark.matrix(cases=1)
@pytest.mark.parametrize("limit", [0.5, 1.0])
def test_the_lasso_by_subgradients_does_not_depend_on_the_clipping_of_gradients(limit: float) -> None:
    """The whole gradient is clipped, of loss and penalty: it only shortens the way."""
    x, y = draw_regression(6)
    alpha = 0.25
    reference = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(x[:ROWS], y[:ROWS])
    own = {"l1": {"strength": 2 * alpha, "method": "subgradient"}, "gradient_clipping": {"limit": limit}}
    setting = make_setting(
        make_split(x, y),
        {"name": "linear"},
        own,
        **{**SCHEDULE, "optimizer": {"name": "sgd", "lr": 0.05}, "curve": {"name": "cosine"}, "stop": NONE},
    )
    sink = train_alone(setting)
    assert 0.0 < sink.rows[0]["gradient_clipping.clipped_fraction"] <= 1.0

    def objective(w: NDArray[np.float64], b: NDArray[np.float64] | float) -> float:
        return float(np.mean((x[:ROWS] @ w + b - y[:ROWS]) ** 2) + 2 * alpha * np.abs(w).sum())

    least = objective(reference.coef_, reference.intercept_)
    found = objective(sink.best["linear.weight"].numpy()[0], sink.best["linear.bias"].numpy())
    assert least <= found < 1.001 * least


def center(found: Solution) -> Solution:
    """Take out what softmax does not see: one number added to the biases of all classes."""
    weight, bias = found
    return weight, bias - bias.mean()


@pytest.mark.matrix(cases=4)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("regularizer", "l1_ratio"),
    [("l2", 0.0), ("l1", 1.0), ("elastic_net", 0.4)],
)
def test_multinomial_logistic_regression(regularizer: str, l1_ratio: float, seed: int) -> None:
    """scikit-learn minimises the sum of the losses times C plus the penalty; regbench the mean plus its strength."""
    x, y = draw_classes(ROWS + 1, (5,), spread=2.0, seed=seed)
    strength = 0.05
    solver = "lbfgs" if regularizer == "l2" else "saga"
    reference = LogisticRegression(
        C=1 / (ROWS * strength), l1_ratio=l1_ratio, solver=solver, tol=1e-10, max_iter=200_000, random_state=0
    ).fit(x[:ROWS], y[:ROWS])
    settings = {"strength": strength, **({"l1_ratio": l1_ratio} if regularizer == "elastic_net" else {})}
    found = center(solve(x, y, {regularizer: settings}))
    assert_close(found, *center((reference.coef_, reference.intercept_)))


def test_without_a_penalty_least_squares() -> None:
    x, y = draw_regression(5)
    design = np.column_stack([x[:ROWS], np.ones(ROWS)])
    expected = np.linalg.lstsq(design, y[:ROWS], rcond=None)[0]
    assert_close(solve(x, y, {}), expected[:-1], expected[-1])
