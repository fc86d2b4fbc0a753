"""L1, L2 and elastic net as part of the loss, and their proximal steps, against closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.elastic_net import ElasticNet
from regbench.regularizers.l1 import L1
from regbench.regularizers.l2 import L2
from tests.unit.regularizers.stacked import make_context

W = torch.tensor([[3.0, -0.5], [0.0, 0.25]], dtype=torch.float64)
B = torch.tensor([2.0, -1.0], dtype=torch.float64)
WEIGHTS = {"hidden0.weight": W, "hidden0.bias": B}


def penalty_and_gradient(regularizer: Regularizer, weights: Params) -> tuple[Tensor, Params]:
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    value = regularizer.penalty(leaves, make_context())
    assert isinstance(value, Tensor)
    total = value + 0.0 * torch.stack([w.sum() for w in leaves.values()]).sum()
    return value.detach(), dict(zip(leaves, torch.autograd.grad(total, list(leaves.values())), strict=True))


def update_of(weights: Params, rate: float = 0.5, gain: float = 2.0) -> Update:
    like = next(iter(weights.values()))
    gains = {name: torch.full_like(w, gain) for name, w in weights.items()}
    return Update(weights, weights, torch.tensor(rate, dtype=like.dtype), gains)


def test_l2_is_half_strength_times_the_sum_of_squares_with_gradient_strength_times_w() -> None:
    value, gradient = penalty_and_gradient(L2(strength=0.1), WEIGHTS)
    assert value.item() == pytest.approx(0.5 * 0.1 * (9 + 0.25 + 0.0625))
    torch.testing.assert_close(gradient["hidden0.weight"], 0.1 * W)
    assert gradient["hidden0.bias"].count_nonzero() == 0


def test_l2_in_full_scaling_is_twice_as_much() -> None:
    value, gradient = penalty_and_gradient(L2(strength=0.1, scaling="full"), WEIGHTS)
    assert value.item() == pytest.approx(0.1 * (9 + 0.25 + 0.0625))
    torch.testing.assert_close(gradient["hidden0.weight"], 0.2 * W)


def test_l2_of_all_parameters_steps_as_torch_sgd_with_weight_decay() -> None:
    _, gradient = penalty_and_gradient(L2(strength=0.3, scope="all"), WEIGHTS)
    for name, w in WEIGHTS.items():
        parameter = torch.nn.Parameter(w.clone())
        parameter.grad = torch.zeros_like(w)
        torch.optim.SGD([parameter], lr=0.7, weight_decay=0.3).step()
        torch.testing.assert_close(w - 0.7 * gradient[name], parameter.detach())


def test_l1_by_subgradient_adds_strength_times_the_sign() -> None:
    value, gradient = penalty_and_gradient(L1(strength=0.1, method="subgradient"), WEIGHTS)
    assert value.item() == pytest.approx(0.1 * 3.75)
    torch.testing.assert_close(gradient["hidden0.weight"], 0.1 * torch.sign(W))


def test_elastic_net_by_subgradient_mixes_both_penalties() -> None:
    regularizer = ElasticNet(strength=0.2, l1_ratio=0.25, scope="all", method="subgradient")
    value, gradient = penalty_and_gradient(regularizer, WEIGHTS)
    absolute, squares = 3.75 + 3.0, 9.3125 + 5.0
    assert value.item() == pytest.approx(0.2 * (0.25 * absolute + 0.5 * 0.75 * squares))
    for name, w in WEIGHTS.items():
        torch.testing.assert_close(gradient[name], 0.2 * (0.25 * torch.sign(w) + 0.75 * w))


@pytest.mark.parametrize("regularizer", [L1(strength=0.1), ElasticNet(strength=0.1)], ids=["l1", "elastic_net"])
def test_a_proximal_penalty_is_reported_but_has_no_gradient(regularizer: Regularizer) -> None:
    value, gradient = penalty_and_gradient(regularizer, WEIGHTS)
    expected, _ = penalty_and_gradient(replace(regularizer, method="subgradient"), WEIGHTS)  # type: ignore[call-arg]
    assert value == expected > 0
    assert all(g.count_nonzero() == 0 for g in gradient.values())


def test_the_proximal_step_of_l1_is_the_soft_threshold_at_rate_times_gain_times_strength() -> None:
    new, _ = L1(strength=0.3).after_update(update_of(WEIGHTS), make_context())  # threshold 0.5 · 2 · 0.3 = 0.3
    torch.testing.assert_close(new["hidden0.weight"], torch.tensor([[2.7, -0.2], [0.0, 0.0]], dtype=torch.float64))
    assert new["hidden0.weight"].count_nonzero() == 2
    assert new["hidden0.bias"] is B


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_the_proximal_step_of_elastic_net_minimises_its_definition(ratio: float) -> None:
    """prox(w) = argmin_u ½ (u − w)² + t (r |u| + ½ (1 − r) u²), found on a grid."""
    new, _ = ElasticNet(strength=0.3, l1_ratio=ratio).after_update(update_of(WEIGHTS), make_context())
    u = torch.linspace(-4.0, 4.0, 80001, dtype=torch.float64)
    t = 0.3
    for w, found in zip(W.flatten(), new["hidden0.weight"].flatten(), strict=True):
        cost = 0.5 * (u - w).square() + t * (ratio * u.abs() + 0.5 * (1 - ratio) * u.square())
        assert found.item() == pytest.approx(u[cost.argmin()].item(), abs=1e-4)


def test_elastic_net_at_ratio_one_is_l1_bit_for_bit() -> None:
    new, _ = ElasticNet(strength=0.3, l1_ratio=1.0).after_update(update_of(WEIGHTS), make_context())
    lasso, _ = L1(strength=0.3).after_update(update_of(WEIGHTS), make_context())
    assert all(torch.equal(new[name], lasso[name]) for name in WEIGHTS)


PROXIMAL = [L1(scope="all"), ElasticNet(scope="all"), ElasticNet(scope="all", l1_ratio=0.0)]


@pytest.mark.parametrize("regularizer", PROXIMAL, ids=["l1", "elastic_net", "ridge"])
def test_a_proximal_step_at_strength_zero_changes_no_bit_even_where_the_gain_is_huge(regularizer: Regularizer) -> None:
    weights = {"hidden0.weight": torch.randn(9, 5, generator=torch.Generator().manual_seed(1))}
    new, _ = replace(regularizer, strength=0.0).after_update(update_of(weights, gain=1e8), make_context())  # type: ignore[call-arg]
    assert torch.equal(new["hidden0.weight"], weights["hidden0.weight"])


def test_a_weight_that_is_not_a_number_stays_so() -> None:
    new, _ = L1(strength=1.0).after_update(update_of({"a.weight": torch.tensor([[torch.nan, 1.0]])}), make_context())
    assert new["a.weight"].isnan().tolist() == [[True, False]]


@pytest.mark.parametrize("method", ["proximal", "subgradient"])
@pytest.mark.parametrize("regularizer", [L1(), ElasticNet(), L2()], ids=["l1", "elastic_net", "l2"])
def test_stacked_runs_with_their_own_strength_equal_runs_alone(regularizer: Regularizer, method: str) -> None:
    if not isinstance(regularizer, L2):
        regularizer = replace(regularizer, method=method)  # type: ignore[call-arg]
    generator = torch.Generator().manual_seed(0)
    stack = {"a.weight": torch.randn(3, 5, 4, generator=generator), "a.bias": torch.randn(3, 5, generator=generator)}
    strengths = [0.0, 0.123, 0.9]

    def one(weights: Params, strength: Tensor) -> tuple[Tensor, Params, Params]:
        own = replace(regularizer, strength=strength)  # type: ignore[call-arg]
        slope, value = torch.func.grad_and_value(own.penalty)(weights, make_context())
        return value, slope, own.after_update(update_of(weights), make_context())[0]

    values, slopes, updated = torch.vmap(one, randomness="same")(stack, torch.tensor(strengths, dtype=torch.float64))
    for run, strength in enumerate(strengths):
        alone = {name: w[run] for name, w in stack.items()}
        own = replace(regularizer, strength=strength)  # type: ignore[call-arg]
        value, slope = penalty_and_gradient(own, alone)
        assert values.dtype == value.dtype == torch.float32
        torch.testing.assert_close(values[run], value)
        assert all(torch.equal(slopes[name][run], slope[name]) for name in alone)
        assert all(
            torch.equal(updated[name][run], w)
            for name, w in own.after_update(update_of(alone), make_context())[0].items()
        )
