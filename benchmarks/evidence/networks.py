"""One-hidden-layer networks trained side by side: the learner of the simulator of intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.evidence.tables import Singles, Table, Task
from regbench.evidence.arrays import Integers

UNITS, EPOCHS, BATCH = 24, 30, 60
RATE, SLOW, SLOWER, TINY = 0.01, 0.9, 0.999, 1e-8
"""Adam's rate, the decays of its two means, and what keeps its root from 0."""


@dataclass(frozen=True)
class Fixed:
    """An arm with fixed settings: weight decay as an L2 penalty, and the rate of dropout on hidden units."""

    penalty: float = 0.0
    dropout: float = 0.0


class Stack:
    """B networks `D - 24 - 1` whose weights are the rows of one matrix `[B, P]`."""

    def __init__(self, networks: int, inputs: int, generator: torch.Generator) -> None:
        self.inputs = inputs
        self.weights = torch.zeros(networks, inputs * UNITS + 2 * UNITS + 1)
        first, _, second, _ = self.parts(self.weights)
        first.copy_(torch.randn(first.shape, generator=generator) * (2 / inputs) ** 0.5)
        second.copy_(torch.randn(second.shape, generator=generator) * (1 / UNITS) ** 0.5)

    def parts(self, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return a matrix of the shape of the weights as W1, b1, w2, b2: views."""
        cut = self.inputs * UNITS
        first = matrix[:, :cut].view(-1, self.inputs, UNITS)
        second = matrix[:, cut + UNITS : cut + 2 * UNITS].unsqueeze(2)
        return first, matrix[:, None, cut : cut + UNITS], second, matrix[:, None, -1:]

    def outputs(self, weights: Tensor, inputs: Tensor) -> Tensor:
        """Return the outputs `[B, n]` for inputs `[B, n, D]`, or `[n, D]` the same for all."""
        first, low, second, last = self.parts(weights)
        return (torch.relu(inputs @ first + low) @ second + last).squeeze(2)

    def gradient(self, inputs: Tensor, target: Tensor, keep: Tensor, task: Task) -> Tensor:
        """Return the gradient `[B, P]` of the mean loss of a batch, with hidden units times `keep` `[B, n, UNITS]`."""
        first, low, second, last = self.parts(self.weights)
        hidden = torch.relu(torch.baddbmm(low, inputs, first))
        kept = hidden * keep
        out = torch.baddbmm(last, kept, second)
        error = (torch.sigmoid(out) if task is Task.CLASSIFICATION else out) - target.unsqueeze(2)
        error /= target.shape[1]
        back = (error * second.mT).mul_(keep).mul_(hidden > 0)
        parts = [inputs.mT @ back, back.sum(1), kept.mT @ error, error.sum(1)]
        return torch.cat([part.flatten(1) for part in parts], dim=1)


def loss_of(out: Tensor, target: Tensor, task: Task) -> Tensor:
    """Return the mean loss `[B]` of outputs `[B, n]`."""
    if task is Task.CLASSIFICATION:
        return torch.nn.functional.binary_cross_entropy_with_logits(out, target, reduction="none").mean(1)
    return (out - target).square().mean(1)


def draw_kept(rates: Tensor, rows: int, generator: torch.Generator) -> Tensor:
    """Return what dropout multiplies hidden units with, `[B, n, UNITS]`, for networks of these rates `[B]`."""
    keep = torch.ones(len(rates), rows, UNITS)
    for rate in rates.unique().tolist():
        if rate > 0:
            chosen = rates == rate
            drawn = torch.rand(int(chosen.sum()), rows, UNITS, generator=generator)
            keep[chosen] = (drawn >= rate) / (1 - rate)
    return keep


@torch.no_grad()
def train_stack(table: Table, parts: tuple[Integers, Integers], arms: list[Fixed], seed: int) -> tuple[Stack, Tensor]:
    """Return networks, one an arm, trained on rows `[B, n]` by Adam, and their weights at the best of 30 epochs.

    `parts` are the row numbers that train, in any order, and those that choose the epoch, by the loss.
    """
    generator = torch.Generator().manual_seed(seed)
    stack = Stack(len(arms), table.inputs.shape[1], generator)
    penalty = torch.tensor([[2 * arm.penalty] for arm in arms])
    rates = torch.tensor([arm.dropout for arm in arms])
    (train, val), x, y = map(torch.from_numpy, parts), torch.from_numpy(table.inputs), torch.from_numpy(table.target)
    mean, square = torch.zeros_like(stack.weights), torch.zeros_like(stack.weights)
    best, lowest, step = stack.weights.clone(), torch.full((len(arms),), torch.inf), 0
    for _ in range(EPOCHS):
        # One order of places for all: which row stands at a place differs from network to network.
        for batch in train[:, torch.randperm(train.shape[1], generator=generator)].split(BATCH, dim=1):
            keep = draw_kept(rates, batch.shape[1], generator)
            gradient = stack.gradient(x[batch], y[batch], keep, table.task).addcmul_(penalty, stack.weights)
            step += 1
            mean.lerp_(gradient, 1 - SLOW)
            square.lerp_(gradient.square_(), 1 - SLOWER)
            root = (square / (1 - SLOWER**step)).sqrt_().add_(TINY)
            stack.weights.addcdiv_(mean, root, value=-RATE / (1 - SLOW**step))
        losses = loss_of(stack.outputs(stack.weights, x[val]), y[val], table.task)
        better = losses < lowest
        lowest, best = torch.where(better, losses, lowest), torch.where(better[:, None], stack.weights, best)
    return stack, best


def predict(stack: Stack, weights: Tensor, inputs: Singles) -> Singles:
    """Return the outputs of all networks `[B, n]`, for inputs of each `[B, n, D]` or the same for all `[n, D]`."""
    out: Singles = stack.outputs(weights, torch.from_numpy(inputs)).numpy()
    return np.ascontiguousarray(out)
