"""One step of one run, from a batch to the gradients: the page to read first.

batch stage -> weights as seen -> outputs, through the sites -> loss of each row -> weighted mean plus penalties ->
gradients, by the gradient rule -> gradient stage.

The same functions serve a run alone and, under vmap, a cohort. The optimizer and the stages after it follow in
`cohort.py`, where the stacked weights live.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from regbench.losses import row_losses
from regbench.models.network import Site
from regbench.randomness import Randomness, Seed
from regbench.regularizers.base import Gradient, Note, Params, Rows
from regbench.training.spec import Hypers, Plan


class Run(NamedTuple):
    """What one run brings to a step; a cohort's is the stack of its runs, each tensor with one more axis in front."""

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


Each: TypeAlias = Callable[[Callable[[Run, Any], Any]], Callable[[Run, Any], Any]]
"""Turns a function of one run into one of all runs of a cohort; alone, it stays what it is."""

Objective: TypeAlias = Callable[[Params], tuple[Tensor, Report]]


def compute_gradients(plan: Plan, run: Run, batch: Rows, moment: Moment, each: Each) -> tuple[Params, Report]:
    """Return the gradients of every run's objective on its batch, and what the step measured.

    Args:
        plan: what does not change from run to run.
        run: seed, hyper-parameters, weights and buffers.
        batch: the rows to train on.
        moment: when this step happens.
        each: applies a function of one run to all of them.
    """
    objective = partial(compute_objective, plan, moment)
    if plan.stages["gradient_rule"]:
        gradients, report = each(partial(follow_rule, plan, objective))(run, batch)
    else:
        # One backward pass for all runs: a run's total depends on its own weights alone.
        gradients, report = differentiate(lambda own: each(objective)(run._replace(weights=own), batch), run.weights)
    if plan.stages["gradients"]:
        gradients, notes = each(partial(treat_gradients, plan, moment))(run, gradients)
        report = report._replace(notes={**report.notes, **notes})
    return gradients, report


def compute_objective(plan: Plan, moment: Moment, run: Run, batch: Rows) -> tuple[Tensor, Report]:
    """Return one run's mean loss plus penalties, and what was measured on the way."""
    stages, random = plan.stages_with(run.hypers), random_at(run, moment)
    notes: dict[str, list[Tensor]] = {}
    for name, technique in stages["batch"]:
        batch = technique.batch(batch, random.at(name, "batch"), _noting(notes, name))
    seen = run.weights
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
    penalties = {name: torch.as_tensor(t.penalty(run.weights), dtype=loss.dtype) for name, t in stages["penalty"]}
    return sum(penalties.values(), loss), Report(loss, penalties, _average(notes), buffers)


def follow_rule(plan: Plan, objective: Callable[..., Any], run: Run, batch: Rows) -> tuple[Params, Report]:
    """Return one run's gradients as the techniques of the gradient rule compute them."""

    def take(weights: Params) -> tuple[Params, Report]:
        how = differentiate if isinstance(run.seed, int) else differentiate_under_vmap
        return how(lambda own: objective(run._replace(weights=own), batch), weights)

    gradient: Gradient = take
    for _, technique in plan.stages_with(run.hypers)["gradient_rule"]:
        gradient = technique.gradient_rule(gradient)
    return gradient(run.weights)


def treat_gradients(plan: Plan, moment: Moment, run: Run, gradients: Params) -> tuple[Params, dict[str, Tensor]]:
    """Return one run's gradients as the optimizer gets them, and the notes taken on the way."""
    random = random_at(run, moment)
    notes: dict[str, list[Tensor]] = {}
    for name, technique in plan.stages_with(run.hypers)["gradients"]:
        at, note = random.at(name, "gradients"), _noting(notes, name)
        gradients = technique.gradients(gradients, run.weights, moment.update, at, note)
    return gradients, _average(notes)


def random_at(run: Run, moment: Moment) -> Randomness:
    """Return the source of a run's random numbers at one step."""
    return Randomness(run.seed).at("step", moment.epoch, moment.step)


TINY = 1e-12
"""Keeps a batch whose rows all have weight zero from dividing by zero."""


def cast(dtype: torch.dtype | None, x: Tensor, weights: Params) -> tuple[Tensor, Params]:
    """Return input and weights in the type the forward pass computes in."""
    if dtype is None:
        return x, weights
    return x.to(dtype), {name: w.to(dtype) for name, w in weights.items()}


def differentiate(objective: Objective, weights: Params) -> tuple[Params, Report]:
    """Take the gradients of the objective, or of those of all runs, with plain autograd.

    For a run alone this is about twice as fast as torch.func.grad, and outside vmap nothing slows the backward pass.
    """
    leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
    with torch.enable_grad():
        total, report = objective(leaves)
        gradients = torch.autograd.grad(total.sum(), list(leaves.values()), materialize_grads=True)
    return dict(zip(leaves, gradients, strict=True)), _detach(report)


def differentiate_under_vmap(objective: Objective, weights: Params) -> tuple[Params, Report]:
    """Take the gradients of one run's objective inside vmap."""
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
