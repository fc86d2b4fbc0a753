"""The sparse penalties on convex problems: their optimum, under every optimizer, is scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from regbench.schedules.optimizers import SGD, Adam, Optimizer, RMSprop
from regbench.training.layout import Layout
from regbench.training.optimizer import StackedOptimizer
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


@dataclass(frozen=True)
class Method:
    """An optimizer with a rate at which it converges on these problems, and the steps that this takes."""

    optimizer: Optimizer
    steps: int


METHODS = {
    "sgd": Method(SGD(lr=0.2), 1500),
    "momentum": Method(SGD(lr=0.05, momentum=0.9), 800),
    "nesterov": Method(SGD(lr=0.05, momentum=0.9, nesterov=True), 800),
    "adam": Method(Adam(lr=0.02), 1500),
    "rmsprop": Method(RMSprop(lr=0.01), 1500),
    "rmsprop with momentum": Method(RMSprop(lr=0.005, momentum=0.6), 1500),
}


def minimise(
    regularizer: Regularizer,
    loss: Callable[[Problem, Params], Tensor],
    problem: Problem,
    method: Method,
    *,
    absorbed: bool = True,
) -> Params:
    """Train full batch: penalty in the loss, the optimizer's step, the stage after it, whose move is absorbed.

    The rate falls geometrically over the second half, by a factor of a thousand.
    """
    weights = {
        "output.weight": torch.zeros(1, COLUMNS, dtype=torch.float64),
        "output.bias": torch.zeros(1, dtype=torch.float64),
    }
    layout = Layout(weights)
    flat = layout.flatten(weights, stacked=False)
    optimizer, top = StackedOptimizer(method.optimizer, flat), torch.tensor(method.optimizer.lr, dtype=torch.float64)
    for step in range(method.steps):
        rate = top * 1e-3 ** max(0.0, 2.0 * step / method.steps - 1.0)
        w = flat.clone().requires_grad_()
        own = layout.views(w)
        (gradient,) = torch.autograd.grad(loss(problem, own) + regularizer.penalty(own, make_context()), w)
        slopes = regularizer.subgradient(weights, make_context())
        apart = layout.flatten({n: slopes.get(n, torch.zeros_like(v)) for n, v in weights.items()}, stacked=False)
        stepped = flat + rate * optimizer.step(gradient, apart if slopes else None)
        update = Update(layout.views(stepped), weights, rate, layout.views(optimizer.gain()))
        weights, _ = regularizer.after_update(update, make_context())
        flat = layout.flatten(weights, stacked=False)
        if absorbed:
            optimizer.absorb((stepped - flat) / (rate * optimizer.gain()))
    return weights


def assert_same_solution(found: Params, coefficients: np.ndarray, intercept: float, sparse: bool) -> None:
    w = found["output.weight"][0].numpy()
    assert np.linalg.norm(w - coefficients) < 1e-3 * np.linalg.norm(coefficients)
    assert found["output.bias"].item() == pytest.approx(intercept, rel=1e-3)
    if sparse:
        assert 0 < np.count_nonzero(coefficients) < COLUMNS
        assert ((w == 0.0) == (coefficients == 0.0)).all()


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("method", METHODS)
def test_proximal_l1_finds_the_lasso_with_its_exact_zeros(method: str) -> None:
    problem = draw_problem(0)
    reference = Lasso(alpha=0.2, tol=1e-12, max_iter=100_000).fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(L1(strength=0.4), squared_error, problem, METHODS[method])
    assert_same_solution(found, reference.coef_, float(reference.intercept_), sparse=True)


@pytest.mark.matrix(cases=3)
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


@pytest.mark.matrix(cases=2)
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


def test_without_the_move_in_the_momentum_another_problem_would_be_solved() -> None:
    """What proximal penalties are defended against: under momentum 0.9 their strength would be a tenth."""
    problem = draw_problem(0)
    reference = Lasso(alpha=0.02, tol=1e-12, max_iter=100_000).fit(problem.x.numpy(), problem.y.numpy())
    found = minimise(L1(strength=0.4), squared_error, problem, METHODS["momentum"], absorbed=False)
    assert_same_solution(found, reference.coef_, float(reference.intercept_), sparse=False)
