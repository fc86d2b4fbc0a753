"""Every model against the same network in `torch.nn`, and its number of parameters against the formula."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from regbench.models.base import DataShape
from regbench.models.network import Network, Tensors
from regbench.models.registry import build_model
from regbench.randomness import Randomness

LAYOUTS = {1: "table", 2: "series", 3: "image"}


def shape_of(shape: tuple[int, ...], outputs: int) -> DataShape:
    task = "regression" if outputs == 1 else "classification"
    return DataShape(task, LAYOUTS[len(shape)], shape, outputs, np.zeros((2, *shape)))


def run(network: Network, weights: Tensors, x: Tensor) -> Tensor:
    return network.forward(weights, {}, x, lambda site, h: h, True)[0]


def with_weights(reference: nn.Module, weights: Tensors) -> nn.Module:
    """Copy weights into a `torch.nn` module by position: both list them in the order of the forward pass."""
    own = dict(reference.named_parameters())
    assert [p.shape for p in own.values()] == [w.shape for w in weights.values()]
    with torch.no_grad():
        for parameter, weight in zip(own.values(), weights.values(), strict=True):
            parameter.copy_(weight)
    return reference


def dense(*sizes: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def convolutional_1d(channels: int, outputs: int, features: int) -> nn.Sequential:
    """The model CNN of the MNIST-1D paper."""
    return nn.Sequential(
        *(nn.Conv1d(1, channels, 5, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv1d(channels, channels, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv1d(channels, channels, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(features, outputs)),
    )


def convolutional_2d(colours: int, kernel: int, features: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(colours, 16, kernel, padding="same"), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, kernel, padding="same"), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(features, 64), nn.ReLU(), nn.Linear(64, outputs)),
    )


# Settings, shape of a row, outputs, the same network in torch.nn, number of parameters by the formula.
CASES: dict[str, tuple[dict[str, Any], tuple[int, ...], int, nn.Module, int]] = {
    "linear regression": ({"name": "linear"}, (10,), 1, dense(10, 1), 10 + 1),
    "logistic on images": ({"name": "linear"}, (3, 4, 4), 10, dense(48, 10), 48 * 10 + 10),
    "mlp": ({"name": "mlp"}, (64,), 10, dense(64, 64, 64, 10), 65 * 64 + 65 * 64 + 65 * 10),
    "mlp, unequal": ({"name": "mlp", "widths": [7, 5]}, (13,), 3, dense(13, 7, 5, 3), 14 * 7 + 8 * 5 + 6 * 3),
    "mlp, deep": (
        {"name": "mlp", "widths": [8], "depth": 4, "activation": "tanh"},
        (1, 40),
        10,
        dense(40, 8, 8, 8, 8, 10, activation=nn.Tanh),
        41 * 8 + 3 * 9 * 8 + 9 * 10,
    ),
    # The count that the published notebooks of Greydanus (2020) print.
    "conv1d on MNIST-1D": ({"name": "conv1d"}, (1, 40), 10, convolutional_1d(25, 10, 125), 5210),
    "conv1d, shortest": ({"name": "conv1d", "channels": 4}, (1, 3), 1, convolutional_1d(4, 1, 4), 24 + 2 * 52 + 5),
    "cnn, 8 x 8": (
        {"name": "cnn"},
        (1, 8, 8),
        10,
        convolutional_2d(1, 3, 128, 10),
        10 * 16 + (9 * 16 + 1) * 32 + 129 * 64 + 65 * 10,
    ),
    "cnn, odd size, colours": (
        {"name": "cnn", "kernel": 5},
        (3, 29, 21),
        2,
        convolutional_2d(3, 5, 32 * 7 * 5, 2),
        76 * 16 + (25 * 16 + 1) * 32 + (32 * 35 + 1) * 64 + 65 * 2,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_equal_those_of_the_same_network_in_torch(case: str, dtype: torch.dtype) -> None:
    settings, shape, outputs, reference, _ = CASES[case]
    settings = settings | {"initialisation": "xavier_normal"}
    network = build_model(settings).build(shape_of(shape, outputs))
    weights = network.initial_weights(Randomness(0), dtype)
    x = torch.randn(16, *shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    expected = with_weights(reference.to(dtype), weights)(x)
    found = run(network, weights, x)
    assert found.dtype == dtype
    assert found.shape == (16, outputs)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_the_number_of_parameters_is_the_formulas(case: str) -> None:
    settings, shape, outputs, _, count = CASES[case]
    weights = build_model(settings).build(shape_of(shape, outputs)).initial_weights(Randomness(0), torch.float32)
    assert sum(weight.numel() for weight in weights.values()) == count


@pytest.mark.parametrize("case", CASES)
def test_stacked_runs_compute_what_each_computes_alone(case: str) -> None:
    settings, shape, outputs, _, _ = CASES[case]
    settings = settings | {"initialisation": "xavier_normal"}
    network = build_model(settings).build(shape_of(shape, outputs))
    runs = [network.initial_weights(Randomness(seed), torch.float64) for seed in range(3)]
    stacked = {name: torch.stack([weights[name] for weights in runs]) for name in runs[0]}
    x = torch.randn(3, 5, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def outputs_and_gradient(weights: Tensors, x: Tensor) -> tuple[Tensor, Tensors]:
        gradient, found = torch.func.grad_and_value(lambda w: run(network, w, x).square().mean())(weights)
        return found, gradient

    together, gradients = torch.vmap(outputs_and_gradient, randomness="same")(stacked, x)
    for place, weights in enumerate(runs):
        alone, gradient = outputs_and_gradient(weights, x[place])
        torch.testing.assert_close(together[place], alone, rtol=0, atol=1e-12)
        for name in weights:
            torch.testing.assert_close(gradients[name][place], gradient[name], rtol=0, atol=1e-12)
