"""The peer that matters most: the loop a PyTorch user writes by hand, without DataLoader, files or framework."""

from __future__ import annotations

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.task import BATCH, LEARNING_RATE, load_digits, make_network


def train(epochs: int) -> list[float]:
    """Train for `epochs`, evaluating after each as regbench does; return the seconds of each epoch."""
    torch.manual_seed(0)
    data = load_digits()
    network = make_network(data.x_train.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    history, seconds = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        train_epoch(network, optimizer, data.x_train, data.y_train)
        history.append((*evaluate(network, data.x_seen, data.y_seen), *evaluate(network, data.x_val, data.y_val)))
        seconds.append(time.perf_counter() - start)
    assert history[-1][-1] > 0.9, "the peer must learn the task that it is timed on"
    return seconds


def train_epoch(network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """Pass once over the rows in a new random order."""
    network.train()
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x[rows]), y[rows])
        loss.backward()
        optimizer.step()


def evaluate(network: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Return mean loss and accuracy in evaluation mode."""
    network.eval()
    with torch.no_grad():
        logits = network(x)
        loss = F.cross_entropy(logits, y)
        accuracy = (logits.argmax(dim=1) == y).float().mean()
    return loss.item(), accuracy.item()
