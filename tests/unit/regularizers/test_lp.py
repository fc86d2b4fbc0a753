"""The Lp penalty against l2, l1, closed forms and scipy's minimum of the bridge problem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from regbench.errors import ConfigError
from regbench.randomness import Randomness
from regbench.regularizers.base import Params
from regbench.regularizers.l1 import L1
from regbench.regularizers.l2 import L2
from regbench.regularizers.lp import Lp
from regbench.regularizers.registry import build_regularizers
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context
from tests.unit.training.small_runs import make_setting, make_split, train_alone

FORMS = ("sum", "root")
POWERS = (0.1, 0.5, 1.0, 1.7, 2.0, 4.0, 64.0)


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


WEIGHTS = {"a.weight": draw(5, 4), "a.bias": draw(5), "b.weight": draw(2, 5)}


def slopes(penalty: Any, weights: Params) -> Params:
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    total = penalty.penalty(leaves, make_context())
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {name: torch.zeros_like(w) if g is None else g for (name, w), g in zip(leaves.items(), found, strict=True)}


@pytest.mark.parametrize("settings", [{}, {"scope": "all"}, {"bias_strength": 0.3, "layers": {"b": 0.7}}])
def test_the_sum_at_p_2_is_l2_in_full_scaling(settings: dict[str, Any]) -> None:
    lp, l2 = Lp(strength=0.2, p=2.0, **settings), L2(strength=0.2, scaling="full", **settings)
    assert float(lp.penalty(WEIGHTS, make_context())) == pytest.approx(float(l2.penalty(WEIGHTS, make_context())))
    for found, expected in zip(slopes(lp, WEIGHTS).values(), slopes(l2, WEIGHTS).values(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=0.0)


def test_the_sum_at_p_1_is_the_subgradient_of_l1() -> None:
    lp, l1 = Lp(strength=0.2, p=1.0), L1(strength=0.2, method="subgradient")
    assert float(lp.penalty(WEIGHTS, make_context())) == pytest.approx(
        float(l1.penalty(WEIGHTS, make_context())), rel=1e-4
    )
    for found, expected in zip(slopes(lp, WEIGHTS).values(), slopes(l1, WEIGHTS).values(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("p", [p for p in POWERS if p >= 1.0])
def test_the_root_is_the_norm_of_all_weights_together(p: float) -> None:
    own = {name: w for name, w in WEIGHTS.items() if name.endswith("weight")}
    together = torch.cat([w.flatten() for w in own.values()])
    found = Lp(strength=0.2, p=p, form="root").penalty(WEIGHTS, make_context())
    assert float(found) == pytest.approx(0.2 * float(torch.linalg.vector_norm(together, p)), rel=1e-4)


def test_the_root_below_1_is_the_root_of_the_sum_of_powers() -> None:
    w = WEIGHTS["a.weight"]
    found = Lp(strength=0.2, p=0.5, form="root").penalty({"a.weight": w}, make_context())
    assert float(found) == pytest.approx(0.2 * float(w.abs().sqrt().sum() ** 2), rel=2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("form", FORMS)
def test_zero_weights_cost_nothing_and_have_the_gradient_zero(form: str, p: float, dtype: torch.dtype) -> None:
    weights = {"a.weight": torch.zeros(400, 300, dtype=dtype)}
    penalty = Lp(strength=0.1, p=p, form=form)
    assert float(penalty.penalty(weights, make_context())) == 0.0
    assert slopes(penalty, weights)["a.weight"].count_nonzero() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_finite_where_some_weights_are_zero_or_tiny(form: str, p: float, dtype: torch.dtype) -> None:
    sizes = torch.tensor([[0.0, 1e-12, 1e-7, 1e-3, 1.0, 3.0]], dtype=dtype)
    found = slopes(Lp(strength=0.1, p=p, form=form), {"a.weight": sizes})["a.weight"]
    assert torch.isfinite(found).all()
    assert found[0, 0] == 0.0
    assert (found[0, 4:] > 0.0).all()


@pytest.mark.parametrize("p", POWERS[:-1])  # differences of 64th powers have no digits left
@pytest.mark.parametrize("form", FORMS)
def test_the_gradient_is_that_of_finite_differences(form: str, p: float) -> None:
    penalty = Lp(strength=0.2, p=p, form=form)
    own = WEIGHTS["a.weight"].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda w: torch.as_tensor(penalty.penalty({"a.weight": w}, make_context())), own)


def least_bridge(a: float, strength: float, p: float) -> float:
    """Return the minimum of (w − a)² + strength · |w|^p between a/4 and a, by scipy."""
    return float(
        minimize_scalar(
            lambda w: (w - a) ** 2 + strength * abs(w) ** p,
            bounds=(a / 4, a),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
    )


@pytest.mark.parametrize(("p", "strength"), [(0.5, 0.4), (0.8, 0.5), (1.3, 0.5), (3.0, 0.5)])
@pytest.mark.parametrize("optimizer", [{"name": "sgd", "lr": 0.1, "momentum": 0.9}, {"name": "adam", "lr": 0.02}])
def test_a_run_ends_at_the_minimum_of_the_bridge_problem(p: float, strength: float, optimizer: dict[str, Any]) -> None:
    """One column of mean square 1 and targets a·x: the loss is (w − a)². The start lies on the side of a."""
    a = 1.5
    x = np.array([[1.0], [-1.0], [1.0], [-1.0], [1.0]])
    split = make_split(x, a * x[:, 0])
    settings = {"lp": {"strength": strength, "p": p}}
    schedule = {"optimizer": optimizer, "epochs": 300, "batch_size": "full", "precision": "float64"}
    for seed in range(20):  # the first whose start leads to the minimum at a
        setting = make_setting(split, {"name": "linear", "initialisation": "torch"}, settings, **schedule)
        start = setting.spec.network.initial_weights(Randomness(seed), torch.float64)["linear.weight"].item()
        if start > 0.6:
            break
    found = train_alone(setting, seed).best["linear.weight"].item()
    assert found == pytest.approx(least_bridge(a, strength, p), rel=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_stacked_runs_with_their_own_strength_and_power_equal_runs_alone(form: str) -> None:
    def act(own: Lp, random: object, w: Tensor) -> Any:
        slope, value = torch.func.grad_and_value(lambda v: own.penalty({"a.weight": v}, make_context()))(w)
        return value, slope

    with_zero = draw(6, 5)
    with_zero[0] = 0.0
    hypers = {"strength": (0.0, 0.1, 2.0), "p": (0.5, 2.0, 3.7)}
    assert_stacked_equals_alone(Lp(form=form), act, with_zero, **hypers)


def test_a_power_of_zero_or_above_64_is_refused() -> None:
    for p in (0.0, -1.0, 64.1, math.inf):
        with pytest.raises(
            ConfigError, match=r"regularizer\.lp\.p=[^\n]+ is not allowed; it takes a number in \(0, 64\]"
        ):
            build_regularizers({"lp": {"name": "lp", "p": p}})
