"""The worst point that SAM and its adaptive form go to, against their formulas and their invariances."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.regularizers.base import Params
from regbench.regularizers.sam import SAM
from tests.unit.regularizers.stacked import make_context, make_facts

Loss = Callable[[Params], Tensor]
RHO = 0.3


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def find_worst(regularizer: SAM, loss: Loss, weights: Params) -> Params:
    """Return the weights at which the second pass takes its gradient."""
    seen: list[Params] = []

    def gradient(at: Params) -> tuple[Params, None]:
        seen.append(at)
        leaves = {name: w.clone().requires_grad_() for name, w in at.items()}
        return dict(zip(leaves, torch.autograd.grad(loss(leaves), list(leaves.values())), strict=True)), None

    regularizer.gradient_rule(gradient, make_context())(weights)
    return seen[1]


def join(params: Params) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in params.values()])


SLOPES = {"a.weight": draw(3, 2, seed=1), "a.bias": draw(3, seed=2)}
START = {"a.weight": draw(3, 2, seed=3), "a.bias": draw(3, seed=4)}


def linear(weights: Params) -> Tensor:
    return torch.stack([(SLOPES[name] * w).sum() for name, w in weights.items()]).sum()


def test_of_a_linear_loss_the_worst_point_of_sam_lies_at_distance_rho_along_the_slope() -> None:
    worst = find_worst(SAM(rho=RHO), linear, START)
    epsilon = join(worst) - join(START)
    assert epsilon.norm().item() == pytest.approx(RHO, rel=1e-12)
    torch.testing.assert_close(epsilon, RHO * join(SLOPES) / join(SLOPES).norm())


def test_of_a_linear_loss_the_worst_point_of_asam_lies_at_distance_rho_in_shares_of_the_weights() -> None:
    worst = find_worst(SAM(rho=RHO, form="asam", eta=0.25), linear, START)
    epsilon = join(worst) - join(START)
    sizes = torch.cat([START["a.weight"].abs().flatten() + 0.25, torch.ones(3, dtype=torch.float64)])
    assert (epsilon / sizes).norm().item() == pytest.approx(RHO, rel=1e-12)
    slopes = join(SLOPES)
    torch.testing.assert_close(epsilon, RHO * sizes.square() * slopes / (sizes * slopes).norm())
    # No other point at that distance has a higher loss.
    for seed in range(20):
        other = draw(len(sizes), seed=100 + seed)
        other = RHO * sizes * other / other.norm()
        assert (slopes * other).sum() < (slopes * epsilon).sum()


X, TARGET = draw(20, 4, seed=5), draw(20, 2, seed=6)


def rectified(weights: Params) -> Tensor:
    """Mean squared error of a network of two layers of rectified units without biases, and a linear one."""
    h = torch.relu(torch.relu(X @ weights["a.weight"].T) @ weights["b.weight"].T)
    return (h @ weights["output.weight"].T - TARGET).square().mean()


NETWORK = {"a.weight": draw(5, 4, seed=7), "b.weight": draw(6, 5, seed=8), "output.weight": draw(2, 6, seed=9)}


@pytest.mark.parametrize("c", [0.1, 3.0, 50.0])
def test_asam_finds_the_same_loss_when_layers_are_rescaled_by_c_and_one_over_c(c: float) -> None:
    rescaled = {**NETWORK, "a.weight": c * NETWORK["a.weight"], "b.weight": NETWORK["b.weight"] / c}
    assert rectified(rescaled).item() == pytest.approx(rectified(NETWORK).item(), rel=1e-12)
    adaptive = SAM(rho=RHO, form="asam", eta=0.0)
    own, other = (rectified(find_worst(adaptive, rectified, w)).item() for w in (NETWORK, rescaled))
    assert own == pytest.approx(other, rel=1e-10)
    assert own > rectified(NETWORK).item()
    plain, moved = (rectified(find_worst(SAM(rho=RHO), rectified, w)).item() for w in (NETWORK, rescaled))
    assert abs(plain / moved - 1.0) > 0.01, "the distance of sam is not invariant"


def test_asam_with_rho_zero_changes_no_bit_and_zero_weights_or_gradients_stay_finite() -> None:
    worst = find_worst(SAM(rho=0.0, form="asam"), rectified, NETWORK)
    assert all(torch.equal(w, NETWORK[name]) for name, w in worst.items())
    zeros = {name: torch.zeros_like(w) for name, w in NETWORK.items()}
    for eta in (0.0, 0.01):
        assert join(find_worst(SAM(form="asam", eta=eta), rectified, zeros)).count_nonzero() == 0
        nowhere = find_worst(SAM(form="asam", eta=eta), linear, {name: 0.0 * w for name, w in START.items()})
        assert join(nowhere).isfinite().all()


def test_stacked_runs_go_each_to_its_own_adaptive_worst_point() -> None:
    rhos = torch.tensor([0.0, 0.05, 0.5], dtype=torch.float64)

    def gradient(at: Params) -> tuple[Params, None]:
        return torch.func.grad(rectified)(at), None

    def one(weights: Params, rho: Tensor) -> Params:
        return SAM(rho=rho, form="asam").gradient_rule(gradient, make_context())(weights)[0]

    stack = {name: torch.stack([w, 2.0 * w, 0.1 * w]) for name, w in NETWORK.items()}
    together = torch.vmap(one)(stack, rhos)
    for run, rho in enumerate(rhos.tolist()):
        weights = {name: w[run] for name, w in stack.items()}
        for name, own in SAM(rho=rho, form="asam").gradient_rule(gradient, make_context())(weights)[0].items():
            torch.testing.assert_close(together[name][run], own, rtol=1e-10, atol=1e-14)


def test_an_eta_that_nothing_uses_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^regularizer sam: eta=0\.5 acts with form=asam alone$"):
        SAM(eta=0.5).check(make_facts())
    SAM(eta=0.5, form="asam").check(make_facts())
    assert math.isclose(SAM().eta, 0.01)
