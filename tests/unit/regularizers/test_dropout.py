"""Dropout at its sites, against the paper's definition."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from regbench.errors import ConfigError
from regbench.models.network import Site
from regbench.randomness import Randomness
from regbench.regularizers.dropout import Dropout
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts

HIDDEN = Site("hidden0", "hidden", (500,))
INPUT = Site("input", "input", (500,))
OUTPUT = Site("output", "output", (500,))
RANDOM = Randomness(3).at("dropout")


def values(*shape: int) -> Tensor:
    """Return values that are never zero."""
    return Randomness(1).uniform(shape) + 0.5


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
def test_a_unit_is_dropped_with_its_rate_and_scaled_up_otherwise(rate: float) -> None:
    h = values(400, 500)
    out = Dropout(rate=rate).activations(HIDDEN, h, make_context(RANDOM))
    dropped = out == 0
    error = math.sqrt(rate * (1 - rate) / h.numel())
    assert abs(dropped.double().mean() - rate) < 4 * error
    kept = round((1 - rate) * 65536) / 65536  # the probability really drawn
    torch.testing.assert_close(out[~dropped], (h / kept)[~dropped])


def test_rows_units_and_sites_have_masks_of_their_own() -> None:
    regularizer = Dropout(rate=0.5)
    dropped = regularizer.activations(HIDDEN, values(64, 500), make_context(RANDOM.at("a"))) == 0
    other = regularizer.activations(HIDDEN, values(64, 500), make_context(RANDOM.at("b"))) == 0
    assert not (dropped == dropped[:1]).all(0).any()
    assert not (dropped == dropped[:, :1]).all(1).any()
    assert 0.48 < (dropped == other).double().mean() < 0.52


def test_original_scaling_drops_without_scaling_and_evaluates_scaled() -> None:
    h, regularizer = values(64, 500), Dropout(rate=0.25, scaling="original")
    out = regularizer.activations(HIDDEN, h, make_context(RANDOM))
    assert torch.equal(out[out != 0], h[out != 0])
    assert torch.equal(regularizer.evaluated_activations(HIDDEN, h, make_context()), h * 0.75)


@pytest.mark.parametrize("scaling", ["inverted", "original"])
def test_training_has_the_mean_of_evaluation(scaling: str) -> None:
    h, regularizer = values(1, 500), Dropout(rate=0.4, scaling=scaling)
    trained = regularizer.activations(HIDDEN, h.expand(20_000, 500), make_context(RANDOM)).mean(0)
    expected = regularizer.evaluated_activations(HIDDEN, h, make_context())[0]
    # One value has the standard deviation h·√(p/(1−p)) times the mean's scale; 5 errors for the largest of 500.
    error = expected * math.sqrt(0.4 / 0.6) / math.sqrt(20_000)
    assert ((trained - expected).abs() < 5 * error).all()


EXTREMES = (1e-6, 1e-5, 0.3, 0.9999, 0.99999)
"""Near 0 and 1, where the mask's probability is rounded most; two of them lie beyond the last multiple of 1/65536."""
BLOCKS, BLOCK = 8, 1 << 23


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("rate", EXTREMES)
def test_the_expectation_is_kept_at_every_rate(rate: float) -> None:
    h, regularizer = torch.ones(BLOCK, 1, dtype=torch.float64), Dropout(rate=rate)
    means = [float(regularizer.activations(HIDDEN, h, make_context(RANDOM.at(k))).mean()) for k in range(BLOCKS)]
    assert_mean_is_one(means, rate)


@pytest.mark.matrix(cases=2)
@pytest.mark.parametrize("rate", EXTREMES)
def test_the_original_scaling_evaluates_with_the_expectation_at_every_rate(rate: float) -> None:
    h, regularizer = torch.ones(BLOCK, 1, dtype=torch.float64), Dropout(rate=rate, scaling="original")
    evaluated = float(regularizer.evaluated_activations(HIDDEN, h[:1], make_context()))
    means = [float(regularizer.activations(HIDDEN, h, make_context(RANDOM.at(k))).mean()) for k in range(BLOCKS)]
    assert_mean_is_one([mean / evaluated for mean in means], rate)


def assert_mean_is_one(means: list[float], rate: float) -> None:
    error = math.sqrt(max(rate, 1e-5) / max(1 - rate, 1e-5) / (BLOCKS * BLOCK))
    assert abs(sum(means) / BLOCKS - 1.0) < 4.5 * error


def test_the_measured_fraction_of_a_small_rate_is_no_zero_in_bfloat16() -> None:
    notes: dict[str, Tensor] = {}
    h = torch.ones(512, 512, dtype=torch.bfloat16)
    out = Dropout(rate=0.00095).activations(HIDDEN, h, make_context(RANDOM, notes))
    dropped = float((out == 0).double().mean())
    assert abs(dropped - 0.00095) < 4 * math.sqrt(0.00095) / 512
    assert float(notes["drop_fraction"]) == pytest.approx(dropped, rel=1e-3)


def test_evaluation_is_untouched_when_inverted() -> None:
    h = values(4, 500)
    assert Dropout(rate=0.5).evaluated_activations(HIDDEN, h, make_context()) is h


def test_each_site_has_its_rate() -> None:
    regularizer = Dropout(rate=0.5, input_rate=0.1, output_rate=0.3, layers={"hidden1": 0.8})
    sites = {HIDDEN: 0.5, INPUT: 0.1, OUTPUT: 0.3, Site("hidden1", "hidden", (500,)): 0.8}
    for site, rate in sites.items():
        out = regularizer.activations(site, values(200, 500), make_context(RANDOM.at(site.name)))
        assert abs((out == 0).double().mean() - rate) < 0.01


def test_inputs_and_outputs_are_kept_unless_asked() -> None:
    h = values(4, 500)
    for site in (INPUT, OUTPUT):
        assert torch.equal(Dropout().activations(site, h, make_context(RANDOM)), h)


@pytest.mark.parametrize("scaling", ["inverted", "original"])
def test_a_single_output_is_dropped_and_keeps_its_mean(scaling: str) -> None:
    regularizer, site = Dropout(output_rate=0.2, scaling=scaling), Site("output", "output", (1,))
    z = torch.full((100_000, 1), -3.0, dtype=torch.float64)
    out = regularizer.activations(site, z, make_context(RANDOM))
    assert set(out.unique().tolist()) == {-3.0 if scaling == "original" else float(out.min()), 0.0}
    evaluated = regularizer.evaluated_activations(site, z[:1], make_context())
    error = 3.0 * math.sqrt(0.2 / 0.8 / 100_000)
    assert abs(float(out.mean() - evaluated) * (1.25 if scaling == "original" else 1.0)) <= 3 * error


def test_the_measured_fraction_is_that_of_dropped_hidden_values() -> None:
    notes: dict[str, Tensor] = {}
    regularizer = Dropout(rate=0.3, input_rate=0.2, output_rate=0.1)
    out = regularizer.activations(HIDDEN, values(64, 500), make_context(RANDOM, notes))
    assert notes.keys() == set(Dropout.effects)
    torch.testing.assert_close(notes["drop_fraction"], (out == 0).float().mean())
    notes.clear()
    for site in (INPUT, OUTPUT):
        regularizer.activations(site, values(64, 500), make_context(RANDOM, notes))
    assert not notes


@pytest.mark.parametrize("scaling", ["inverted", "original"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_rate_zero_changes_no_bit_even_when_it_is_a_tensor(scaling: str, dtype: torch.dtype) -> None:
    h = Randomness(1).normal((16, 7), dtype)
    off = torch.tensor(0.0, dtype=torch.float64)
    regularizer: Any = Dropout(rate=off, input_rate=off, output_rate=off, scaling=scaling)
    for site in (HIDDEN, INPUT, OUTPUT):
        assert torch.equal(regularizer.activations(site, h, make_context(RANDOM)), h)
        assert torch.equal(regularizer.evaluated_activations(site, h, make_context()), h)


@pytest.mark.parametrize("scaling", ["inverted", "original"])
def test_stacked_runs_get_the_bits_of_runs_alone(scaling: str) -> None:
    regularizer = Dropout(scaling=scaling)
    rates = {"rate": (0.0, 0.3, 0.9), "input_rate": (0.2, 0.0, 0.5), "output_rate": (0.5, 0.1, 0.0)}
    for site in (HIDDEN, INPUT, OUTPUT):
        assert_stacked_equals_alone(
            regularizer,
            lambda t, r, h, s=site: (
                t.activations(s, h, make_context(r)),
                t.evaluated_activations(s, h, make_context()),
            ),
            values(9, 5),
            **rates,
        )


def test_the_gradient_passes_kept_units_only() -> None:
    h = values(8, 500).requires_grad_()
    out = Dropout(rate=0.5).activations(HIDDEN, h, make_context(RANDOM))
    (gradient,) = torch.autograd.grad(out.sum(), h)
    assert torch.equal(gradient, (out != 0) * 2.0)


def test_an_unknown_layer_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"layers\.hiden0.*did you mean 'hidden0'.*input") as refusal:
        Dropout(layers={"hiden0": 0.5}).check(make_facts())
    assert "\n" not in str(refusal.value)
    assert "hidden0.pre" not in str(refusal.value)


def test_a_model_with_nothing_to_drop_is_refused() -> None:
    linear = make_facts(sites=(INPUT,))
    with pytest.raises(ConfigError, match="no hidden layer"):
        Dropout().check(linear)
    Dropout(input_rate=0.2).check(linear)
    Dropout(output_rate=0.2).check(linear)
    Dropout().check(make_facts())
