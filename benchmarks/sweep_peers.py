"""The peers of a sweep: `python -m benchmarks.sweep_peers ORDER` trains runs one after another and says how long.

The order is JSON: the contestant, the data set, the network and the runs. Every run has its own network and optimizer
and trains the same split, batches, dropout rates and L2 strengths as regbench, measured after every epoch. L2 is the
optimizer's own decay of the weight matrices, which has the same gradient and is the peer's fastest way.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from benchmarks.hand_written_peer import evaluate, train_epoch
from benchmarks.sweep_tasks import Member
from benchmarks.task import BATCH, LEARNING_RATE, Rows, load_rows, make_mlp


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a peer is to train."""

    contestant: str
    source: dict[str, Any]
    model: str
    widths: Sequence[int]
    epochs: int
    members: Sequence[tuple[float, float, int]]


def main() -> None:
    """Train what the command line asks for; the last line of output has each run's seconds and accuracy as JSON."""
    order = Order(**json.loads(sys.argv[1]))
    data = load_rows(order.source)
    train = CONTESTANTS[order.contestant]
    seconds, accuracies = [], []
    for member in order.members:
        start = time.perf_counter()
        accuracies.append(train(order, Member(*member), data))
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "accuracies": accuracies}))


def train_by_hand(order: Order, member: Member, data: Rows) -> float:
    """Train one run as a PyTorch user writes it; return the last validation accuracy."""
    torch.manual_seed(member.seed)
    network = make_network(order, member.rate, data)
    optimizer = make_optimizer(network, member.strength)
    history = []
    for _ in range(order.epochs):
        train_epoch(network, optimizer, data.x_train, data.y_train)
        history.append((*evaluate(network, data.x_seen, data.y_seen), *evaluate(network, data.x_val, data.y_val)))
    return history[-1][-1]


def train_by_lightning(order: Order, member: Member, data: Rows) -> float:
    """Train one run with Lightning's Trainer, CSVLogger, EarlyStopping and ModelCheckpoint."""
    from benchmarks.lightning_peer import Classifier, make_loaders, make_trainer, silence

    silence()
    torch.manual_seed(member.seed)
    network = make_network(order, member.rate, data)
    with TemporaryDirectory() as folder:
        trainer = make_trainer(order.epochs, Path(folder))
        trainer.fit(Classifier(network), *make_loaders(data))
    return float(trainer.callback_metrics["val_accuracy"])


CONTESTANTS: dict[str, Callable[[Order, Member, Rows], float]] = {
    "hand_written": train_by_hand,
    "lightning": train_by_lightning,
}


def make_optimizer(network: nn.Module, strength: float) -> torch.optim.Adam:
    """Return Adam; with a strength, weight matrices and kernels decay and biases do not."""
    if strength == 0.0:
        return torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    weights = [w for w in network.parameters() if w.ndim > 1]
    biases = [w for w in network.parameters() if w.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": strength}, {"params": biases}]
    return torch.optim.Adam(groups, lr=LEARNING_RATE)


def make_network(order: Order, rate: float, data: Rows) -> nn.Module:
    """Return the same layers as regbench's model of this name, with dropout where regbench drops."""
    shape, classes = data.x_train.shape[1:], int(data.y_train.max()) + 1
    if order.model == "mlp":
        perceptron = make_mlp([shape.numel(), *order.widths, classes], rate)
        return perceptron if len(shape) == 1 else nn.Sequential(nn.Flatten(), *perceptron)
    blocks = _conv1d_blocks(rate) if order.model == "conv1d" else _cnn_blocks(rate)
    convolutions = nn.Sequential(*blocks, nn.Flatten())
    features = convolutions(torch.zeros(1, *shape)).shape[1]
    hidden = [] if order.model == "conv1d" else [64]
    return nn.Sequential(*convolutions, *make_mlp([features, *hidden, classes], rate))


def _conv1d_blocks(rate: float) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for inputs, kernel in ((1, 5), (25, 3), (25, 3)):
        blocks += [nn.Conv1d(inputs, 25, kernel, stride=2, padding=1), nn.ReLU(), nn.Dropout(rate)]
    return blocks


def _cnn_blocks(rate: float) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for inputs, outputs in ((1, 16), (16, 32)):
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        blocks += [convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(rate)]
    return blocks


if __name__ == "__main__":
    assert BATCH == 64, "regbench is told to take batches of 64"
    main()
