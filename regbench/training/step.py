"""One step of one run, from the rows of a batch to the gradients: the page to read first.

gather the batch -> batch stage -> weights as seen -> outputs, through the sites -> loss of each row -> weighted mean
plus penalties -> gradients, by the gradient rule -> gradient stage.

The same function serves a run alone and, under vmap, a cohort; only `differentiate` differs. The optimizer and the
stages after it follow in `cohort.py`, where the stacked weights live.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.models.network import Site
from regbench.randomness import Randomness, Seed
from regbench.regularizers.base import Gradient, Note, Params, Rows
from regbench.training.plan import Hypers, Plan


class Run(NamedTuple):
    """What one run brings to a step; under vmap each tensor is one row of the stack."""

    seed: Seed
    hypers: Hypers
    weights: Params
    buffers: Params


class Moment(NamedTuple):
    """When a step happens; the same for all stacked runs."""

    epoch: int
    step: int
    update: int
    last_of_epoch: bool


class Report(NamedTuple):
    """What a step measured."""

    loss: Tensor
    """Mean data loss of the batch in training mode."""
    penalties: dict[str, Tensor]
    notes: dict[str, Tensor]
    buffers: Params


Objective: TypeAlias = Callable[[Params], tuple[Tensor, Report]]
Differentiate: TypeAlias = Callable[[Objective, Params], tuple[Params, Report]]


def compute_gradients(
    plan: Plan, run: Run, data: Rows, chosen: Tensor, moment: Moment, differentiate: Differentiate
) -> tuple[Params, Report]:
    """Return the gradients of one run's objective on one batch, and what the step measured.

    Args:
        plan: what does not change from run to run.
        run: this run's seed, hyper-parameters, weights and buffers.
        data: the training set.
        chosen: row numbers of the batch, int64 `[B]`.
        moment: when this step happens.
        differentiate: how gradients are taken, alone or under vmap.
    """
    stages = plan.stages_with(run.hypers)
    random = Randomness(run.seed).at("step", moment.epoch, moment.step)
    outer: dict[str, list[Tensor]] = {}
    batch = Rows(*(part[chosen] for part in data))
    for name, technique in stages["batch"]:
        batch = technique.batch(batch, random.at(name, "batch"), _noting(outer, name))

    def objective(weights: Params) -> tuple[Tensor, Report]:
        notes: dict[str, list[Tensor]] = {}
        seen = weights
        for name, technique in stages["forward_weights"]:
            note = _noting(notes, name, moment.last_of_epoch)
            seen = technique.forward_weights(seen, len(batch.weight), random.at(name, "weights"), note)

        def tap(site: Site, h: Tensor) -> Tensor:
            for name, technique in stages["activations"]:
                if site.kind in technique.site_kinds:
                    note = _noting(notes, name, moment.last_of_epoch)
                    h = technique.activations(site, h, random.at(name, "activations", site.name), note)
            return h

        x, seen = cast(plan.compute_dtype, batch.x, seen)
        outputs, buffers = plan.network.forward(seen, run.buffers, x, tap, training=True)
        outputs = outputs.to(batch.y.dtype)
        losses = row_losses(plan.task, outputs, batch.y)
        for _, technique in stages["row_loss"]:
            losses = technique.row_loss(losses, outputs, batch)
        loss = (losses * batch.weight).sum() / batch.weight.sum().clamp_min(TINY)
        penalties = {name: torch.as_tensor(t.penalty(weights), dtype=loss.dtype) for name, t in stages["penalty"]}
        total = sum(penalties.values(), loss)
        return total, Report(loss, penalties, _average(notes), buffers)

    def differentiate_here(weights: Params) -> tuple[Params, Report]:
        return differentiate(objective, weights)

    gradient: Gradient = differentiate_here
    for _, technique in stages["gradient_rule"]:
        gradient = technique.gradient_rule(gradient)
    gradients, report = gradient(run.weights)
    for name, technique in stages["gradients"]:
        at, note = random.at(name, "gradients"), _noting(outer, name)
        gradients = technique.gradients(gradients, run.weights, moment.update, at, note)
    return gradients, report._replace(notes={**report.notes, **_average(outer)})


TINY = 1e-12
"""Keeps a batch whose rows all have weight zero from dividing by zero."""


def row_losses(task: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss of each row `[B]`: cross-entropy with soft targets, or the mean squared error of its outputs."""
    if task == "classification":
        return F.cross_entropy(outputs, targets, reduction="none")
    return (outputs - targets).square().mean(-1)


def cast(dtype: torch.dtype | None, x: Tensor, weights: Params) -> tuple[Tensor, Params]:
    """Return input and weights in the type the forward pass computes in."""
    if dtype is None:
        return x, weights
    return x.to(dtype), {name: w.to(dtype) for name, w in weights.items()}


def differentiate_alone(objective: Objective, weights: Params) -> tuple[Params, Report]:
    """Take gradients with plain autograd, which is about twice as fast for one run as torch.func.grad."""
    leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
    with torch.enable_grad():
        total, report = objective(leaves)
    gradients = torch.autograd.grad(total, list(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True)), _detach(report)


def differentiate_stacked(objective: Objective, weights: Params) -> tuple[Params, Report]:
    """Take gradients inside vmap."""
    gradients, (_, report) = torch.func.grad_and_value(objective, has_aux=True)(weights)
    return gradients, report


def _detach(report: Report) -> Report:
    return Report(
        report.loss.detach(),
        {name: value.detach() for name, value in report.penalties.items()},
        {name: value.detach() for name, value in report.notes.items()},
        {name: value.detach() for name, value in report.buffers.items()},
    )


def _noting(notes: dict[str, list[Tensor]], technique: str, wanted: bool = True) -> Note:
    """Return the function by which a technique reports."""
    if not wanted:
        return _ignore

    def note(effect: str, value: Tensor | Callable[[], Tensor]) -> None:
        notes.setdefault(f"{technique}.{effect}", []).append(value() if callable(value) else value)

    return note


def _average(notes: dict[str, list[Tensor]]) -> dict[str, Tensor]:
    """Return one figure for each effect, however often it was reported (once for each site, say)."""
    return {name: values[0] if len(values) == 1 else torch.stack(values).mean(0) for name, values in notes.items()}


def _ignore(effect: str, value: Tensor | Callable[[], Tensor]) -> None:
    """Take no note: figures at sites are sampled on the last step of each epoch, for they cost a pass each."""
