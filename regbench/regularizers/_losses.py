"""Losses of rows that take the place of the cross-entropy, for one class of several and for labels alike."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.losses import log_probabilities
from regbench.regularizers.base import Facts, refuse
from regbench.tasks import Task

REPLACING = ("bootstrap_loss", "focal_loss", "generalized_cross_entropy")
"""Regularizers that compute the loss of a row anew: one has to be chosen."""


class Choices(NamedTuple):
    """What each row chooses between: N classes `[B, N]`; or for each of C labels, holds or not, `[B, C, 2]`."""

    log_p: Tensor
    """Logarithms of the predicted probabilities."""
    y: Tensor
    """Targets, which sum to one over the last axis."""


def read_choices(task: str, outputs: Tensor, targets: Tensor) -> Choices:
    """Return the predicted and the wanted probabilities, given outputs and targets `[B, C]`."""
    if task == Task.CLASSIFICATION:
        return Choices(log_probabilities(outputs), targets)
    both = torch.stack([F.logsigmoid(outputs), F.logsigmoid(-outputs)], -1)
    return Choices(both, torch.stack([targets, 1.0 - targets], -1))


def sum_costs(task: str, costs: Tensor) -> Tensor:
    """Return the loss of each row `[B]`, given the cost of each alternative, negative: the sum, its mean over labels.

    The operations are those of `regbench.losses.row_losses`, so that equal costs have its bits.
    """
    losses = -costs.sum(-1)
    return losses if task == Task.CLASSIFICATION else losses.mean(-1)


def check_choices(name: str, facts: Facts) -> None:
    """Refuse the prediction of numbers, whose loss is no cross-entropy.

    Raises:
        ConfigError: the task is regression.
    """
    if facts.task == Task.REGRESSION:
        raise refuse(name, "needs classes or labels; the loss of a predicted number is no cross-entropy")


def others_than(name: str) -> tuple[str, ...]:
    """Return the regularizers that replace the loss, but for one."""
    return tuple(other for other in REPLACING if other != name)
