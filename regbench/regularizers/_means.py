"""Means over the rows of a batch by their weights, for penalties at sites."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.config.fields import Hyper
from regbench.regularizers.base import Facts, Rows

TINY = 1e-12
"""Keeps a batch whose rows all have weight zero from dividing by zero."""


def mean_cost(costs: Tensor, batch: Rows, facts: Facts) -> Tensor:
    """Return the mean cost of rows `[B]`, 0-d, as the mean loss is taken of their losses."""
    total = len(batch.weight) if facts.weighted else batch.weight.sum().clamp_min(TINY)
    return (costs * batch.weight).sum() / total


def scale_cost(cost: Tensor, strength: Hyper) -> Tensor:
    """Return a cost, 0-d, times a strength, in the cost's own type alone and in a cohort."""
    return torch.as_tensor(strength, dtype=cost.dtype, device=cost.device) * cost


def read_units(values: Tensor, batch: Rows) -> Tensor:
    """Return activations as `[B, P, U]`, in the type of the targets: U units, each seen at P places of a row.

    Units `[B, H]` have one place; of feature maps `[B, C, ...]` a channel is a unit.
    """
    return values.to(batch.y.dtype).flatten(2).mT if values.ndim > 2 else values.to(batch.y.dtype).unsqueeze(1)


def mean_units(units: Tensor, batch: Rows) -> Tensor:
    """Return each unit's mean over places and, by their weights, rows, `[U]`, given `[B, P, U]`."""
    share = batch.weight / batch.weight.sum().clamp_min(TINY)
    return (units.mean(1) * share.unsqueeze(1)).sum(0)
