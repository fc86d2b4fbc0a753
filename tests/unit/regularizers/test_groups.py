"""The group lasso: its step solves its problem, and what training ends with is the optimum that others find."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import MultiTaskLasso
from torch import Tensor

from regbench.regularizers.base import Params, Update
from regbench.regularizers.group_lasso import GroupLasso
from tests.unit.regularizers.stacked import make_context
from tests.unit.regularizers.test_convex import COLUMNS, METHODS, ROWS, Problem, draw_problem, minimise, squared_error

OUTPUTS = 3
UNEVEN = [0.02, 7.0, 0.5, 1.0, 3.0]


def step(regularizer: GroupLasso, v: Tensor, gain: Tensor, lr: float = 1.0) -> Tensor:
    update = Update({"a.weight": v}, {"a.weight": v}, torch.tensor(lr, dtype=v.dtype), {"a.weight": gain})
    weights, _ = regularizer.after_update(update, make_context())
    return weights["a.weight"]


def draw_layer(seed: int, uneven: bool) -> tuple[Tensor, Tensor]:
    """Return a layer of four units and five inputs, of which some are small, and gains."""
    source = torch.Generator().manual_seed(seed)
    v = torch.randn(4, 5, generator=source, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.6, 0.3, 0.05])
    v[2] *= 0.02
    rows = torch.tensor([1.0, 0.1, 4.0, 0.5], dtype=torch.float64)[:, None]
    gain = rows * torch.tensor(UNEVEN, dtype=torch.float64) if uneven else torch.full_like(v, 0.3)
    return v, gain


@pytest.mark.parametrize("uneven", [False, True], ids=["one gain", "uneven gains"])
@pytest.mark.parametrize("ratio", [0.0, 0.3])
@pytest.mark.parametrize("weighting", ["size", "none"])
@pytest.mark.parametrize("groups", ["inputs", "units"])
def test_the_step_is_the_minimum_of_its_problem(groups: str, weighting: str, ratio: float, uneven: bool) -> None:
    """(v − w) / γ is a subgradient of the penalty at w."""
    strength = 0.25
    made = GroupLasso(strength=strength, l1_ratio=ratio, groups=groups, weighting=weighting)
    zeros = 0
    for seed in range(5):
        v, gain = draw_layer(seed, uneven)
        w = step(made, v, gain)
        left = (v - w) / gain
        for own, slope in zip(*((t if groups == "units" else t.T) for t in (w, left)), strict=True):
            share = (1.0 - ratio) * strength * (math.sqrt(len(own)) if weighting == "size" else 1.0)
            if not own.any():
                zeros += 1
                beyond = slope.abs().sub(ratio * strength).clamp_min(0.0)
                assert beyond.norm() <= share * (1.0 + 1e-9)
                continue
            rest = slope - share * own / own.norm()
            kept = own != 0.0
            torch.testing.assert_close(rest[kept], ratio * strength * own[kept].sign(), rtol=1e-8, atol=1e-8)
            assert (rest[~kept].abs() <= ratio * strength * (1.0 + 1e-9)).all()
    assert 0 < zeros < 5 * 4


def test_with_one_gain_it_is_the_formula_of_the_paper() -> None:
    v, gain = draw_layer(1, uneven=False)
    threshold = 0.5 * 0.3 * 0.4 * 2.0  # lr · gain · strength · √4
    norms = v.norm(dim=0)
    expected = v * (1.0 - threshold / norms).clamp_min(0.0)
    torch.testing.assert_close(step(GroupLasso(strength=0.4), v, gain, lr=0.5), expected, rtol=1e-12, atol=1e-14)


def test_a_kernel_from_channel_to_channel_is_a_group() -> None:
    v = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    v[1, 0] *= 0.01
    w = step(GroupLasso(strength=0.1, groups="channels"), v, torch.ones_like(v))
    assert not w[1, 0].any()
    factor = 1.0 - 0.1 * 4.0 / v.flatten(2).norm(dim=-1)
    torch.testing.assert_close(w[2], v[2] * factor[2][:, None, None])


def test_off_it_changes_no_bit_and_what_is_not_finite_stays_so() -> None:
    v, gain = draw_layer(0, uneven=True)
    v[1, 2] = 0.0
    assert torch.equal(step(GroupLasso(strength=0.0), v, gain), v)
    v[0, 0] = math.nan
    assert step(GroupLasso(strength=0.1), v, gain)[0, 0].isnan()


def draw_outputs() -> tuple[Problem, np.ndarray]:
    problem = draw_problem(0)
    mixing = np.random.default_rng(7).normal(size=(4, OUTPUTS))
    y = problem.x.numpy()[:, :4] @ mixing + 0.5 * np.random.default_rng(8).normal(size=(ROWS, OUTPUTS)) + 0.3
    return Problem(problem.x, torch.tensor(y)), y


def mean_squared(problem: Problem, weights: Params) -> Tensor:
    return (problem.x @ weights["output.weight"].T + weights["output.bias"] - problem.y).square().mean()


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("method", METHODS)
def test_groups_of_inputs_are_those_of_the_multi_task_lasso(method: str) -> None:
    problem, y = draw_outputs()
    alpha = 0.35
    reference = MultiTaskLasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(problem.x.numpy(), y)
    made = GroupLasso(strength=2.0 * alpha / OUTPUTS, weighting="none")
    found = minimise(made, mean_squared, problem, METHODS[method], outputs=OUTPUTS)
    w = found["output.weight"].numpy()
    assert np.linalg.norm(w - reference.coef_) < 1e-3 * np.linalg.norm(reference.coef_)
    assert 0 < (reference.coef_ == 0.0).all(0).sum() < COLUMNS
    assert ((w == 0.0).all(0) == (reference.coef_ == 0.0).all(0)).all()


@pytest.mark.parametrize("method", ["momentum", "adam"])
def test_at_rest_the_gradient_is_a_subgradient_of_the_penalty(method: str) -> None:
    problem, _ = draw_outputs()
    strength, ratio = 0.2, 0.4
    made = GroupLasso(strength=strength, l1_ratio=ratio)
    found = minimise(made, mean_squared, problem, METHODS[method], outputs=OUTPUTS)
    free = {name: value.clone().requires_grad_() for name, value in found.items()}
    (gradient,) = torch.autograd.grad(mean_squared(problem, free), free["output.weight"])
    residuals, share = [], (1.0 - ratio) * strength * math.sqrt(OUTPUTS)
    for own, slope in zip(found["output.weight"].T, -gradient.T, strict=True):
        rest = slope.sign() * (slope.abs() - ratio * strength).clamp_min(0.0)
        if not own.any():
            residuals.append(float((rest.norm() - share).clamp_min(0.0)))
            continue
        kept = own != 0.0
        exact = ratio * strength * own.sign() + share * own / own.norm()
        residuals.append(float((slope - exact)[kept].abs().max()))
        residuals += [float(x) for x in (slope[~kept].abs() - ratio * strength).clamp_min(0.0)]
    assert max(residuals) < 1e-6
    assert 0 < (found["output.weight"] == 0.0).all(0).sum() < COLUMNS


def test_the_penalty_is_the_formula() -> None:
    w = torch.tensor([[3.0, 0.0], [4.0, -2.0]], dtype=torch.float64)
    made = GroupLasso(strength=0.5, l1_ratio=0.25)
    assert float(made.penalty({"a.weight": w, "a.bias": w[0]}, make_context())) == pytest.approx(
        0.5 * (0.25 * 9.0 + 0.75 * math.sqrt(2.0) * (5.0 + 2.0))
    )


def test_one_output_by_inputs_is_the_lasso() -> None:
    problem = draw_problem(0)
    lasso, group = (
        minimise(made, squared_error, problem, METHODS["sgd"])["output.weight"]
        for made in (GroupLasso(strength=0.4, l1_ratio=1.0), GroupLasso(strength=0.4))
    )
    torch.testing.assert_close(lasso, group, rtol=1e-6, atol=1e-8)


def test_the_subgradient_in_the_gradient_is_the_one_that_is_reported_and_finite_at_zero() -> None:
    w = torch.tensor([[3.0, 0.0], [4.0, 0.0]], dtype=torch.float64, requires_grad=True)
    apart, within = (GroupLasso(strength=0.5, l1_ratio=0.25, method=m) for m in ("proximal", "subgradient"))
    (gradient,) = torch.autograd.grad(within.penalty({"a.weight": w}, make_context()), w)
    expected = apart.subgradient({"a.weight": w.detach()}, make_context())["a.weight"]
    torch.testing.assert_close(gradient, expected)
    assert not gradient[:, 1].any()
    assert not apart.penalty({"a.weight": w}, make_context()).requires_grad
