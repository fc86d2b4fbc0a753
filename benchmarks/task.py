"""The task that every contestant trains: digits, MLP 64-64-64-10 with dropout 0.5, batches of 64, Adam at 1e-3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from regbench.data import load

BATCH = 64
WIDTH = 64
CLASSES = 10
DROPOUT = 0.5
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Rows:
    """regbench's own training and validation rows; `seen` is as many training rows as validation has.

    Shapes: `x_*` float32 `[N, *shape]` (digits: `[N, 64]`), `y_*` int64 `[N]`.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_seen: Tensor
    y_seen: Tensor


def load_digits() -> Rows:
    """Return the rows that `regbench run dataset=digits` trains and validates on."""
    return load_rows({"name": "digits"})


def load_rows(dataset: Mapping[str, Any]) -> Rows:
    """Return the rows that regbench trains and validates on with this `dataset` mapping."""
    split = load(dataset)
    x, y = torch.tensor(split.train.x, dtype=torch.float32), torch.tensor(split.train.y)
    x_val, y_val = torch.tensor(split.val.x, dtype=torch.float32), torch.tensor(split.val.y)
    return Rows(x, y, x_val, y_val, x[: len(x_val)], y[: len(x_val)])


def make_network(inputs: int) -> nn.Sequential:
    """Return the network as its users write it."""
    return make_mlp([inputs, WIDTH, WIDTH, CLASSES], DROPOUT)


def make_mlp(units: Sequence[int], rate: float) -> nn.Sequential:
    """Return a perceptron with dropout after each hidden layer; `units` from the inputs to the classes."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(units[:-1]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(rate)]
    return nn.Sequential(*layers, nn.Linear(units[-2], units[-1]))
