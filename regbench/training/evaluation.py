"""Loss and metric in evaluation mode: the data loss alone, so that regularizers are comparable."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regbench.losses import log_probabilities, row_losses
from regbench.metrics import LOSS, Metric
from regbench.regularizers.base import Params
from regbench.tasks import Task
from regbench.training.contexts import Run
from regbench.training.networks import Networks
from regbench.training.passes import Passes
from regbench.training.scores import PIECE, Scored, measure_figures
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_rows import START
from regbench.training.training_set import Labelled

LARGEST_PASS = 1 << 20
"""Values in one evaluation pass at the widest place of the networks: few enough for the processor's cache."""

FEWEST_ROWS = 16
"""Rows in one evaluation pass: with fewer, reading the weights would be most of it."""


def measure_parts(networks: Networks, data: Labelled, ends: list[int]) -> list[dict[str, Tensor]]:
    """Return the figures of every epoch, by name, of every run `[R]` on consecutive parts of the rows.

    `ends` are the ends of the parts. An ensemble's members are combined first. Rows count as much as they weigh.
    """
    return measure_rows(networks.spec, predict(networks, data.x), data, ends, networks.spec.figures)


def measure_rows(
    spec: TrainingSpec, outputs: Tensor, data: Labelled, ends: Sequence[int], figures: Sequence[Metric]
) -> list[dict[str, Tensor]]:
    """Return figures by name, float64 `[R]` each, of every part: the loss, the task's own, and what else is asked for.

    Args:
        spec: says what the task is, and whether rows weigh.
        outputs: of every run, `[R, N, C]`.
        data: the rows.
        ends: ends of the parts.
        figures: what is measured; the loss and the task's own figure always are.
    """
    task = spec.facts.task
    parts = list(zip([0, *ends], ends, strict=False))
    names = [figure.name for figure in figures if figure not in (LOSS, spec.metric)]
    others = [
        measure_figures(score_rows(task, outputs[:, start:end], data.cut(start, end)), names) if names else {}
        for start, end in parts
    ]
    found = [own | other for own, other in zip(_average_parts(spec, outputs, data, parts), others, strict=True)]
    return [{name: values.to(torch.float64) for name, values in named.items()} for named in found]


def _average_parts(
    spec: TrainingSpec, outputs: Tensor, data: Labelled, parts: Sequence[tuple[int, int]]
) -> list[dict[str, Tensor]]:
    """Return the loss and the task's own figure `[R]` of every part, by name; `parts` are their first and last ends."""
    losses, scores = _score_all(spec.facts.task, outputs, data)
    found = []
    for start, end in parts:
        weight = data.weight[start:end] if spec.facts.weighted else None
        own = (average(losses[:, start:end], weight), average(scores[:, start:end], weight))
        found.append(dict(zip((LOSS.name, spec.metric.name), own, strict=True)))
    return found


def _score_all(task: Task, outputs: Tensor, data: Labelled) -> tuple[Tensor, Tensor]:
    """Return what `score` does, of many rows a piece at a time."""
    first = score(task, outputs[:, :PIECE], data.cut(0, PIECE))
    if len(data.y) <= PIECE:
        return first
    losses, scores = (own.new_empty(outputs.shape[:2]) for own in first)
    for start in range(0, len(data.y), PIECE):
        rows = slice(start, start + PIECE)
        losses[:, rows], scores[:, rows] = score(task, outputs[:, rows], data.cut(start, start + PIECE))
    return losses, scores


def score_rows(task: Task, outputs: Tensor, data: Labelled) -> Scored:
    """Return what figures are computed from."""
    return Scored(task, outputs, data.y, data.weight, data.error_scale)


def measure_outputs(spec: TrainingSpec, outputs: Tensor, data: Labelled) -> Tensor:
    """Return the task's own figure of every run for each number or label by itself, `[R, C]`."""
    scores = score_outputs(spec.facts.task, outputs, data)
    weight = data.weight if spec.facts.weighted else None
    return torch.stack([average(own, weight) for own in scores.unbind(-1)], -1)


def average(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean `[R]` of values `[R, N]` of rows, which count as much as they weigh `[N]`; None: all the same."""
    return values.mean(1) if weight is None else (values * weight).sum(1) / weight.sum()


def predict(networks: Networks, x: Tensor) -> Tensor:
    """Return logits (of classes or labels) or predicted numbers of every run, `[R, N, C]`."""
    spec, members = networks.spec, networks.members
    widest = max(math.prod(site.shape) for site in spec.network.sites)
    size = max(FEWEST_ROWS, LARGEST_PASS // (len(members) * widest))
    # In one piece of memory from the start: small tensors kept among large ones let go would leave gaps in it.
    outputs = torch.empty(len(members), len(x), spec.network.outputs, dtype=spec.dtype, device=x.device)
    for start in range(0, len(x), size):
        outputs[:, start : start + size] = compute_outputs(networks, x[start : start + size])
    return combine_members(networks, outputs)


def combine_members(networks: Networks, outputs: Tensor) -> Tensor:
    """Return the outputs of every run, `[R, N, C]`, of those of its networks, `[S, N, C]`."""
    spec = networks.spec
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
        # In float64: the square of a unit of 1e24 is beyond float32.
        return (outputs - data.y).square().to(torch.float64) * data.error_scale
    right = (outputs.sigmoid() > 0.5) == (data.y > 0.5)
    return torch.where(outputs.isnan(), outputs, right.to(outputs.dtype))


def compute_outputs(networks: Networks, x: Tensor) -> Tensor:
    """Return logits or predictions of every network, `[S, N, C]`, in one pass."""

    def one(spec: TrainingSpec, run: Run, weights: Params) -> Tensor:
        stages = spec.stages_with(run.hypers)
        return Passes(spec, stages, run, START).evaluate(x, weights)

    return networks.over(one)
