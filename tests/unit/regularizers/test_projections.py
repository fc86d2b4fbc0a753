"""Weights projected after each update: unit_norm and non_negative, against their definitions and scipy's nnls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import nnls
from torch import Tensor

from regbench.regularizers.base import Params, Regularizer, Update
from regbench.regularizers.non_negative import NonNegative
from regbench.regularizers.unit_norm import UnitNorm
from tests.contract.conftest import make_setting, train
from tests.unit.regularizers.stacked import make_context
from tests.unit.training import small_runs
from tests.unit.training.small_runs import make_split, train_alone


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=dtype)


def after(regularizer: Regularizer, weights: Params) -> Params:
    return regularizer.after_update(Update(weights, weights, torch.tensor(0.1), {}), make_context())[0]


WEIGHTS = {
    "conv0.weight": draw(4, 2, 3, 3),
    "conv0.bias": draw(4),
    "norm0.scale": draw(4),
    "output.weight": draw(3, 6),
    "output.bias": draw(3),
}


@pytest.mark.parametrize("scope", ["unit", "layer"])
def test_weights_have_norm_1_and_keep_their_direction(scope: str) -> None:
    found = after(UnitNorm(scope=scope), WEIGHTS)
    for name, w in WEIGHTS.items():
        if not name.endswith(".weight"):
            assert found[name] is w
            continue
        before, rows = (v.reshape(len(v) if scope == "unit" else 1, -1) for v in (w, found[name]))
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(rows), dtype=torch.float64), rtol=1e-14, atol=0.0)
        torch.testing.assert_close(rows * before.norm(dim=1, keepdim=True), before, rtol=1e-14, atol=0.0)


def test_a_vector_of_zeros_stays_and_one_that_is_not_a_number_passes() -> None:
    w = torch.tensor([[0.0, 0.0], [3.0, 4.0], [torch.nan, 1.0]])
    found = after(UnitNorm(), {"a.weight": w})["a.weight"]
    assert found[0].tolist() == [0.0, 0.0]
    assert found[1].tolist() == pytest.approx([0.6, 0.8])
    assert found[2].isnan().any()
    assert after(UnitNorm(scope="layer"), {"a.weight": torch.zeros(2, 2)})["a.weight"].count_nonzero() == 0


def test_a_run_with_unit_norm_ends_with_norm_1() -> None:
    own: dict[str, Regularizer] = {"unit_norm": UnitNorm()}
    best = train(*make_setting(own, "image"), [own], [0], [0.05])[0].best
    for name in ("conv0.weight", "conv1.weight", "hidden0.weight", "output.weight"):
        torch.testing.assert_close(best[name].flatten(1).norm(dim=1), torch.ones(len(best[name])))


@pytest.mark.parametrize(("scope", "free"), [("weights", {"conv0.bias", "norm0.scale", "output.bias"}), ("all", set())])
def test_what_is_below_zero_becomes_exactly_zero_and_the_rest_stays(scope: str, free: set[str]) -> None:
    found = after(NonNegative(scope=scope), WEIGHTS)
    for name, w in WEIGHTS.items():
        if name in free:
            assert found[name] is w
        else:
            assert torch.equal(found[name], torch.where(w > 0, w, 0.0))
    assert 0 < found["conv0.weight"].count_nonzero() < found["conv0.weight"].numel()


@pytest.mark.parametrize("kind", [UnitNorm, NonNegative])
def test_nowhere_is_off(kind: type[UnitNorm | NonNegative]) -> None:
    assert after(kind(scope="nowhere"), WEIGHTS) is WEIGHTS


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"name": "sgd", "lr": 0.1},
    "momentum": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    "adam": {"name": "adam", "lr": 0.02},
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_linear_model_ends_at_scipys_non_negative_least_squares(seed: int, optimizer: str) -> None:
    """The intercept is free, which centred columns and targets give to nnls."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((51, 8)) + 0.6 * generator.standard_normal((51, 1))
    y = x @ generator.standard_normal(8) + 2.0 + 0.3 * generator.standard_normal(51)
    centred, target = x[:50] - x[:50].mean(0), y[:50] - y[:50].mean()
    expected = nnls(centred, target)[0]
    assert 0 < np.count_nonzero(expected) < 8
    schedule = {"epochs": 800, "batch_size": "full", "precision": "float64", "curve": {"name": "cosine"}}
    setting = small_runs.make_setting(
        make_split(x, y), {"name": "linear"}, {"non_negative": {}}, **schedule, optimizer=OPTIMIZERS[optimizer]
    )
    best = train_alone(setting).best
    found = best["linear.weight"].numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(found == 0.0, expected == 0.0)
    intercept = y[:50].mean() - x[:50].mean(0) @ expected
    assert best["linear.bias"].item() == pytest.approx(intercept, rel=1e-3)
