"""Bounds of max_norm: a smallest norm, a pull and radii by layer, against Keras' formula and closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.max_norm import MaxNorm
from regbench.regularizers.registry import build_regularizers
from tests.contract.conftest import make_setting
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=dtype)


def after(regularizer: Regularizer, weights: Params) -> Params:
    return regularizer.after_update(Update(weights, weights, torch.tensor(0.1), {}), make_context())[0]


def build(**settings: Any) -> Regularizer:
    return build_regularizers({"max_norm": {"name": "max_norm", **settings}})["max_norm"]


@pytest.mark.parametrize("pull", [1.0, 0.3])
@pytest.mark.parametrize("scope", ["unit", "layer"])
@pytest.mark.parametrize("shape", [(30, 7), (12, 3, 5, 5)])
def test_it_is_keras_min_max_norm_over_all_axes_but_that_of_the_units(
    shape: tuple[int, ...], scope: str, pull: float
) -> None:
    """w · (rate · clip(‖w‖, min, max) / (1e-7 + ‖w‖) + 1 − rate)."""
    w = draw(*shape) * torch.linspace(0.05, 3.0, shape[0], dtype=torch.float64).view(-1, *[1] * (len(shape) - 1))
    low, high = (1.5, 4.0) if scope == "unit" else (1.0, 10.0)
    rows = w.numpy().reshape(shape[0] if scope == "unit" else 1, -1)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    assert scope == "layer" or ((norms < low).any() and (norms > high).any() and ((norms > low) & (norms < high)).any())
    expected = rows * (pull * np.clip(norms, low, high) / (1e-7 + norms) + 1 - pull)
    own = MaxNorm(radius=high, minimum=low, pull=pull, scope=scope)
    np.testing.assert_allclose(after(own, {"a.weight": w})["a.weight"].numpy().reshape(rows.shape), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pull", [1.0, 0.3])
def test_keras_shrinks_what_lies_within_the_bounds_and_here_it_stays_bit_for_bit(
    pull: float, dtype: torch.dtype
) -> None:
    w = draw(50, 6, dtype=dtype)
    norms = torch.linalg.vector_norm(w, dim=1)
    found = after(MaxNorm(radius=2.5, minimum=1.5, pull=pull), {"a.weight": w})["a.weight"]
    within = (norms > 1.5) & (norms < 2.5)
    assert 0 < within.sum() < 50
    assert torch.equal(found[within], w[within])
    assert (found[~within] != w[~within]).any(1).all()


def test_the_articles_weight_is_brought_to_the_radius_and_pulled_half_way() -> None:
    w = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]], dtype=torch.float64)
    whole = after(MaxNorm(radius=6.0), {"a.weight": w})["a.weight"]
    torch.testing.assert_close(whole, w * (6 / math.sqrt(55)))
    half = after(MaxNorm(radius=6.0, pull=0.5), {"a.weight": w})["a.weight"]
    torch.testing.assert_close(half, w * (0.5 * 6 / math.sqrt(55) + 0.5))
    raised = after(MaxNorm(radius=math.inf, minimum=10.0), {"a.weight": w})["a.weight"]
    torch.testing.assert_close(raised, w * (10 / math.sqrt(55)))


def test_a_weight_of_norm_zero_is_not_raised_and_one_that_is_not_a_number_passes() -> None:
    w = torch.tensor([[0.0, 0.0], [torch.nan, 9.0], [0.1, 0.0]])
    found = after(MaxNorm(radius=3.0, minimum=1.0), {"a.weight": w})["a.weight"]
    assert found[0].tolist() == [0.0, 0.0]
    assert found[1].isnan().any()
    assert found[2].tolist() == [1.0, 0.0]


def test_layers_have_their_own_radii_and_inf_frees_one() -> None:
    weights = {"a.weight": 10 * torch.ones(1, 4), "b.weight": 10 * torch.ones(1, 4), "c.weight": 10 * torch.ones(1, 4)}
    found = after(MaxNorm(radius=3.0, layers={"b": 5.0, "c": math.inf}), weights)
    assert {name: w.norm().item() for name, w in found.items()} == pytest.approx(
        {"a.weight": 3.0, "b.weight": 5.0, "c.weight": 20.0}
    )
    assert torch.equal(found["c.weight"], weights["c.weight"])


def test_stacked_runs_with_their_own_bounds_equal_runs_alone() -> None:
    hypers = {"radius": (math.inf, 2.0, 3.0), "minimum": (0.0, 1.5, 2.5)}
    assert_stacked_equals_alone(
        MaxNorm(pull=0.7), lambda own, random, w: after(own, {"a.weight": w})["a.weight"], draw(9, 5), **hypers
    )


def test_bounds_that_exclude_each_other_and_unknown_layers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^regularizer max_norm: minimum=4 must be at most radius=3$"):
        build(minimum=4.0)
    with pytest.raises(ConfigError, match=r"^regularizer max_norm: minimum=2 must be at most layers\.output=1$"):
        build(minimum=2.0, layers={"output": 1.0})
    with pytest.raises(ConfigError, match=r"layers\.output=0 is not allowed; [^\n]+\(0, inf\), or inf for off$"):
        build(layers={"output": 0})
    with pytest.raises(ConfigError, match=r"^regularizer max_norm: layers\.ouput: [^\n]+ did you mean 'output'\? "):
        make_setting({"max_norm": build(layers={"ouput": 1.0})})
