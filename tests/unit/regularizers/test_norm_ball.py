"""Norm balls: the projection is the nearest point, and the constrained run is the penalised one at its radius."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from torch import Tensor

from regbench.regularizers.base import Update
from regbench.regularizers.norm_ball import NormBall
from tests.unit.regularizers.stacked import make_context
from tests.unit.regularizers.test_convex import COLUMNS, METHODS, ROWS, draw_problem, minimise, squared_error

NORMS = ("l2", "l1", "elastic")
RATIO = 0.3


def project(made: NormBall, gain: Tensor | None = None, **weights: Tensor) -> dict[str, Tensor]:
    named = {f"{name}.weight": w for name, w in weights.items()}
    gains = {name: torch.ones_like(w) if gain is None else gain for name, w in named.items()}
    found, _ = made.after_update(Update(named, named, torch.tensor(0.1), gains), make_context())
    return {name.removesuffix(".weight"): w for name, w in found.items()}


def measure(norm: str, w: Tensor) -> Tensor:
    if norm == "elastic":
        return RATIO * w.abs().sum() + (1.0 - RATIO) * w.square().sum()
    return w.norm() if norm == "l2" else w.abs().sum()


def slope(norm: str, w: Tensor) -> Tensor:
    """Return the gradient of what is bounded, at weights of which none is zero."""
    if norm == "elastic":
        return RATIO * w.sign() + 2.0 * (1.0 - RATIO) * w
    return w if norm == "l2" else w.sign()


@pytest.mark.parametrize("spread", [1.0, 1e4], ids=["one gain", "uneven gains"])
@pytest.mark.parametrize("far", [1.001, 3.0, 200.0])
@pytest.mark.parametrize("norm", NORMS)
def test_it_is_the_nearest_point_in_the_metric_of_the_gains(norm: str, far: float, spread: float) -> None:
    """On the ball, and (v − w) / gain is a multiple of the normal: at least as steep where w is zero."""
    source = torch.Generator().manual_seed(3)
    v = torch.randn(6, 8, generator=source, dtype=torch.float64)
    gain = spread ** torch.rand(6, 8, generator=source, dtype=torch.float64)
    radius = float(measure(norm, v)) / far
    w = project(NormBall(norm=norm, radius=radius, l1_ratio=RATIO), gain, a=v)["a"]
    assert float(measure(norm, w)) == pytest.approx(radius, rel=1e-9)
    pull, kept = (v - w) / gain, w != 0.0
    multiplier = (pull / slope(norm, w))[kept]
    torch.testing.assert_close(multiplier, multiplier.mean().expand_as(multiplier), rtol=1e-6, atol=0.0)
    if norm != "l2":
        edge = multiplier.mean() * (1.0 if norm == "l1" else RATIO)
        assert (pull[~kept].abs() <= edge * (1.0 + 1e-6)).all()


def test_the_largest_weight_is_bounded_in_every_metric() -> None:
    v = torch.tensor([[3.0, -0.5, -4.0]])
    assert project(NormBall(norm="linf", radius=2.0), torch.tensor([[9.0, 1.0, 0.1]]), a=v)["a"].tolist() == [
        [2.0, -0.5, -2.0]
    ]


def test_the_scope_says_what_lies_in_one_ball() -> None:
    a, b = torch.tensor([[3.0, 4.0], [0.3, 0.4]]), torch.tensor([[12.0]])
    whole = project(NormBall(radius=6.5, scope="network"), a=a, b=b)
    length = math.sqrt(25.25 + 144.0)
    torch.testing.assert_close(whole["b"], b * 6.5 / length)
    torch.testing.assert_close(whole["a"], a * 6.5 / length)
    layer = project(NormBall(radius=1.0, scope="layer"), a=a, b=b)
    torch.testing.assert_close(layer["a"], a / math.sqrt(25.25))
    unit = project(NormBall(radius=1.0, scope="unit"), a=a, b=b)
    torch.testing.assert_close(unit["a"], torch.tensor([[0.6, 0.8], [0.3, 0.4]]))
    assert torch.equal(unit["a"][1], a[1])


@pytest.mark.parametrize("radius", [10.0, math.inf])
@pytest.mark.parametrize("norm", [*NORMS, "linf"])
def test_inside_no_bit_changes_and_biases_are_left_alone(norm: str, radius: float) -> None:
    w = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 0.3
    made = NormBall(norm=norm, radius=radius)
    named = {"a.weight": w, "a.bias": torch.full((3,), 1e6), "n.scale": torch.full((3,), 1e6)}
    found, _ = made.after_update(
        Update(named, named, torch.tensor(0.1), {n: torch.ones_like(v) for n, v in named.items()}), make_context()
    )
    assert all(torch.equal(found[name], named[name]) for name in named)


def test_what_is_not_finite_stays_so() -> None:
    v = torch.tensor([[math.nan, 1.0]])
    assert all(project(NormBall(norm=norm, radius=0.1), a=v)["a"].isnan().any() for norm in (*NORMS, "linf"))


PENALISED = {
    "l2": (Ridge(alpha=20.0, tol=1e-12), "l2"),
    "l1": (Lasso(alpha=0.2, tol=1e-12, max_iter=100_000), "l1"),
    "elastic": (ElasticNet(alpha=0.4, l1_ratio=0.3, tol=1e-12, max_iter=100_000), "elastic"),
}


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("method", ["momentum", "adam"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_constrained_run_ends_where_the_penalised_one_with_its_norm_does(norm: str, method: str) -> None:
    problem = draw_problem(0)
    model, _ = PENALISED[norm]
    reference = model.fit(problem.x.numpy(), problem.y.numpy()).coef_
    # scikit-learn's elastic net halves the squares: α (ρ ‖w‖₁ + ½ (1 − ρ) ‖w‖²)
    ratio = 0.3 / (0.3 + 0.35)
    bound = {
        "l2": float(np.linalg.norm(reference)),
        "l1": float(np.abs(reference).sum()),
        "elastic": float(ratio * np.abs(reference).sum() + (1.0 - ratio) * np.square(reference).sum()),
    }[norm]
    made = NormBall(norm=norm, radius=bound, l1_ratio=ratio)
    found = minimise(made, squared_error, problem, METHODS[method], absorbed=False)["output.weight"][0].numpy()
    assert np.linalg.norm(found - reference) < 1e-3 * np.linalg.norm(reference)
    if norm != "l2":
        assert 0 < np.count_nonzero(reference) < COLUMNS
        assert ((found == 0.0) == (reference == 0.0)).all()


def test_in_the_euclidean_metric_adam_settles_at_a_higher_loss() -> None:
    problem = draw_problem(0)
    losses = [
        float(squared_error(problem, minimise(made, squared_error, problem, METHODS["adam"], absorbed=False)))
        for made in (NormBall(norm="l1", radius=2.0), NormBall(norm="l1", radius=2.0, metric="euclidean"))
    ]
    assert losses[0] < losses[1] - 1e-4


@pytest.mark.matrix(cases=3)
@pytest.mark.parametrize("method", ["momentum", "adam"])
@pytest.mark.parametrize("norm", NORMS)
def test_at_rest_the_gradient_is_normal_to_the_ball(norm: str, method: str) -> None:
    problem = draw_problem(1)
    made = NormBall(norm=norm, radius=1.5, l1_ratio=RATIO)
    found = minimise(made, squared_error, problem, METHODS[method], absorbed=False)
    free = {name: value.clone().requires_grad_() for name, value in found.items()}
    (gradient,) = torch.autograd.grad(squared_error(problem, free), free["output.weight"])
    w, pull = found["output.weight"][0], -gradient[0]
    kept = w != 0.0
    multiplier = (pull * slope(norm, w))[kept].sum() / slope(norm, w)[kept].square().sum()
    assert multiplier > 0.0
    assert (pull - multiplier * slope(norm, w))[kept].abs().max() < 1e-6
    edge = {"l2": 0.0, "l1": 1.0, "elastic": RATIO}[norm] * multiplier
    assert (pull[~kept].abs() - edge).clamp_min(0.0).sum() < 1e-6
    assert len(problem.x) == ROWS
