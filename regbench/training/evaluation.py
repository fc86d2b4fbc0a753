"""Loss and metric in evaluation mode: the data loss alone, so that regularizers are comparable."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regbench.losses import log_probabilities, row_losses
from regbench.regularizers.base import Params
from regbench.tasks import Task
from regbench.training.contexts import Run
from regbench.training.networks import Networks
from regbench.training.passes import Passes
from regbench.training.spec import TrainingSpec
from regbench.training.training_set import START, Labelled

LARGEST_PASS = 1 << 20
"""Values in one evaluation pass at the widest place of the networks: few enough for the processor's cache."""

FEWEST_ROWS = 16
"""Rows in one evaluation pass: with fewer, reading the weights would be most of it."""


def measure_parts(networks: Networks, data: Labelled, ends: list[int]) -> Tensor:
    """Return loss and metric of every run on consecutive parts of the rows, `[R, parts, 2]`.

    `ends` are the ends of the parts. An ensemble's members are combined first. Rows count as much as they weigh.
    """
    weight = data.weight if networks.spec.facts.weighted else None
    losses, metrics = score(networks.spec.facts.task, predict(networks, data.x), data)
    figures, start = [], 0
    for end in ends:
        own = None if weight is None else weight[start:end]
        figures.append(torch.stack([average(losses[:, start:end], own), average(metrics[:, start:end], own)], -1))
        start = end
    return torch.stack(figures, 1)


def measure_outputs(networks: Networks, data: Labelled) -> Tensor:
    """Return the metric of every run for each number or label by itself, `[R, C]`."""
    scores = score_outputs(networks.spec.facts.task, predict(networks, data.x), data)
    weight = data.weight if networks.spec.facts.weighted else None
    return torch.stack([average(own, weight) for own in scores.unbind(-1)], -1)


def average(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean `[R]` of values `[R, N]` of rows, which count as much as they weigh `[N]`; None: all the same."""
    return values.mean(1) if weight is None else (values * weight).sum(1) / weight.sum()


def predict(networks: Networks, x: Tensor) -> Tensor:
    """Return logits (of classes or labels) or predicted numbers of every run, `[R, N, C]`."""
    spec, members = networks.spec, networks.members
    widest = max(math.prod(site.shape) for site in spec.network.sites)
    size = max(FEWEST_ROWS, LARGEST_PASS // (len(members) * widest))
    outputs = torch.cat([compute_outputs(networks, part) for part in x.split(size)], 1)
    if spec.ensemble_size == 1:
        return outputs
    if spec.facts.task == Task.CLASSIFICATION:
        outputs = log_probabilities(outputs)
    (_, combining), *_ = spec.stages["ensemble_size"]
    return torch.stack([combining.combine(group, spec.facts) for group in spec.by_run(outputs)])


def score(task: Task, outputs: Tensor, data: Labelled) -> tuple[Tensor, Tensor]:
    """Return the loss and the metric of every row, both `[R, N]`.

    The metric is whether the class is right, the share of labels that are, or the mean squared error of the numbers in
    their own units. Both are NaN where the outputs are: argmax would make such a network right about its first class,
    and best so far.
    """
    if task != Task.CLASSIFICATION:
        return row_losses(task, outputs, data.y), score_outputs(task, outputs, data).mean(-1)
    labels = data.y.argmax(-1)
    chosen = labels.expand(len(outputs), -1).unsqueeze(-1)
    losses = -log_probabilities(outputs).gather(-1, chosen).squeeze(-1)
    predicted = outputs.max(-1).indices  # argmax, in a quarter of its time
    return losses, torch.where(losses.isnan(), losses, (predicted == labels).to(losses.dtype))


def score_outputs(task: Task, outputs: Tensor, data: Labelled) -> Tensor:
    """Return the squared error of each number in its own unit, or whether each label is right, `[R, N, C]`."""
    if task == Task.REGRESSION:
        return (outputs - data.y).square() * data.error_scale
    right = (outputs.sigmoid() > 0.5) == (data.y > 0.5)
    return torch.where(outputs.isnan(), outputs, right.to(outputs.dtype))


def compute_outputs(networks: Networks, x: Tensor) -> Tensor:
    """Return logits or predictions of every network, `[S, N, C]`, in one pass."""

    def one(spec: TrainingSpec, run: Run, weights: Params) -> Tensor:
        stages = spec.stages_with(run.hypers, 1.0)
        return Passes(spec, stages, run, START).evaluate(x, weights)

    return networks.over(one)
