"""Clipping, gradient noise and sharpness-aware minimisation against torch's own and against their formulas."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from regbench.randomness import Randomness, Stacked, stack_seeds
from regbench.regularizers.base import Params, Regularizer
from regbench.regularizers.gradient_clipping import GradientClipping
from regbench.regularizers.gradient_noise import GradientNoise
from regbench.regularizers.sam import SAM
from tests.unit.regularizers.stacked import make_context

RANDOM = Randomness(3).at("test")


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def run_stage(
    regularizer: Regularizer, gradients: Params, step: int = 0, random: Randomness = RANDOM
) -> tuple[Params, Params]:
    notes: Params = {}
    new = regularizer.gradients(gradients, gradients, make_context(random, notes, update=step))
    assert notes.keys() == set(regularizer.effects)
    return new, notes


def torch_clipped(gradients: Params, by: str, limit: float) -> Params:
    parameters = {name: torch.nn.Parameter(torch.zeros_like(g)) for name, g in gradients.items()}
    for name, parameter in parameters.items():
        parameter.grad = gradients[name].clone()
    clip = clip_grad_norm_ if by == "norm" else clip_grad_value_
    clip(list(parameters.values()), limit)
    return {name: p.grad for name, p in parameters.items() if p.grad is not None}


GRADIENTS = {"a.weight": random_tensor(8, 5), "a.bias": random_tensor(8, seed=1)}


@pytest.mark.parametrize("scale", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize("limit", [1e-4, 0.5, 1.0, 100.0])
def test_clipping_by_layer_equals_torchs_by_norm_of_each_parameter_alone(limit: float, scale: float) -> None:
    gradients = {name: g * scale for name, g in GRADIENTS.items()}
    new, notes = run_stage(GradientClipping(limit=limit, by="layer"), gradients)
    for name, g in gradients.items():
        expected = torch_clipped({name: g}, "norm", limit)[name]
        torch.testing.assert_close(new[name], expected, rtol=1e-6, atol=0.0)
    beyond = sum(float(torch.linalg.vector_norm(g)) > limit for g in gradients.values())
    assert notes["clipped_fraction"].item() == beyond / 2


@pytest.mark.parametrize("scale", [1.0, 1e-3, 0.0])
@pytest.mark.parametrize("by", ["norm", "value"])
@pytest.mark.parametrize("limit", [1e-4, 0.5, 1.0, 100.0])
def test_clipping_equals_torch(by: str, limit: float, scale: float) -> None:
    gradients = {name: g * scale for name, g in GRADIENTS.items()}
    new, _ = run_stage(GradientClipping(limit=limit, by=by), gradients)
    expected = torch_clipped(gradients, by, limit)
    for name in gradients:
        torch.testing.assert_close(new[name], expected[name], rtol=1e-6, atol=0.0)


def test_the_clipped_fraction_counts_steps_by_norm_and_components_by_value() -> None:
    gradients = {"a.weight": torch.tensor([[3.0, 0.5], [-2.0, 0.0]]), "a.bias": torch.tensor([0.1, -0.9])}
    assert run_stage(GradientClipping(limit=1.0, by="value"), gradients)[1]["clipped_fraction"].item() == pytest.approx(
        2 / 6
    )
    assert run_stage(GradientClipping(limit=3.0), gradients)[1]["clipped_fraction"].item() == 1.0
    assert run_stage(GradientClipping(limit=4.0), gradients)[1]["clipped_fraction"].item() == 0.0


@pytest.mark.parametrize("by", ["norm", "value", "layer"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_clipping_hides_no_overflow(by: str, bad: float) -> None:
    new, _ = run_stage(GradientClipping(by=by), {"a.weight": torch.tensor([[bad, 1.0]])})
    assert not torch.isfinite(new["a.weight"]).all()


@pytest.mark.parametrize(("step", "eta", "gamma"), [(0, 1.0, 0.55), (9, 0.3, 0.55), (999, 0.01, 0.55), (99, 1.0, 0.0)])
def test_gradient_noise_has_the_annealed_variance(step: int, eta: float, gamma: float) -> None:
    n = 200_000
    new, notes = run_stage(GradientNoise(eta=eta, gamma=gamma), {"a.weight": torch.zeros(n)}, step)
    variance = eta / (1 + step) ** gamma
    assert notes["sigma"].item() == pytest.approx(math.sqrt(variance), rel=1e-6)
    noise = new["a.weight"].double()
    assert abs(noise.mean().item()) < 4 * math.sqrt(variance / n)
    assert abs(noise.var().item() - variance) < 4 * variance * math.sqrt(2 / n)


@pytest.mark.parametrize(("distribution", "kurtosis"), [("gaussian", 3.0), ("uniform", 1.8), ("laplace", 6.0)])
def test_every_law_of_gradient_noise_has_the_same_annealed_variance(distribution: str, kurtosis: float) -> None:
    n, eta, update = 200_000, 0.3, 9
    new, _ = run_stage(GradientNoise(eta=eta, distribution=distribution), {"a.weight": torch.zeros(n)}, update)
    noise, variance = new["a.weight"].double(), eta / (1 + update) ** 0.55
    assert abs(noise.mean().item()) < 3 * math.sqrt(variance / n)
    # The variance of a sample variance is (kurtosis − 1) σ⁴ / n.
    assert abs(noise.square().mean().item() - variance) < 3 * variance * math.sqrt((kurtosis - 1) / n)
    # The fourth moment tells the laws apart: their eighth ones, in units of σ⁸, are 105, 9 and 2,520.
    eighth = {"gaussian": 105.0, "uniform": 9.0, "laplace": 2520.0}[distribution]
    error = variance**2 * math.sqrt((eighth - kurtosis**2) / n)
    assert abs(noise.pow(4).mean().item() - kurtosis * variance**2) < 3 * error


def test_gradient_noise_is_independent_between_parameters_of_equal_shape() -> None:
    n = 10_000
    new, _ = run_stage(GradientNoise(eta=1.0), {"a.weight": torch.zeros(n), "b.weight": torch.zeros(n)})
    correlation = torch.corrcoef(torch.stack([new["a.weight"], new["b.weight"]]))[0, 1].item()
    assert abs(correlation) < 4 / math.sqrt(n)


# -- sharpness-aware minimisation ----------------------------------------------------------------------------------

CURVATURE = torch.tensor([1.0, 4.0, 0.5], dtype=torch.float64)


def quadratic(weights: Params) -> tuple[Params, Any]:
    """Gradient of ½ Σ c w² over two tensors, and a report that says at which weights it was taken."""
    return {"a.weight": CURVATURE * weights["a.weight"], "b.weight": 2.0 * weights["b.weight"]}, weights


QUADRATIC_AT = {
    "a.weight": torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64),
    "b.weight": torch.tensor([[0.5]], dtype=torch.float64),
}


def test_sam_takes_the_gradient_at_distance_rho_along_the_joint_gradient_and_reports_the_clean_pass() -> None:
    gradients, report = SAM(rho=0.3).gradient_rule(quadratic, make_context())(QUADRATIC_AT)
    flat = torch.cat([CURVATURE * QUADRATIC_AT["a.weight"], 2.0 * QUADRATIC_AT["b.weight"].flatten()])
    epsilon = 0.3 * flat / math.sqrt(float((flat**2).sum()))
    expected = CURVATURE * (QUADRATIC_AT["a.weight"] + epsilon[:3])
    torch.testing.assert_close(gradients["a.weight"], expected)
    torch.testing.assert_close(gradients["b.weight"], 2.0 * (QUADRATIC_AT["b.weight"] + epsilon[3]))
    assert report is QUADRATIC_AT


def test_sam_stands_still_where_the_gradient_is_zero() -> None:
    gradients, _ = SAM(rho=0.3).gradient_rule(quadratic, make_context())(
        {name: 0.0 * w for name, w in QUADRATIC_AT.items()}
    )
    assert all(g.count_nonzero() == 0 for g in gradients.values())


def test_sam_passes_on_what_is_not_a_number() -> None:
    gradients, _ = SAM().gradient_rule(quadratic, make_context())(
        {**QUADRATIC_AT, "b.weight": torch.tensor([[torch.nan]])}
    )
    assert gradients["b.weight"].isnan().all()


# -- all -----------------------------------------------------------------------------------------------------------

OFF = [
    GradientClipping(limit=math.inf),
    GradientClipping(limit=math.inf, by="value"),
    GradientClipping(limit=math.inf, by="layer"),
    GradientNoise(eta=0.0),
    GradientNoise(eta=0.0, distribution="uniform"),
    GradientNoise(eta=0.0, distribution="laplace"),
]


@pytest.mark.parametrize("regularizer", OFF, ids=lambda r: f"{type(r).__name__}-{getattr(r, 'by', '')}")
def test_the_off_value_changes_no_bit(regularizer: Regularizer) -> None:
    gradients = {**GRADIENTS, "b.weight": torch.zeros(3, 3), "c.weight": GRADIENTS["a.weight"] * 1e8}
    new, _ = run_stage(regularizer, gradients, step=5)
    assert all(torch.equal(g, gradients[name]) for name, g in new.items())


def test_sam_at_rho_zero_changes_no_bit() -> None:
    for weights in (QUADRATIC_AT, {name: 0.0 * w for name, w in QUADRATIC_AT.items()}):
        gradients, _ = SAM(rho=0.0).gradient_rule(quadratic, make_context())(weights)
        assert all(torch.equal(g, quadratic(weights)[0][name]) for name, g in gradients.items())


@pytest.mark.parametrize("by", ["norm", "value", "layer"])
def test_stacked_runs_are_clipped_each_by_its_own_norm_and_limit(by: str) -> None:
    limits = [math.inf, 0.5, 2.0]
    stack = {"a.weight": random_tensor(3, 8, 5) * torch.tensor([1.0, 10.0, 0.1]).view(3, 1, 1)}

    def one(gradients: Params, limit: Tensor) -> tuple[Params, Params]:
        return run_stage(GradientClipping(limit=limit, by=by), gradients)

    together, notes = torch.vmap(one, randomness="same")(stack, torch.tensor(limits, dtype=torch.float64))
    for run, limit in enumerate(limits):
        alone, note = run_stage(GradientClipping(limit=limit, by=by), {"a.weight": stack["a.weight"][run]})
        torch.testing.assert_close(together["a.weight"][run], alone["a.weight"], rtol=1e-6, atol=0.0)
        assert notes["clipped_fraction"][run] == note["clipped_fraction"]
        assert together["a.weight"].dtype == torch.float32


def test_stacked_runs_get_the_noise_of_their_own_seed_eta_and_gamma() -> None:
    seeds, etas, gammas = [3, 4, 5], [0.0, 0.3, 1.0], [0.55, 0.2, 0.8]
    gradients = {"a.weight": random_tensor(8, 5)}

    def one(seed: Stacked, eta: Tensor, gamma: Tensor) -> Params:
        return run_stage(GradientNoise(eta=eta, gamma=gamma), gradients, 7, Randomness(seed).at("x"))[0]

    numbers = [torch.tensor(v, dtype=torch.float64) for v in (etas, gammas)]
    together = torch.vmap(one, (Stacked(None, 0), 0, 0), randomness="same")(stack_seeds(seeds), *numbers)
    for run, (seed, eta, gamma) in enumerate(zip(seeds, etas, gammas, strict=True)):
        alone, _ = run_stage(GradientNoise(eta=eta, gamma=gamma), gradients, 7, Randomness(seed).at("x"))
        torch.testing.assert_close(together["a.weight"][run], alone["a.weight"], rtol=1e-6, atol=0.0)


def test_stacked_runs_are_perturbed_each_along_its_own_gradient() -> None:
    rhos = [0.0, 0.05, 0.5]
    stack = {name: torch.stack([w, 2.0 * w, 0.1 * w]) for name, w in QUADRATIC_AT.items()}

    def one(weights: Params, rho: Tensor) -> Params:
        return SAM(rho=rho).gradient_rule(quadratic, make_context())(weights)[0]

    together = torch.vmap(one, randomness="same")(stack, torch.tensor(rhos, dtype=torch.float64))
    for run, rho in enumerate(rhos):
        alone, _ = SAM(rho=rho).gradient_rule(quadratic, make_context())({name: w[run] for name, w in stack.items()})
        for name, gradient in alone.items():
            torch.testing.assert_close(together[name][run], gradient, rtol=1e-12, atol=0.0)
