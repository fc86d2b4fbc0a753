"""The sparse penalties on convex problems: their optimum, under every optimizer, is scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from torch import Tensor

from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.elastic_net import ElasticNet
from regbench.regularizers.l1 import L1
from regbench.regularizers.l2 import L2
from tests.unit.regularizers.stacked import make_context

ROWS, COLUMNS = 60, 12


@dataclass(frozen=True)
class Problem:
    """Inputs `[N, D]` and targets `[N]`."""

    x: Tensor
    y: Tensor


def draw_problem(seed: int, classes: bool = False) -> Problem:
    """Draw correlated columns of different scales, a third of which matter."""
    generator = np.random.default_rng(seed)
    mixing = np.eye(COLUMNS) + 0.3 * generator.normal(size=(COLUMNS, COLUMNS)) / np.sqrt(COLUMNS)
    x = generator.normal(size=(ROWS, COLUMNS)) @ mixing * generator.uniform(0.5, 1.5, size=COLUMNS)
    score = x[:, :4] @ np.array([2.0, -1.5, 1.0, 0.7]) + 0.8 + 0.5 * generator.normal(size=ROWS)
    return Problem(torch.tensor(x), torch.tensor((score > 0).astype(float) if classes else score))


def squared_error(problem: Problem, weights: Params) -> Tensor:
    return (problem.x @ weights["output.weight"][0] + weights["output.bias"] - problem.y).square().mean()


def logistic_loss(problem: Problem, weights: Params) -> Tensor:
    logits = problem.x @ weights["output.weight"][0] + weights["output.bias"]
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, problem.y)


Gains = Callable[[torch.optim.Optimizer, Tensor], Tensor]


def sgd_gain(momentum: float) -> Gains:
    return lambda optimizer, p: torch.full_like(p, 1.0 / (1.0 - momentum))


def adam_gain(optimizer: torch.optim.Optimizer, p: Tensor) -> Tensor:
    square: Tensor = optimizer.state[p]["exp_avg_sq"] / (1.0 - 0.999 ** float(optimizer.state[p]["step"]))
    return 1.0 / (square.sqrt() + 1e-8)


def rmsprop_gain(optimizer: torch.optim.Optimizer, p: Tensor) -> Tensor:
    square: Tensor = optimizer.state[p]["square_avg"]
    return 1.0 / (square.sqrt() + 1e-8)


@dataclass(frozen=True)
class Method:
    """An optimizer with its gain, a rate at which it converges on these problems, and the steps that this takes."""

    make: Callable[[list[Tensor], float], torch.optim.Optimizer]
    gain: Gains
    rate: float
    steps: int


METHODS = {
    "sgd": Method(lambda p, lr: torch.optim.SGD(p, lr), sgd_gain(0.0), 0.2, 1500),
    "momentum": Method(lambda p, lr: torch.optim.SGD(p, lr, 0.9), sgd_gain(0.9), 0.05, 800),
    "nesterov": Method(lambda p, lr: torch.optim.SGD(p, lr, 0.9, nesterov=True), sgd_gain(0.9), 0.05, 800),
    "adam": Method(lambda p, lr: torch.optim.Adam(p, lr, eps=1e-8), adam_gain, 0.02, 1500),
    "rmsprop": Method(lambda p, lr: torch.optim.RMSprop(p, lr, eps=1e-8), rmsprop_gain, 0.01, 1500),
}


def minimise(
    regularizer: Regularizer, loss: Callable[[Problem, Params], Tensor], problem: Problem, method: Method
) -> Params:
    """Train full batch, as the trainer does: penalty in the loss, the optimizer's step, then the stage after it.

    The rate falls geometrically over the second half, by a factor of a thousand.
    """
    weights = {
        "output.weight": torch.zeros(1, COLUMNS, dtype=torch.float64, requires_grad=True),
        "output.bias": torch.zeros(1, dtype=torch.float64, requires_grad=True),
    }
    optimizer = method.make(list(weights.values()), method.rate)
    for step in range(method.steps):
        rate = method.rate * 1e-3 ** max(0.0, 2.0 * step / method.steps - 1.0)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (loss(problem, weights) + regularizer.penalty(weights, make_context())).backward()
        previous = {name: w.detach().clone() for name, w in weights.items()}
        optimizer.step()
        with torch.no_grad():
            now = {name: w.detach() for name, w in weights.items()}
            gain = {name: method.gain(optimizer, w) for name, w in weights.items()}
            new, _ = regularizer.after_update(
                Update(now, previous, torch.tensor(rate, dtype=torch.float64), gain), make_context()
            )
            for name, w in weights.items():
                w.copy_(new[name])
    return {name: w.detach() for name, w in weights.items()}


def assert_same_solution(found: Params, coefficients: np.ndarray, intercept: float, sparse: bool) -> None:
    w = found["output.weight"][0].numpy()
    assert np.linalg.norm(w - coefficients) < 1e-3 * np.linalg.norm(coefficients)
    assert found["output.bias"].item() == pytest.approx(intercept, rel=1e-3)
    if sparse:
        assert 0 < np.count_nonzero(coefficients) < COLUMNS
        assert ((w == 0.0) == (coefficients == 0.0)).all()


@pytest.mark.parametrize("method", METHODS)
def test_proximal_l1_finds_the_lasso_with_its_exact_zeros(method: str) -> None:
    problem = draw_problem(0)
    reference = Lasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(L1(strength=0.4), squared_error, problem, METHODS[method])
    assert_same_solution(found, reference.coef_, float(reference.intercept_), sparse=True)


@pytest.mark.parametrize(("method", "ratio"), [(method, 0.3) for method in METHODS] + [("momentum", 0.8)])
def test_proximal_elastic_net_finds_the_elastic_net_with_its_exact_zeros(method: str, ratio: float) -> None:
    problem = draw_problem(2)
    reference = SklearnElasticNet(alpha=0.4, l1_ratio=ratio, tol=1e-12, max_iter=100_000)
    reference.fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(ElasticNet(strength=0.8, l1_ratio=ratio), squared_error, problem, METHODS[method])
    assert_same_solution(found, reference.coef_, float(reference.intercept_), sparse=True)


@pytest.mark.parametrize("method", ["momentum", "adam"])
def test_l2_finds_the_ridge_solution(method: str) -> None:
    problem = draw_problem(3)
    reference = Ridge(alpha=5.0).fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(L2(strength=2 * 5.0 / ROWS), squared_error, problem, METHODS[method])
    assert_same_solution(found, reference.coef_, float(reference.intercept_), sparse=False)


@pytest.mark.parametrize("method", METHODS)
def test_proximal_l1_finds_the_sparse_logistic_regression(method: str) -> None:
    """scikit-learn minimises C · Σ loss + ‖w‖₁; SAGA alone leaves the intercept free."""
    problem = draw_problem(4, classes=True)
    reference = LogisticRegression(l1_ratio=1.0, C=1 / (0.05 * ROWS), solver="saga", tol=1e-10, max_iter=100_000)
    reference.fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(L1(strength=0.05), logistic_loss, problem, METHODS[method])
    assert_same_solution(found, reference.coef_[0], float(reference.intercept_[0]), sparse=True)


def test_the_subgradient_has_no_exact_zeros_on_the_same_lasso() -> None:
    found = minimise(L1(strength=0.4, method="subgradient"), squared_error, draw_problem(0), METHODS["sgd"])
    assert (found["output.weight"] == 0.0).sum() == 0


def test_without_the_gain_momentum_would_solve_another_problem() -> None:
    """What the regularizer is defended against: the threshold rate · strength under momentum 0.9."""
    problem = draw_problem(0)
    reference = Lasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(problem.x.numpy(), problem.y.numpy())
    naive = replace(METHODS["momentum"], gain=sgd_gain(0.0))
    w = minimise(L1(strength=0.4), squared_error, problem, naive)["output.weight"][0].numpy()
    assert np.linalg.norm(w - reference.coef_) > 0.05 * np.linalg.norm(reference.coef_)
