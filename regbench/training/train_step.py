"""One training step, from the numbers of a batch's rows to the weights after it: the page to read first.

`train_step` moves all S networks of a cohort. What happens inside one network, up to its objective, is `objective_of`:
the same function serves a run alone and, mapped by `torch.vmap` over stacked weights, states and hyper-parameters, a
cohort. P parameters a network, B rows a batch, C outputs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from regbench.losses import row_losses
from regbench.regularizers.base import Facts, Gradient, Moment, Params, Rows
from regbench.training.contexts import Contexts, Run
from regbench.training.gradients import StepReport, differentiate, differentiate_under_vmap
from regbench.training.passes import Passes
from regbench.training.spec import TrainingSpec

if TYPE_CHECKING:
    from regbench.training.cohort import Cohort
    from regbench.training.starts import Now

TINY = 1e-12
"""Keeps a batch whose rows all have weight zero from dividing by zero."""


def train_step(cohort: Cohort, chosen: Tensor, moment: Moment, lr: Tensor) -> StepReport:
    """Train every network of a cohort on its next batch and return the figures of the step, each `[S]`.

    Args:
        cohort: the networks; their weights, states and memory are replaced.
        chosen: row numbers, int64 `[S, B]`.
        moment: the time of this step.
        lr: each network's learning rate now, float64 `[S]`.
    """
    now = cohort.now(chosen, moment)  # row numbers, time, hyper-parameters, norm statistics, states
    key = ("gradients", moment.last_of_epoch, *now.plain())
    gradients, report = cohort.tapes.follow(key, now, partial(gradients_of, cohort))  # [S, P]; each figure [S]
    alive = cohort.alive & finite(gradients, report.objective)  # [S]; a network that is not keeps its values
    before = cohort.remember(alive)  # weights, buffers, states before the step
    cohort.move(gradients, cohort.apart(now), lr)  # w ← (1 − decay) w + lr · step, [S, P]
    cohort.buffers = {name: value.clone() for name, value in report.buffers.items()}
    cohort.after_update(now, before, lr)  # decay, shrink, project, freeze
    cohort.average(now)  # averages of weights and norm statistics
    cohort.restore_dead(before, alive)
    return report


def gradients_of(cohort: Cohort, now: Now) -> tuple[Tensor, StepReport]:
    """Return the gradients of every network's objective as the optimizer gets them, and the figures of the step.

    Gradients are `[S, P]`, each figure `[S]`.
    """
    run, batch = cohort.gather(now)  # x [S, B, ...], y [S, B, C], weight [S, B]
    spec, each, moment = cohort.spec, cohort.each, now.moment
    objective = partial(objective_of, spec, moment)
    if spec.stages["gradient_rule"]:
        gradients, report = each(partial(follow_rule, spec, moment))(run, batch)
    else:
        # One backward pass for all networks: the objective of each depends on its own weights alone.
        gradients, report = differentiate(lambda own: each(objective)(run._replace(weights=own), batch), run.weights)
    if spec.stages["gradients"]:
        gradients, effects = each(partial(treat_gradients, spec, moment))(run, gradients)
        report = report._replace(effects={**report.effects, **effects})
    return cohort.stack(gradients, report)


def objective_of(spec: TrainingSpec, moment: Moment, run: Run, batch: Rows) -> tuple[Tensor, StepReport]:
    """Return one network's objective and its figures: batch, pass, loss of each row, of the batch, penalties."""
    stages, contexts = spec.stages_with(run.hypers), Contexts(spec.facts, run, moment)
    for name, regularizer in stages["batch"]:
        batch = regularizer.batch(batch, contexts.at(name, "batch"))  # x [B, ...], y [B, C], weight [B]
    passes = Passes(spec, stages, run, moment)
    outputs, buffers, at_sites = passes.train(batch, contexts)  # [B, C]; forward weights, activations inside
    losses = row_losses(spec.facts.task, outputs, batch.y)  # [B]
    for name, regularizer in stages["row_loss"]:
        losses = regularizer.row_loss(losses, outputs, batch, contexts.at(name, "row_loss", forward=passes.forward))
    loss = mean_loss(losses, batch.weight, spec.facts)  # 0-d
    objective = loss
    for name, regularizer in stages["batch_loss"]:
        objective = regularizer.batch_loss(objective, contexts.at(name, "batch_loss"))
    penalties: dict[str, Tensor] = {}
    for name, regularizer in stages["penalty"]:
        penalty = regularizer.penalty(run.weights, contexts.at(name, "penalty"))
        penalties[name] = torch.as_tensor(penalty, dtype=loss.dtype, device=loss.device)
    for name, penalty in at_sites.items():
        penalties[name] = penalties[name] + penalty if name in penalties else penalty
    total = sum(penalties.values(), objective)  # 0-d
    return total, StepReport(total, loss, penalties, contexts.effects(), buffers)


def mean_loss(losses: Tensor, weight: Tensor, facts: Facts) -> Tensor:
    """Return the loss of a batch, 0-d, given losses and weights of its rows, `[B]` each.

    Weights that the data set gives have mean 1 over the training rows: their batch is divided by its number of rows, so
    that batches average to the loss of all rows. Divided by the sum of its weights, a heavy row would count the less
    the smaller its batch, and alone no more than any other.
    """
    total = len(weight) if facts.weighted else weight.sum().clamp_min(TINY)
    return (losses * weight).sum() / total


def follow_rule(spec: TrainingSpec, moment: Moment, run: Run, batch: Rows) -> tuple[Params, StepReport]:
    """Return one network's gradients as the regularizers of the gradient rule compute them."""

    def take(weights: Params) -> tuple[Params, StepReport]:
        how = differentiate if isinstance(run.random.seed, int) else differentiate_under_vmap
        return how(lambda own: objective_of(spec, moment, run._replace(weights=own), batch), weights)

    gradient: Gradient[StepReport] = take
    contexts = Contexts(spec.facts, run, moment)
    for name, regularizer in spec.stages_with(run.hypers)["gradient_rule"]:
        gradient = regularizer.gradient_rule(gradient, contexts.at(name, "gradient_rule"))
    return gradient(run.weights)


def treat_gradients(
    spec: TrainingSpec, moment: Moment, run: Run, gradients: Params
) -> tuple[Params, dict[str, Tensor]]:
    """Return one network's gradients as the optimizer gets them, and the effects recorded on the way."""
    contexts = Contexts(spec.facts, run, moment)
    for name, regularizer in spec.stages_with(run.hypers)["gradients"]:
        gradients = regularizer.gradients(gradients, run.weights, contexts.at(name, "gradients"))
    return gradients, contexts.effects()


def finite(gradients: Tensor, objective: Tensor) -> Tensor:
    """Tell which networks' objective and gradient `[S, P]` are finite, bool `[S]`.

    The gradient is judged by its squared norm: where a square overflows, Adam's step is zero, and the network would
    stand still unnoticed.
    """
    return torch.isfinite(torch.linalg.vecdot(gradients, gradients) + objective)
