"""Networks of 2-D convolutions, which lie channels-last, against torch.nn and torch.optim as torch lays them out."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from regbench.randomness import Randomness
from regbench.training.layout import Layout
from tests.contract.conftest import Memory
from tests.unit.training.small_runs import Setting, draw_classes, make_setting, make_split, train_alone, train_seeds

EPOCHS, BATCH, TRAIN, VAL = 3, 16, 56, 12
PLACES = {"conv0": 0, "conv1": 3, "hidden0": 7, "output": 9}
"""Place of each layer with parameters in the network of torch."""


def make_cnn(channels: int) -> Setting:
    x, y = draw_classes(TRAIN + VAL + 4, (channels, 9, 8))
    split = make_split(x, y, layout="image", val=VAL, test=4)
    model = {"name": "cnn", "channels": [4, 5], "hidden": 6}
    sgd = {"name": "sgd", "lr": 0.05, "momentum": 0.8}
    return make_setting(split, model, epochs=EPOCHS, batch_size=BATCH, precision="float64", optimizer=sgd)


def train_torch(setting: Setting, channels: int, seed: int) -> nn.Sequential:
    """Train the same network on the same batches, from the same weights, channels-first."""
    maps = [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    maps += [nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    net = nn.Sequential(*maps, nn.Linear(5 * 2 * 2, 6), nn.ReLU(), nn.Linear(6, 3)).to(torch.float64)
    initial = setting.spec.network.initial_weights(Randomness(seed), torch.float64)
    net.load_state_dict({_rename(name): value for name, value in initial.items()})
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.8)
    rows = setting.data.rows
    for epoch in range(1, EPOCHS + 1):
        for chosen in Randomness(seed).at("order", epoch).permutation(TRAIN).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(rows.x[chosen]), rows.y[chosen].argmax(1)).backward()
            optimizer.step()
    return net


def _rename(name: str) -> str:
    layer, parameter = name.split(".")
    return f"{PLACES[layer]}.{parameter}"


def assert_same(setting: Setting, sink: Memory, net: nn.Sequential) -> None:
    initial = setting.spec.network.initial_weights(Randomness(0), torch.float64)
    final, state = Layout(initial).views(sink.final["weights"][0]), net.state_dict()
    assert {_rename(name) for name in final} == state.keys()
    for name, value in final.items():
        torch.testing.assert_close(value, state[_rename(name)], rtol=0, atol=1e-12)
    assert {name: value.shape for name, value in sink.best.items()} == {n: v.shape for n, v in initial.items()}


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_trained_as_by_torch(channels: int) -> None:
    setting = make_cnn(channels)
    sink = train_alone(setting, seed=3)
    net = train_torch(setting, channels, 3)
    assert_same(setting, sink, net)
    val = setting.data.parts[1]
    with torch.no_grad():
        loss = nn.functional.cross_entropy(net(val.x), val.y.argmax(1)).item()
    assert sink.rows[-1]["val_loss"] == pytest.approx(loss, rel=1e-11)


def test_stacked_images_are_trained_as_by_torch() -> None:
    setting = make_cnn(3)
    for seed, sink in enumerate(train_seeds(setting, [0, 1, 2])):
        assert_same(setting, sink, train_torch(setting, 3, seed))
