"""What a model says of its sites is what passes by them; where initial weights come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.models.base import DataShape
from regbench.models.layers import CONVEX_INITIALISATIONS, INITIALISATIONS
from regbench.models.network import SITE_KINDS, Network, Site
from regbench.models.registry import build_model, names
from regbench.randomness import Randomness

IMAGES = DataShape("classification", "image", (1, 8, 8), 10, np.zeros((4, 1, 8, 8)))
SERIES = DataShape("classification", "series", (1, 40), 10, np.zeros((4, 1, 40)))
TABLE = DataShape("classification", "table", (13,), 3, np.random.default_rng(0).normal(size=(100, 13)))
DATA = {"cnn": IMAGES, "conv1d": SERIES, "linear": TABLE, "mlp": TABLE, "polynomial": TABLE}

INPUT_TABLE = Site("input", "input", (13,))
HIDDEN = [
    Site("hidden0.pre", "preactivation", (64,)),
    Site("hidden0", "hidden", (64,)),
]
SITES = {
    "linear": [INPUT_TABLE],
    "polynomial": [INPUT_TABLE],
    "mlp": [
        INPUT_TABLE,
        *HIDDEN,
        Site("hidden1.pre", "preactivation", (64,)),
        Site("hidden1", "hidden", (64,)),
    ],
    "conv1d": [
        Site("input", "input", (1, 40)),
        Site("conv0.pre", "preactivation", (25, 19)),
        Site("conv0", "channels", (25, 19)),
        Site("conv1.pre", "preactivation", (25, 10)),
        Site("conv1", "channels", (25, 10)),
        Site("conv2.pre", "preactivation", (25, 5)),
        Site("conv2", "channels", (25, 5)),
    ],
    "cnn": [
        Site("input", "input", (1, 8, 8)),
        Site("conv0.pre", "preactivation", (16, 8, 8)),
        Site("conv0", "channels", (16, 4, 4)),
        Site("conv1.pre", "preactivation", (32, 4, 4)),
        Site("conv1", "channels", (32, 2, 2)),
        *HIDDEN,
    ],
}


def built(name: str, **settings: Any) -> Network:
    return build_model({"name": name, **settings}).build(DATA[name])


def test_all_models_are_covered_here() -> None:
    assert sorted(SITES) == sorted(DATA) == names()


@pytest.mark.parametrize("name", SITES)
def test_sites_are_named_as_documented_and_see_what_they_say(name: str) -> None:
    network = built(name)
    assert list(network.sites) == [*SITES[name], Site("output", "output", (DATA[name].outputs,))]
    assert all(site.kind in SITE_KINDS for site in network.sites)
    seen: list[Site] = []

    def watch(site: Site, h: Tensor) -> Tensor:
        assert h.shape == (5, *site.shape)
        seen.append(site)
        return h

    network.forward(
        network.initial_weights(Randomness(0), torch.float32), {}, torch.rand(5, *DATA[name].shape), watch, True
    )
    assert seen == list(network.sites)


@pytest.mark.parametrize("name", SITES)
def test_what_a_tap_returns_is_what_the_network_goes_on_with(name: str) -> None:
    network = built(name, initialisation="xavier_normal")
    weights = network.initial_weights(Randomness(0), torch.float64)
    x = torch.rand(5, *DATA[name].shape, dtype=torch.float64)
    plain = network.forward(weights, {}, x, lambda site, h: h, True)[0]
    for target in network.sites:
        changed = network.forward(weights, {}, x, lambda site, h, t=target: h + (site == t), True)[0]
        assert not torch.allclose(changed, plain), target


@pytest.mark.parametrize("name", ["mlp", "conv1d", "cnn"])
def test_a_sites_value_is_the_activation_of_its_preactivation(name: str) -> None:
    network = built(name, activation="tanh")
    seen: dict[str, Tensor] = {}
    weights = network.initial_weights(Randomness(0), torch.float64)
    x = torch.rand(5, *DATA[name].shape, dtype=torch.float64)
    network.forward(weights, {}, x, lambda site, h: seen.setdefault(site.name, h), True)
    for site in network.sites:
        if site.kind in ("hidden", "channels"):
            after = torch.tanh(seen[f"{site.name}.pre"])
            if name == "cnn" and site.kind == "channels":
                after = torch.nn.functional.max_pool2d(after, 2)
            torch.testing.assert_close(seen[site.name], after, rtol=0, atol=0)


@pytest.mark.parametrize("name", SITES)
def test_layers_have_different_names(name: str) -> None:
    layers = [layer.name for layer in built(name).layers]
    assert len(set(layers)) == len(layers)


@pytest.mark.parametrize("name", SITES)
def test_equal_settings_on_equal_data_build_equal_networks(name: str) -> None:
    assert built(name) == built(name)
    assert hash(built(name)) == hash(built(name))


def expected_variance(scheme: str, fan_in: int, fan_out: int) -> float:
    family = scheme.split("_")[0]
    return {
        "torch": 1 / (3 * fan_in),  # U(-b, b) has variance b^2 / 3
        "he": 2 / fan_in,
        "xavier": 2 / (fan_in + fan_out),
        "lecun": 1 / fan_in,
    }[family]


@pytest.mark.parametrize("scheme", INITIALISATIONS)
@pytest.mark.parametrize(
    ("name", "layer", "fan_in", "fan_out"),
    [("mlp", "hidden1", 64, 64), ("mlp", "hidden0", 13, 64), ("conv1d", "conv1", 75, 75), ("cnn", "conv1", 144, 288)],
)
def test_initial_weights_have_the_mean_and_variance_of_their_scheme(
    scheme: str, name: str, layer: str, fan_in: int, fan_out: int
) -> None:
    network = built(name, initialisation=scheme)
    draws = [network.initial_weights(Randomness(seed), torch.float64) for seed in range(20)]
    w = torch.cat([weights[f"{layer}.weight"].flatten() for weights in draws])
    variance = expected_variance(scheme, fan_in, fan_out)
    # Variance of a sample variance: 2 v^2 / n for the normal law, 0.8 v^2 / n for the uniform.
    spread = math.sqrt((2.0 if scheme.endswith("normal") else 0.8) / w.numel())
    assert abs(w.mean()) < 4 * math.sqrt(variance / w.numel())
    assert abs(w.square().mean() / variance - 1) < 4 * spread
    if not scheme.endswith("normal"):
        assert w.abs().max() <= math.sqrt(3 * variance)
    biases = torch.cat([weights[f"{layer}.bias"] for weights in draws])
    if scheme == "torch":
        assert abs(biases.square().mean() * 3 * fan_in - 1) < 4 * math.sqrt(0.8 / biases.numel())
    else:
        assert (biases == 0).all()


@pytest.mark.parametrize("name", ["linear", "polynomial"])
def test_convex_models_start_at_zero_unless_told_otherwise(name: str) -> None:
    assert all((w == 0).all() for w in built(name).initial_weights(Randomness(0), torch.float64).values())
    for scheme in CONVEX_INITIALISATIONS[1:]:
        drawn = built(name, initialisation=scheme).initial_weights(Randomness(0), torch.float64)
        assert (drawn["linear.weight"] != 0).all()


def test_a_further_layer_leaves_the_initial_weights_of_the_others() -> None:
    shallow = built("mlp", widths=[8, 8]).initial_weights(Randomness(3), torch.float32)
    deep = built("mlp", widths=[8, 8, 8]).initial_weights(Randomness(3), torch.float32)
    assert all(torch.equal(shallow[name], deep[name]) for name in shallow)
    assert not torch.equal(deep["hidden1.weight"], deep["hidden2.weight"])
