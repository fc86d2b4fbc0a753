"""DropConnect in linear layers, against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from regbench.models.layers import Linear
from regbench.models.network import Pass
from regbench.randomness import Randomness
from regbench.regularizers.base import Params
from regbench.regularizers.dropconnect import DropConnect
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context

RANDOM = Randomness(3).at("weights")


def parameters() -> Params:
    return {
        "a.weight": Randomness(1).uniform((40, 30)) + 0.5,
        "a.bias": torch.ones(40),
        "k.weight": torch.ones(4, 2, 3, 3),
        "norm0.scale": torch.ones(40),
    }


@pytest.mark.parametrize("mask", ["row", "batch"])
@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_weights_of_linear_layers_are_dropped_and_scaled_up(mask: str, rate: float) -> None:
    notes: dict[str, Tensor] = {}
    clean = parameters()
    seen = DropConnect(rate=rate, mask=mask).forward_weights(clean, 64, make_context(RANDOM, notes))
    w = seen["a.weight"]
    assert w.shape == ((64, 40, 30) if mask == "row" else (40, 30))
    dropped = w == 0
    assert abs(dropped.double().mean() - rate) < 4 * math.sqrt(rate * (1 - rate) / w.numel())
    kept = round((1 - rate) * 65536) / 65536  # the probability really drawn
    torch.testing.assert_close(w[~dropped], (clean["a.weight"] / kept).expand_as(w)[~dropped])
    assert notes.keys() == set(DropConnect.effects)
    torch.testing.assert_close(notes["drop_fraction"], dropped.float().mean())
    for name in ("a.bias", "k.weight", "norm0.scale"):
        assert seen[name] is clean[name]


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("rate", [1e-6, 1e-5, 0.3, 0.9999, 0.99999])
def test_the_expectation_is_kept_at_every_rate(rate: float) -> None:
    weights, blocks = {"a.weight": torch.ones(1 << 12, 1 << 11, dtype=torch.float64)}, 8
    regularizer = DropConnect(rate=rate, mask="batch")
    seen = (regularizer.forward_weights(weights, 1, make_context(RANDOM.at(k)))["a.weight"] for k in range(blocks))
    mean = sum(float(w.mean()) for w in seen) / blocks
    error = math.sqrt(max(rate, 1e-5) / max(1 - rate, 1e-5) / (blocks << 23))
    assert abs(mean - 1.0) < 4.5 * error


def test_the_measured_fraction_of_a_small_rate_is_no_zero_in_bfloat16() -> None:
    notes: dict[str, Tensor] = {}
    weights = {"a.weight": torch.ones(512, 512, dtype=torch.bfloat16)}
    w = DropConnect(rate=0.00095, mask="batch").forward_weights(weights, 8, make_context(RANDOM, notes))["a.weight"]
    dropped = float((w == 0).double().mean())
    assert abs(dropped - 0.00095) < 4 * math.sqrt(0.00095) / 512
    assert float(notes["drop_fraction"]) == pytest.approx(dropped, rel=1e-3)


def test_each_row_has_a_mask_of_its_own() -> None:
    dropped = DropConnect().forward_weights(parameters(), 16, make_context(RANDOM))["a.weight"] == 0
    assert len({tuple(row.flatten().tolist()) for row in dropped}) == 16


def test_the_forward_pass_applies_each_rows_own_weights() -> None:
    clean = parameters()
    seen = DropConnect(rate=0.5).forward_weights(clean, 8, make_context(RANDOM))
    x = Randomness(2).normal((8, 30))
    out = Linear("a", 30, 40).apply(x, Pass(seen, {}, lambda _, h: h, training=True))
    expected = torch.stack([seen["a.weight"][row] @ x[row] + clean["a.bias"] for row in range(8)])
    torch.testing.assert_close(out, expected)


def test_the_mean_and_variance_of_a_units_input_are_the_papers() -> None:
    # Wan et al. (2013): with v the input and inverted scaling, mean W v and variance p/(1 − p) (W∘W)(v∘v).
    w, v, rate, rows = parameters()["a.weight"], Randomness(2).normal((30,)), 0.3, 20_000
    seen = DropConnect(rate=rate).forward_weights({"a.weight": w}, rows, make_context(RANDOM))["a.weight"]
    sums = seen @ v
    variance = rate / (1 - rate) * (w * w) @ (v * v)
    assert ((sums.mean(0) - w @ v).abs() < 5 * (variance / rows).sqrt()).all()
    assert ((sums.var(0) / variance - 1).abs() < 5 * math.sqrt(2 / rows) * 1.5).all()


@pytest.mark.parametrize("mask", ["row", "batch"])
def test_stacked_runs_get_the_bits_of_runs_alone(mask: str) -> None:
    assert_stacked_equals_alone(
        DropConnect(mask=mask),
        lambda t, r, w: t.forward_weights({"a.weight": w}, 6, make_context(r)),
        parameters()["a.weight"],
        rate=(0.1, 0.5, 0.8),
    )


@pytest.mark.parametrize("mask", ["row", "batch"])
def test_rate_zero_changes_nothing(mask: str) -> None:
    clean = parameters()
    seen = DropConnect(rate=0.0, mask=mask).forward_weights(clean, 6, make_context(RANDOM))
    assert all(seen[name] is clean[name] for name in clean)
