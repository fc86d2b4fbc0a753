"""One small network trained by torch.nn and torch.optim alone: the reference that the trainer is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler

from regbench.randomness import Randomness
from regbench.regularizers.base import Regularizer
from tests.unit.training.small_runs import Setting, Settings, draw_classes, make_setting, make_split

EPOCHS, BATCH, TRAIN, VAL, TEST = 3, 16, 72, 20, 8
STEPS = -(-TRAIN // BATCH)
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
DTYPES = {"float32": torch.float32, "float64": torch.float64}

Weights = dict[str, Tensor]
MakeOptimizer = Callable[[nn.Module], torch.optim.Optimizer]
MakeScheduler = Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]


def make_mlp(
    precision: str, regularizers: Mapping[str, Settings | Regularizer] | None = None, **schedule: Any
) -> Setting:
    x, y = draw_classes(TRAIN + VAL + TEST, (7,))
    split = make_split(x, y, val=VAL, test=TEST)
    model = {"name": "mlp", "widths": [9, 6], "activation": "tanh"}
    settings = {"epochs": EPOCHS, "batch_size": BATCH, "precision": precision, **schedule}
    return make_setting(split, model, regularizers, **settings)


class Masked(nn.Module):
    """Inverted dropout with the mask that regbench draws at a site; `random` is the step's source."""

    def __init__(self, site: str, rate: float) -> None:
        super().__init__()
        self.site, self.rate = site, rate
        self.random = Randomness(0)

    def forward(self, h: Tensor) -> Tensor:
        if not self.training:
            return h
        keep = self.random.at("dropout", "activations", self.site).keep(self.rate, h.shape)
        return h * keep / (1.0 - self.rate)


def torch_mlp(extra: Callable[[int], Mapping[str, nn.Module]] = lambda place: {}) -> nn.Sequential:
    """Return the same network in torch.nn; `extra` gives modules of each hidden layer, by name.

    Those whose name begins with `norm` come before the non-linearity, the others after it.
    """
    net = nn.Sequential()
    inputs = 7
    for place, units in enumerate((9, 6)):
        added = extra(place)
        normed = any(name.startswith("norm") for name in added)
        net.add_module(f"hidden{place}", nn.Linear(inputs, units, bias=not normed))  # a norm's shift is its bias
        for name, module in added.items():
            if name.startswith("norm"):
                net.add_module(name, module)
        net.add_module(f"tanh{place}", nn.Tanh())
        for name, module in added.items():
            if not name.startswith("norm"):
                net.add_module(name, module)
        inputs = units
    net.add_module("output", nn.Linear(inputs, 3))
    return net


def rename(name: str) -> str:
    """Return regbench's name of a parameter or buffer of torch: norms have a scale and a shift."""
    if name.startswith("norm"):
        return name.replace("weight", "scale").replace("bias", "shift")
    return name


def read(net: nn.Module) -> Weights:
    """Return parameters and norm statistics by regbench's names."""
    state = {rename(name): value.detach().clone() for name, value in net.state_dict().items()}
    return {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}


def mean_loss(net: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return the cross-entropy of a batch."""
    return nn.functional.cross_entropy(net(x), y.argmax(1))


def train_torch(
    setting: Setting,
    seed: int,
    net: nn.Sequential,
    make_optimizer: MakeOptimizer,
    make_scheduler: MakeScheduler | None = None,
    before_step: Callable[[nn.Module], object] = lambda net: None,
    averaged: Callable[[nn.Module], nn.Module] = lambda net: net,
    loss: Loss = mean_loss,
) -> list[Weights]:
    """Train with torch alone and return what would be evaluated after every step."""
    rows, dtype = setting.data.rows, setting.spec.dtype
    net = net.to(dtype)
    initial = setting.spec.network.initial_weights(Randomness(seed), dtype)
    for name, parameter in net.named_parameters():
        parameter.data.copy_(initial[rename(name)])
    optimizer = make_optimizer(net)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    seen = []
    for epoch in range(1, setting.spec.schedule.epochs + 1):
        order = Randomness(seed).at("order", epoch).permutation(len(rows.y))
        for number, chosen in enumerate(order.split(BATCH)):
            for module in net:
                if isinstance(module, Masked):
                    module.random = Randomness(seed).at("step", epoch, number)
            net.train()
            optimizer.zero_grad()
            loss(net, rows.x[chosen], rows.y[chosen]).backward()
            before_step(net)
            optimizer.step()
            if scheduler:
                scheduler.step()
            seen.append(read(averaged(net)))
    return seen


def assert_same_steps(ours: list[Weights], theirs: list[Weights], precision: str) -> None:
    assert len(ours) == len(theirs) == EPOCHS * STEPS
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine.keys() == other.keys()
        for name, value in other.items():
            assert mine[name].dtype == DTYPES[precision]
            difference = (mine[name] - value).abs().max().item()
            assert difference <= TOLERANCE[precision], f"step {number + 1}, {name}: {difference:.3g}"


def evaluate(net: nn.Module, setting: Setting) -> dict[str, float]:
    """Return torch's mean cross-entropy on each part, in evaluation mode."""
    net.eval()
    losses = {}
    for name, part in (("train", setting.split.train), ("val", setting.split.val), ("test", setting.split.test)):
        x = torch.from_numpy(np.ascontiguousarray(part.x)).to(setting.spec.dtype)
        losses[name] = nn.functional.cross_entropy(net(x), torch.from_numpy(part.y)).item()
    return losses
