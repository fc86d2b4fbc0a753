"""The task that every contestant trains: digits, MLP 64-64-64-10 with dropout 0.5, batches of 64, Adam at 1e-3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regbench.data import load

BATCH = 64
WIDTH = 64
CLASSES = 10
DROPOUT = 0.5
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Digits:
    """regbench's own training and validation rows; `seen` is as many training rows as validation has.

    Shapes: `x_*` float32 `[N, 64]`, `y_*` int64 `[N]`.
    """

    x_train: Tensor
    y_train: Tensor
    x_val: Tensor
    y_val: Tensor
    x_seen: Tensor
    y_seen: Tensor


def load_digits() -> Digits:
    """Return the rows that `regbench run dataset=digits` trains and validates on."""
    split = load({"name": "digits"})
    x, y = torch.tensor(split.train.x, dtype=torch.float32), torch.tensor(split.train.y)
    x_val, y_val = torch.tensor(split.val.x, dtype=torch.float32), torch.tensor(split.val.y)
    return Digits(x, y, x_val, y_val, x[: len(x_val)], y[: len(x_val)])


def make_network(inputs: int) -> nn.Sequential:
    """Return the network as its users write it."""
    return nn.Sequential(
        nn.Linear(inputs, WIDTH),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, CLASSES),
    )
