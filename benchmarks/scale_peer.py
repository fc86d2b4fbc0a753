"""The hand-written loop on large data: pandas or numpy, float32, standardised, trained and evaluated as regbench is."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.hand_written_peer import evaluate, train_epoch
from benchmarks.scale_tasks import Scale
from benchmarks.task import DROPOUT, LEARNING_RATE, Rows, make_mlp


def train(task: Scale, path: Path, epochs: int) -> list[float]:
    """Return the processor time at the start, once the rows are prepared and after each epoch."""
    torch.manual_seed(0)
    moments = [time.process_time()]
    rows = prepare(*read(path))
    moments.append(time.process_time())
    network = make_mlp(task.units, DROPOUT)
    # Not counted: the first optimizer imports torch's compiler, which takes a second.
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    for _ in range(epochs):
        train_epoch(network, optimizer, rows.x_train, rows.y_train)
        for x, y in ((rows.x_seen, rows.y_seen), (rows.x_val, rows.y_val)):
            evaluate(network, x, y)
        moments.append(time.process_time())
    return moments


def read(path: Path) -> tuple[NDArray[np.float32], Tensor]:
    """Return inputs and classes of a file."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return arrays["x"], torch.from_numpy(arrays["y"])
    frame = pd.read_csv(path)
    y = torch.tensor(frame.pop("y").to_numpy())
    return frame.to_numpy(dtype=np.float32), y


def prepare(x: NDArray[np.float32], y: Tensor) -> Rows:
    """Return 60 % of the rows to train on and 20 % to validate, standardised; the rest is kept for a test."""
    order = np.random.default_rng(0).permutation(len(x))
    train, val, _ = np.split(order, [len(x) * 6 // 10, len(x) * 8 // 10])
    x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    x_train, x_val = torch.from_numpy(x[train]), torch.from_numpy(x[val])
    return Rows(x_train, y[train], x_val, y[val], x_train[: len(val)], y[train[: len(val)]])
