"""Noise on inputs, activations and weights: moments, laws, and what is left alone."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from regbench.errors import ConfigError
from regbench.models.network import Site
from regbench.randomness import Randomness
from regbench.regularizers._noise import DISTRIBUTIONS, draw_noise
from regbench.regularizers.activation_noise import ActivationNoise
from regbench.regularizers.base import Rows
from regbench.regularizers.input_noise import InputNoise
from regbench.regularizers.weight_noise import WeightNoise
from tests.unit.regularizers.stacked import assert_stacked_equals_alone, make_context, make_facts, make_rows

RANDOM = Randomness(3).at("noise")
LAWS = {
    "gaussian": stats.norm(),
    "uniform": stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)),
    "laplace": stats.laplace(scale=math.sqrt(0.5)),
}
INPUT_NOISES = (*DISTRIBUTIONS, "poisson", "salt_and_pepper")


def rows_of(x: torch.Tensor) -> Rows:
    return Rows(x, torch.ones(len(x), 1, dtype=x.dtype), torch.ones(len(x), dtype=x.dtype))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_noise_follows_its_law_with_unit_variance(distribution: str) -> None:
    drawn = draw_noise(distribution, RANDOM, (50_000,), torch.float64).numpy()
    assert LAWS[distribution].std() == pytest.approx(1.0)
    assert stats.kstest(drawn, LAWS[distribution].cdf).pvalue > 1e-3


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_strength_is_the_standard_deviation_of_additive_input_noise(distribution: str) -> None:
    batch = make_rows(1000, 50, dtype=torch.float64)
    regularizer = InputNoise(strength=0.3, distribution=distribution)
    noise = regularizer.batch(batch, make_context(RANDOM)).x - batch.x
    assert stats.kstest((noise / 0.3).flatten().numpy(), LAWS[distribution].cdf).pvalue > 1e-3


def test_poisson_noise_counts_quanta_of_the_squared_strength() -> None:
    strength, value, count = 0.5, 2.0, 100_000
    x = torch.full((count, 1), value, dtype=torch.float64)
    noisy = InputNoise(strength=strength, distribution="poisson").batch(rows_of(x), make_context(RANDOM)).x
    quanta = noisy / strength**2
    torch.testing.assert_close(quanta, quanta.round(), atol=1e-9, rtol=0)
    variance = strength**2 * value
    assert abs(noisy.mean() - value) < 4 * math.sqrt(variance / count)
    # The variance of a sample variance is (μ4 − σ⁴)/n, and for quanta of rate r, μ4 = r + 3 r².
    rate = value / strength**2
    error = strength**4 * math.sqrt((rate + 2 * rate**2) / count)
    assert abs(noisy.var() - variance) < 4 * error


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("strength", [1e-300, 1e-200, 1e-10, 1e-6, 1e-3, 0.1])
def test_poisson_noise_keeps_the_mean_and_has_its_deviation_at_every_strength(
    strength: float, dtype: torch.dtype
) -> None:
    """Near off is like off: a mean of x and a standard deviation of strength · √x, as far as x can hold them."""
    value, count = 0.7, 40_000
    x = torch.full((count, 1), value, dtype=dtype)
    noise = (
        InputNoise(strength=strength, distribution="poisson").batch(rows_of(x), make_context(RANDOM)).x - x
    ).double()
    deviation, rounding = strength * math.sqrt(value), torch.finfo(dtype).eps
    assert abs(noise.mean()) < 4.5 * deviation / math.sqrt(count) + rounding
    if deviation < rounding:
        assert noise.abs().max() <= 8 * rounding
    elif deviation > 100 * rounding:
        assert noise.std() == pytest.approx(deviation, rel=5 / math.sqrt(2 * count))


def test_salt_and_pepper_flips_with_its_probability_to_either_end() -> None:
    x = 0.25 + 0.5 * make_rows(2000, 50).x
    regularizer = InputNoise(strength=0.2, distribution="salt_and_pepper", low=0.0, high=1.0)
    noisy = regularizer.batch(rows_of(x), make_context(RANDOM)).x
    salt, pepper = noisy == 1.0, noisy == 0.0
    error = math.sqrt(0.1 * 0.9 / x.numel())
    assert abs(salt.double().mean() - 0.1) < 4 * error
    assert abs(pepper.double().mean() - 0.1) < 4 * error
    assert torch.equal(noisy[~salt & ~pepper], x[~salt & ~pepper])


def test_salt_and_pepper_take_each_inputs_own_range_by_default() -> None:
    x = make_rows(400, 3).x * torch.tensor([1.0, 10.0, 100.0])
    noisy = InputNoise(strength=0.5, distribution="salt_and_pepper").batch(rows_of(x), make_context(RANDOM)).x
    changed = noisy != x
    ends = (noisy == x.amin(0)) | (noisy == x.amax(0))
    assert changed.any(0).all()
    assert ends[changed].all()


@pytest.mark.parametrize("distribution", INPUT_NOISES)
def test_targets_and_weights_stay(distribution: str) -> None:
    batch = make_rows(8, 6)
    noisy = InputNoise(strength=0.5, distribution=distribution).batch(batch, make_context(RANDOM))
    assert noisy.y is batch.y
    assert noisy.weight is batch.weight
    assert not torch.equal(noisy.x, batch.x)


@pytest.mark.parametrize("distribution", INPUT_NOISES)
def test_stacked_input_noise_has_the_bits_of_runs_alone_and_zero_is_off(distribution: str) -> None:
    batch = make_rows(8, 2, 5)
    regularizer = InputNoise(distribution=distribution)
    assert_stacked_equals_alone(
        regularizer, lambda t, r, x: t.batch(batch._replace(x=x), make_context(r)).x, batch.x, strength=(0.0, 0.1, 0.7)
    )
    off = InputNoise(distribution=distribution, strength=0.0).batch(batch, make_context(RANDOM))
    assert torch.equal(off.x, batch.x)


def test_poisson_noise_survives_values_below_zero_from_an_earlier_regularizer() -> None:
    x = torch.tensor([[-1.0, 2.0]])
    noisy = InputNoise(distribution="poisson", strength=0.5).batch(rows_of(x), make_context(RANDOM)).x
    assert noisy[0, 0] == 0.0


def test_gaussian_noise_adds_an_l2_penalty_to_a_linear_models_squared_loss() -> None:
    # Bishop (1995): E[(w·(x + n) − y)²] = (w·x − y)² + s² ‖w‖² for a single row x, exactly.
    w, x, y = (
        torch.tensor([0.5, -2.0, 1.0], dtype=torch.float64),
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        0.7,
    )
    count, strength = 200_000, 0.3
    noisy = InputNoise(strength=strength).batch(rows_of(x.expand(count, 3)), make_context(RANDOM)).x
    losses = (noisy @ w - y).square()
    expected = (x @ w - y) ** 2 + strength**2 * w.square().sum()
    assert abs(losses.mean() - expected) < 3 * losses.std() / math.sqrt(count)


@pytest.mark.parametrize(
    ("regularizer", "facts", "message"),
    [
        (InputNoise(distribution="poisson"), {"nonnegative": False}, "poisson needs inputs >= 0"),
        (InputNoise(distribution="salt_and_pepper", strength=1.0), {}, r"probability in \[0, 1\)"),
        (InputNoise(distribution="salt_and_pepper", low=2.0, high=1.0), {}, "low=2 must lie below high=1"),
        (InputNoise(distribution="salt_and_pepper"), {"batch_size": 1}, "batch_size=1 needs both low and high"),
        (InputNoise(distribution="salt_and_pepper", low=0.0), {"batch_size": 1}, "batch_size=1 needs both"),
        (ActivationNoise(), {"sites": (Site("input", "input", (6,)),)}, "non-linearity"),
    ],
)
def test_unfit_settings_are_refused(regularizer: InputNoise, facts: dict[str, bool], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        regularizer.check(make_facts(**facts))


def test_salt_and_pepper_of_single_rows_takes_ends_that_are_given() -> None:
    InputNoise(distribution="salt_and_pepper", low=0.0, high=1.0).check(make_facts(batch_size=1))
    InputNoise().check(make_facts(batch_size=1))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("where", "kind"), [("before", "preactivation"), ("after", "hidden"), ("after", "channels")])
def test_activation_noise_acts_on_its_side_of_the_non_linearity(distribution: str, where: str, kind: str) -> None:
    regularizer = ActivationNoise(strength=2.0, distribution=distribution, where=where)
    h = Randomness(1).normal((400, 50), torch.float64)
    for site in (Site("a", "preactivation", (50,)), Site("b", "hidden", (50,)), Site("c", "channels", (50,))):
        noise = regularizer.activations(site, h, make_context(RANDOM)) - h
        if site.kind == kind:
            assert stats.kstest((noise / 2.0).flatten().numpy(), LAWS[distribution].cdf).pvalue > 1e-3
        elif (where == "before") != (site.kind == "preactivation"):
            assert not noise.any()
    assert torch.equal(regularizer.evaluated_activations(Site("a", "preactivation", (50,)), h, make_context()), h)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_stacked_activation_noise_has_the_bits_of_runs_alone(distribution: str) -> None:
    site, regularizer = Site("a", "preactivation", (5,)), ActivationNoise(distribution=distribution)
    h = Randomness(1).normal((7, 5))
    assert_stacked_equals_alone(
        regularizer, lambda t, r, h: t.activations(site, h, make_context(r)), h, strength=(0.0, 0.1, 3.0)
    )
    assert torch.equal(ActivationNoise(strength=0.0).activations(site, h, make_context(RANDOM)), h)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_weight_noise_has_its_standard_deviation_and_leaves_the_clean_weights(distribution: str) -> None:
    clean = {"a.weight": torch.zeros(300, 100, dtype=torch.float64), "a.bias": torch.ones(300, dtype=torch.float64)}
    seen = WeightNoise(strength=0.2, distribution=distribution).forward_weights(clean, 8, make_context(RANDOM))
    assert stats.kstest((seen["a.weight"] / 0.2).flatten().numpy(), LAWS[distribution].cdf).pvalue > 1e-3
    assert not clean["a.weight"].any()
    assert seen["a.bias"] is clean["a.bias"]


def test_weight_noise_covers_every_parameter_if_asked_each_with_its_own() -> None:
    clean = {name: torch.zeros(4, 4) for name in ("a.weight", "b.weight", "a.bias", "norm0.scale")}
    seen = WeightNoise(scope="all").forward_weights(clean, 8, make_context(RANDOM))
    assert all(w.all() for w in seen.values())
    assert not torch.equal(seen["a.weight"], seen["b.weight"])


def test_weight_noise_on_biases_leaves_everything_else_and_is_the_noise_that_they_get_in_scope_all() -> None:
    clean = {name: torch.zeros(40) for name in ("a.weight", "a.bias", "norm0.scale", "norm0.shift", "output.bias")}
    seen, everywhere = (
        WeightNoise(strength=0.2, scope=scope).forward_weights(clean, 8, make_context(RANDOM))
        for scope in ("biases", "all")
    )
    assert [name for name, w in seen.items() if w is not clean[name]] == ["a.bias", "output.bias"]
    assert all(torch.equal(seen[name], everywhere[name]) for name in ("a.bias", "output.bias"))
    assert seen["a.bias"].all()


def test_stacked_weight_noise_has_the_bits_of_runs_alone() -> None:
    w = Randomness(1).normal((5, 4))
    assert_stacked_equals_alone(
        WeightNoise(),
        lambda t, r, w: t.forward_weights({"a.weight": w}, 8, make_context(r)),
        w,
        strength=(0.0, 0.1, 3.0),
    )
    off = WeightNoise(strength=0.0).forward_weights({"a.weight": w}, 8, make_context(RANDOM))
    assert torch.equal(off["a.weight"], w)
