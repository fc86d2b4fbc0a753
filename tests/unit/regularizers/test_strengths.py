"""Strengths of l1, l2 and elastic net by layer and for biases: slopes, optima, refusals, and names of runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.errors import ConfigError
from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.elastic_net import ElasticNet
from regbench.regularizers.idle import explain_idle
from regbench.regularizers.l1 import L1
from regbench.regularizers.l2 import L2
from regbench.regularizers.registry import build_regularizers, load
from tests.contract.conftest import make_setting, train
from tests.unit.regularizers.stacked import make_context
from tests.unit.training import small_runs
from tests.unit.training.small_runs import make_split, train_alone

LAYERED = ("l1", "l2", "elastic_net")
WEIGHTS = {
    name: torch.randn(shape, generator=torch.Generator().manual_seed(place), dtype=torch.float64)
    for place, (name, shape) in enumerate(
        {
            "hidden0.weight": (4, 3),
            "hidden0.bias": (4,),
            "norm0.scale": (4,),
            "hidden1.weight": (4, 4),
            "hidden1.bias": (4,),
            "output.weight": (2, 4),
            "output.bias": (2,),
        }.items()
    )
}
OWN = {"hidden0": 0.7, "hidden1": 0.0}


def build(name: str, **settings: Any) -> Regularizer:
    return build_regularizers({name: {"name": name, **settings}})[name]


def as_gradient(name: str, **settings: Any) -> Regularizer:
    """Return the regularizer with its penalty in the gradient."""
    return build(name, **({} if name == "l2" else {"method": "subgradient"}), **settings)


def slopes(regularizer: Regularizer) -> Params:
    leaves = {name: w.clone().requires_grad_() for name, w in WEIGHTS.items()}
    total = torch.as_tensor(regularizer.penalty(leaves, make_context()))
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {name: torch.zeros_like(w) if g is None else g for (name, w), g in zip(leaves.items(), found, strict=True)}


def unit_slope(name: str, w: Tensor) -> Tensor:
    """Return the slope of the penalty of strength 1; elastic net with half of each."""
    return {"l1": w.sign(), "l2": w, "elastic_net": 0.5 * w.sign() + 0.5 * w}[name]


@pytest.mark.parametrize("name", LAYERED)
def test_the_gradient_is_each_layers_strength_times_the_slope_and_biases_have_their_own(name: str) -> None:
    found = slopes(as_gradient(name, strength=0.2, layers=OWN, bias_strength=0.05))
    expected = {"hidden0.weight": 0.7, "hidden1.weight": 0.0, "output.weight": 0.2, "norm0.scale": 0.0}
    for parameter, w in WEIGHTS.items():
        strength = expected.get(parameter, 0.05)
        torch.testing.assert_close(found[parameter], strength * unit_slope(name, w), rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("name", LAYERED)
def test_with_scope_all_a_layers_strength_is_that_of_its_bias_too(name: str) -> None:
    found = slopes(as_gradient(name, strength=0.2, layers=OWN, scope="all"))
    for parameter, w in WEIGHTS.items():
        strength = OWN.get(parameter.partition(".")[0], 0.2)
        torch.testing.assert_close(found[parameter], strength * unit_slope(name, w), rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("name", ["l1", "elastic_net"])
def test_the_proximal_step_and_its_subgradient_have_the_same_strengths(name: str) -> None:
    settings: dict[str, Any] = {"strength": 0.2, "layers": OWN, "bias_strength": 0.05}
    own = build(name, **settings)
    apart = own.subgradient(WEIGHTS, make_context())
    expected = slopes(as_gradient(name, **settings))
    assert set(apart) == {n for n in WEIGHTS if n not in ("norm0.scale", "hidden1.weight")}
    for parameter, slope in apart.items():
        torch.testing.assert_close(slope, expected[parameter], rtol=1e-14, atol=0.0)
    gains = {parameter: torch.full_like(w, 2.0) for parameter, w in WEIGHTS.items()}
    rate = torch.tensor(0.01, dtype=torch.float64)
    moved, _ = own.after_update(Update(WEIGHTS, WEIGHTS, rate, gains), make_context())
    for parameter, strength in {"hidden0.weight": 0.7, "output.bias": 0.05}.items():
        alone = build(name, strength=strength, scope="all")
        reference, _ = alone.after_update(Update(WEIGHTS, WEIGHTS, rate, gains), make_context())
        assert torch.equal(moved[parameter], reference[parameter])
    assert moved["hidden1.weight"] is WEIGHTS["hidden1.weight"]


@pytest.mark.parametrize("name", LAYERED)
def test_nothing_is_penalised_where_every_layer_has_strength_zero(name: str) -> None:
    own = build(name, strength=0.2, layers=dict.fromkeys(("hidden0", "hidden1", "output"), 0.0))
    assert own.penalty(WEIGHTS, make_context()) == 0.0
    assert own.subgradient(WEIGHTS, make_context()) == {}


@pytest.mark.parametrize("name", LAYERED)
def test_a_run_in_which_every_layer_has_strength_zero_says_so_and_is_the_run_without(name: str) -> None:
    own = {name: build(name, strength=0.2, layers=dict.fromkeys(("hidden0", "hidden1", "output"), 0.0))}
    spec, data = make_setting(own, epochs=1)
    assert explain_idle(own[name], spec.facts) == "the strength of every layer that the model has is 0"
    absent = train(*make_setting({}, epochs=1), [{}], [3], [0.01])[0]
    found = train(spec, data, [own], [3], [0.01])[0]
    assert torch.equal(found.final["weights"], absent.final["weights"])
    one = {name: build(name, strength=0.2, layers={"hidden0": 0.0})}
    assert explain_idle(one[name], make_setting(one)[0].facts) is None


@pytest.mark.parametrize("name", LAYERED)
def test_runs_with_strengths_by_layer_are_stacked_and_equal_runs_alone(name: str) -> None:
    made = [build(name, strength=s, layers={"hidden0": 0.01}, bias_strength=b) for s, b in ((1e-3, 0.0), (1e-2, 0.1))]
    members = [{name: own} for own in made]
    spec, data = make_setting(members[0], precision="float64", epochs=2)
    together = train(spec, data, members, [0, 1], [0.01, 0.02])
    for place in range(2):
        own_spec = replace(spec, regularizers=members[place])
        alone = train(own_spec, data, [members[place]], [place], [0.01 * (place + 1)])[0]
        torch.testing.assert_close(together[place].final["weights"], alone.final["weights"], rtol=1e-10, atol=1e-10)


# -- optima --------------------------------------------------------------------------------------------------------

ROWS = 50
SCHEDULE: dict[str, Any] = {
    "epochs": 2000,
    "batch_size": "full",
    "precision": "float64",
    "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True},
    "stop": {"name": "weight_change", "epsilon": 1e-9},
}


def draw(seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((ROWS + 1, 5)) + 0.5
    return x, x @ np.array([1.0, -2.0, 0.5, 0.0, 1.5]) + 3.0 + 0.3 * generator.standard_normal(ROWS + 1)


@pytest.mark.parametrize("name", ["l2", "elastic_net"])
def test_ridge_with_a_penalised_intercept_is_that_of_the_augmented_design(name: str) -> None:
    """Minimises mean (y − Xw − b)² + ½ 0.3 ‖w‖² + ½ 0.8 b²: one linear system."""
    x, y = draw(2)
    design = np.column_stack([x[:ROWS], np.ones(ROWS)])
    penalties = np.diag([0.3] * 5 + [0.8])
    expected = np.linalg.solve(2 / ROWS * design.T @ design + penalties, 2 / ROWS * design.T @ y[:ROWS])
    own: dict[str, Any] = {"strength": 0.3, "bias_strength": 0.8, **({"l1_ratio": 0.0} if name != "l2" else {})}
    best = train_alone(small_runs.make_setting(make_split(x, y), {"name": "linear"}, {name: own}, **SCHEDULE)).best
    found = np.append(best["linear.weight"].numpy(), best["linear.bias"].numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_an_l1_penalty_of_the_bias_sets_it_to_exactly_zero() -> None:
    x, y = draw(3)
    x, y = x - x[:ROWS].mean(0), y - y[:ROWS].mean() + 0.1  # the slope of the loss at bias 0 is 0.2 in size
    for strength, zero in ((0.19, False), (0.21, True)):
        own = {"l1": {"strength": 0.0, "bias_strength": strength}}
        best = train_alone(small_runs.make_setting(make_split(x, y), {"name": "linear"}, own, **SCHEDULE)).best
        assert (best["linear.bias"].item() == 0.0) == zero


# -- refusals and names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERED)
def test_an_unknown_layer_is_refused_with_the_nearest_name(name: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make_setting({name: build(name, layers={"hiden0": 0.1})})
    assert str(refusal.value) == (
        f"regularizer {name}: layers.hiden0: the model has no such layer; did you mean 'hidden0' or 'hidden1'? "
        "allowed: hidden0, hidden1, output"
    )
    with pytest.raises(ConfigError, match=r"allowed: conv0, conv1, hidden0, output"):
        make_setting({name: build(name, layers={"pool0": 0.1})}, "image")


@pytest.mark.parametrize("name", LAYERED)
def test_a_strength_for_biases_is_refused_beside_scope_all_and_a_negative_one_of_a_layer_anywhere(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^regularizer {name}: bias_strength has no effect with scope=all[^\n]+$"):
        build(name, scope="all", bias_strength=0.1)
    with pytest.raises(ConfigError, match=rf"^regularizer\.{name}\.layers\.hidden0=-0\.1 is not allowed; it takes a "):
        build(name, layers={"hidden0": -0.1})


@pytest.mark.parametrize("kind", [L1, L2, ElasticNet])
def test_scope_all_means_everything_at_one_strength(kind: type[L1 | L2 | ElasticNet]) -> None:
    """A cohort, or a ramp, may hand over a record that nobody composed."""
    both = kind(scope="all", bias_strength=0.3)
    assert both.penalty(WEIGHTS, make_context()) == kind(scope="all").penalty(WEIGHTS, make_context())


def test_the_classes_are_those_of_the_names() -> None:
    assert [load(name) for name in LAYERED] == [L1, L2, ElasticNet]
