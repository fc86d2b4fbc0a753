"""Loss and metric in evaluation mode: the data loss alone, so that techniques are comparable."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from regbench.losses import log_probabilities, row_losses
from regbench.models.network import Site, Tensors
from regbench.regularizers.base import Params
from regbench.training.cohort import Networks, bind, over_networks
from regbench.training.spec import Hypers
from regbench.training.train_step import cast

LARGEST_PASS = 1 << 20
"""Values in one evaluation pass at the widest place of the networks: few enough for the processor's cache."""

FEWEST_ROWS = 16
"""Rows in one evaluation pass: with fewer, reading the weights would be most of it."""


class Labelled(NamedTuple):
    """Rows to measure on: inputs `[N, *shape]`, targets `[N, C]`, and how one unit of target error squared counts."""

    x: Tensor
    y: Tensor
    error_scale: float


def measure_parts(networks: Networks, data: Labelled, ends: list[int]) -> Tensor:
    """Return loss and metric of every run on consecutive parts of the rows, `[R, parts, 2]`.

    `ends` are the ends of the parts. An ensemble's members are combined first.
    """
    losses, metrics = score(networks.plan.task, predict(networks, data.x), data)
    figures, start = [], 0
    for end in ends:
        figures.append(torch.stack([losses[:, start:end].mean(1), metrics[:, start:end].mean(1)], -1))
        start = end
    return torch.stack(figures, 1)


def predict(networks: Networks, x: Tensor) -> Tensor:
    """Return logits or predictions of every run, `[R, N, C]`."""
    plan = networks.plan
    widest = max(math.prod(site.shape) for site in plan.network.sites)
    size = max(FEWEST_ROWS, LARGEST_PASS // (len(networks.members) * widest))
    outputs = torch.cat([compute_outputs(networks, part) for part in x.split(size)], 1)
    members, technique = plan.ensemble
    if technique is None or members == 1:
        return outputs
    if plan.task == "classification":
        outputs = log_probabilities(outputs)
    return torch.stack([technique.combine(group, plan.task) for group in outputs.unflatten(0, (-1, members))])


def score(task: str, outputs: Tensor, data: Labelled) -> tuple[Tensor, Tensor]:
    """Return the loss and the metric of every row, both `[R, N]`: correct or not, or the squared error.

    Both are NaN where the outputs are: argmax would make such a network right about its first class, and best so far.
    """
    if task == "regression":
        losses = row_losses(task, outputs, data.y)
        return losses, losses * data.error_scale
    labels = data.y.argmax(-1)
    chosen = labels.expand(len(outputs), -1).unsqueeze(-1)
    losses = -log_probabilities(outputs).gather(-1, chosen).squeeze(-1)
    predicted = outputs.max(-1).indices  # argmax, in a quarter of its time
    return losses, torch.where(losses.isnan(), losses, (predicted == labels).to(losses.dtype))


def compute_outputs(networks: Networks, x: Tensor) -> Tensor:
    """Return logits or predictions of every network, `[S, N, C]`, in one pass."""
    plan, hypers = bind(networks.plan, networks.members)

    def one(weights: Params, buffers: Tensors, hypers: Hypers) -> Tensor:
        watching = plan.stages_with(hypers)["evaluated_activations"]

        def tap(site: Site, h: Tensor) -> Tensor:
            for _, technique in watching:
                if site.kind in technique.site_kinds:
                    h = technique.evaluated_activations(site, h)
            return h

        inputs, seen = cast(plan.compute_dtype, x, weights)
        return plan.network.forward(seen, buffers, inputs, tap, training=False)[0].to(plan.dtype)

    weights = networks.layout.views(networks.flat)
    outputs: Tensor = over_networks(one, len(networks.members), weights, networks.buffers, hypers)
    return outputs
