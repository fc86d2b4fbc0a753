"""Networks trained side by side as one stacked computation.

All weights live in one tensor `[S, P]`, a row for each network, weights before biases; what the step sees are views
of it by name. A step is `compute_gradients` of `step.py`, under vmap unless there is only one network, followed by
the optimizer and the stages after it, which act on all rows at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from regbench.models.layers import NARROW
from regbench.models.network import Tensors
from regbench.randomness import Randomness, Stacked, stack_seeds
from regbench.regularizers.base import Params, Regularizer, Rows, State, Update, is_weight
from regbench.schedules.optimizers import AdamW
from regbench.training.optimizer import StackedOptimizer
from regbench.training.spec import Hypers, Plan, collect_hypers
from regbench.training.train_step import Moment, Report, Run, compute_gradients

States: TypeAlias = dict[str, State]


class Layout:
    """Where each parameter lies in a row of the stacked weights; weight matrices come first.

    Matrices of wide layers lie there transposed, as the gradient of x W^T leaves the backward pass: gradients are then
    joined in whole blocks, not number by number.
    """

    def __init__(self, weights: Params) -> None:
        names = sorted(weights, key=lambda name: not is_weight(name))
        self.shapes = {name: tuple(weights[name].shape) for name in names}
        self.turned = {name for name, shape in self.shapes.items() if len(shape) == 2 and shape[0] >= NARROW}
        self.sizes = {name: math.prod(shape) for name, shape in self.shapes.items()}
        self.total = sum(self.sizes.values())
        self.weight_count = sum(size for name, size in self.sizes.items() if is_weight(name))

    def flatten(self, weights: Params, stacked: bool) -> Tensor:
        """Return `[P]`, or `[S, P]` from stacked parameters."""
        keep = 1 if stacked else 0
        lying = (weights[name].mT if name in self.turned else weights[name] for name in self.shapes)
        return torch.cat([weight.flatten(keep) for weight in lying], keep)

    def views(self, flat: Tensor) -> Params:
        """Return views by name of `[P]` or, stacked, of `[S, P]`."""
        views = {}
        for (name, shape), piece in zip(self.shapes.items(), flat.split(list(self.sizes.values()), -1), strict=True):
            if name in self.turned:
                views[name] = piece.unflatten(-1, shape[::-1]).mT
            else:
                views[name] = piece.unflatten(-1, shape)
        return views


@dataclass(frozen=True)
class Networks:
    """Trained networks as evaluation sees them: weights `[S, P]`, buffers `[S, ...]`, each with its own techniques."""

    plan: Plan
    layout: Layout
    members: Sequence[Mapping[str, Regularizer]]
    flat: Tensor
    buffers: Tensors

    def select(self, rows: Tensor) -> Networks:
        """Return some of the networks, by number."""
        members = [self.members[row] for row in rows.tolist()]
        buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}
        return replace(self, members=members, flat=self.flat[rows], buffers=buffers)


def bind(plan: Plan, members: Sequence[Mapping[str, Regularizer]]) -> tuple[Plan, Hypers]:
    """Give each network its hyper-parameters: plain numbers in the plan where all agree, else tensors `[S]`."""
    return replace(plan, techniques=members[0]), collect_hypers(members)


def over_networks(function: Callable[..., Any], count: int, *stacked: Any) -> Any:
    """Apply a function of one network's tensors to every network: alone directly, else by vmap."""
    if count > 1:
        return torch.vmap(function, randomness="same")(*stacked)
    rows = _map_tensors(lambda t: t[0], stacked)
    return _map_tensors(lambda t: t.unsqueeze(0), function(*rows))


class Cohort:
    """The stacked networks, and what changes as they train.

    Args:
        plan: what all runs have in common.
        members: the techniques of each network, equal but for their hyper-parameters.
        seeds: the seed of each network.
        rates: the peak learning rate of each network.
        decays: AdamW's decay of each network; empty with another optimizer.
        data: the training set; a field with one more axis in front is stacked, one set for each network.
        stacked: for each field of `data`, whether it is stacked.
    """

    def __init__(
        self,
        plan: Plan,
        members: Sequence[Mapping[str, Regularizer]],
        seeds: Sequence[int],
        rates: Sequence[float],
        decays: Sequence[float],
        data: Rows,
        stacked: Sequence[bool],
    ) -> None:
        self.data, self.stacked = data, tuple(stacked)
        self.members = list(members)
        self.plan, self.hypers = bind(plan, members)
        self.size = len(seeds)
        self.seeds, self.sources = torch.tensor(seeds, dtype=torch.int64), stack_seeds(seeds)
        self.rates = torch.tensor(rates, dtype=torch.float64)
        self.decays = torch.tensor(decays, dtype=torch.float64)
        self.alive = torch.ones(self.size, dtype=torch.bool)
        initial = [plan.network.initial_weights(Randomness(seed), plan.dtype) for seed in seeds]
        self.layout = Layout(initial[0])
        self.buffers = {k: torch.stack([v] * self.size) for k, v in plan.network.initial_buffers(plan.dtype).items()}
        self.place(torch.stack([self.layout.flatten(weights, stacked=False) for weights in initial]))
        self.optimizer = StackedOptimizer(plan.schedule.optimizer, self.flat)
        self.states: States = self._begin()

    def place(self, flat: Tensor) -> None:
        """Make `[S, P]` the stacked weights."""
        self.flat = flat
        self.weights = self.layout.views(flat)
        self.first = self.layout.views(flat[0])

    def step(self, chosen: Tensor, moment: Moment, rates: Tensor) -> tuple[Tensor, Report]:
        """Train every network on its next batch.

        Args:
            chosen: row numbers, int64 `[S, B]`.
            moment: when this step happens.
            rates: each network's learning rate now, float64 `[S]`.

        Returns:
            the mean objective `[S]` and the stacked report.
        """
        gradients, report = self._gradients(chosen, moment)
        objective = sum(report.penalties.values(), report.loss)
        self._update(gradients, objective, report.buffers, moment, rates)
        return objective, report

    def _gradients(self, chosen: Tensor, moment: Moment) -> tuple[Tensor, Report]:
        batch = Rows(*(_gather(part, chosen, own) for part, own in zip(self.data, self.stacked, strict=True)))
        if self.size == 1:
            run = Run(int(self.seeds[0]), {}, self.first, {k: v[0] for k, v in self.buffers.items()})
            batch = Rows(*(part[0] for part in batch))
            alone, report = compute_gradients(self.plan, run, batch, moment, lambda function: function)
            return self.layout.flatten(alone, stacked=False).unsqueeze(0), _stack_alone(report)
        run = Run(self.sources, self.hypers, self.weights, self.buffers)
        stacked, report = compute_gradients(self.plan, run, batch, moment, _each)
        return self.layout.flatten(stacked, stacked=True), report

    def _update(self, gradients: Tensor, objective: Tensor, buffers: Tensors, moment: Moment, rates: Tensor) -> None:
        """Move the weights; a network whose objective or gradient is not finite keeps its old values from here on.

        The gradient is judged by its squared norm: where a square overflows, Adam's step is zero, and the network
        would stand still unnoticed.
        """
        self.alive = self.alive & torch.isfinite(torch.linalg.vecdot(gradients, gradients) + objective)
        everyone = bool(self.alive.all())
        after, average = self.plan.stages["after_update"], self.plan.stages["average"]
        previous = self.flat.clone() if after or not everyone else self.flat
        old_buffers, old_states = self.buffers, self.states
        rate = rates.to(self.flat.dtype).unsqueeze(1)
        if isinstance(self.plan.schedule.optimizer, AdamW):
            self.flat.mul_(1.0 - rate * self.decays.to(rate.dtype).unsqueeze(1))
        self.flat.addcmul_(self.optimizer.propose(gradients), rate)
        self.buffers = buffers
        if after:
            self._after_update(previous, rates)
        if average:
            self._average(moment.update)
        if not everyone:
            self.flat[~self.alive] = previous[~self.alive]
            self.buffers = _keep_dead(self.alive, self.buffers, old_buffers)
            self.states = {n: _keep_dead(self.alive, s, old_states[n]) for n, s in self.states.items()}

    def _after_update(self, previous: Tensor, rates: Tensor) -> None:
        needs_gain = any(technique.needs_gain for _, technique in self.plan.stages["after_update"])
        gain = self.layout.views(self.optimizer.gain().expand_as(self.flat)) if needs_gain else {}

        def one(update: Update, states: States, hypers: Hypers) -> tuple[Params, States]:
            states = dict(states)
            for name, technique in self.plan.stages_with(hypers)["after_update"]:
                weights, states[name] = technique.after_update(update, states[name])
                update = update._replace(weights=weights)
            return update.weights, states

        update = Update(self.weights, self.layout.views(previous), rates.to(self.flat.dtype), gain)
        new, self.states = over_networks(one, self.size, update, self.states, self.hypers)
        self.flat.copy_(self.layout.flatten(new, stacked=True))

    def _average(self, update: int) -> None:
        def one(weights: Params, states: States, hypers: Hypers) -> States:
            states = dict(states)
            for name, technique in self.plan.stages_with(hypers)["average"]:
                states[name] = technique.average(weights, update, states[name])
            return states

        self.states = over_networks(one, self.size, {**self.weights, **self.buffers}, self.states, self.hypers)

    def _begin(self) -> States:
        def one(weights: Params, hypers: Hypers) -> States:
            stages = self.plan.stages_with(hypers)
            remembering = {**dict(stages["after_update"]), **dict(stages["average"])}
            return {name: technique.begin(weights) for name, technique in remembering.items()}

        states: States = over_networks(one, self.size, {**self.weights, **self.buffers}, self.hypers)
        return states

    def evaluated(self) -> Networks:
        """Return the networks as evaluation sees them: averaged where a technique averages."""
        if not self.plan.stages["averaged"]:
            return Networks(self.plan, self.layout, self.members, self.flat, self.buffers)

        def one(weights: Params, states: States, hypers: Hypers) -> Params:
            for name, technique in self.plan.stages_with(hypers)["averaged"]:
                weights = technique.averaged(weights, states[name])
            return weights

        averaged = over_networks(one, self.size, {**self.weights, **self.buffers}, self.states, self.hypers)
        buffers = {name: averaged[name] for name in self.buffers}
        return Networks(self.plan, self.layout, self.members, self.layout.flatten(averaged, stacked=True), buffers)

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the networks only; the others have finished."""
        self.size = len(rows)
        self.seeds, self.rates, self.alive = self.seeds[rows], self.rates[rows], self.alive[rows]
        self.decays = self.decays[rows] if len(self.decays) else self.decays
        self.data = Rows(*(p[rows] if own else p for p, own in zip(self.data, self.stacked, strict=True)))
        self.sources = stack_seeds(self.seeds.tolist())
        self.buffers, self.states, self.hypers = _map_tensors(
            lambda t: t[rows], (self.buffers, self.states, self.hypers)
        )
        self.members = [self.members[row] for row in rows.tolist()]
        if self.size == 1:
            self.plan, self.hypers = bind(self.plan, self.members)
        self.place(self.flat[rows])
        self.optimizer.keep(rows)


def _each(function: Callable[[Run, Any], Any]) -> Callable[[Run, Any], Any]:
    """Return the function of all runs stacked; they share the keys that each draws its own numbers from."""
    along = Run._make([Stacked._make([None, 0]), 0, 0, 0])
    return torch.vmap(function, (along, 0), randomness="same")


def _gather(part: Tensor, chosen: Tensor, own: bool) -> Tensor:
    """Return rows `[S, B, ...]` of `[N, ...]`, or of each network's own `[S, N, ...]`.

    `index_select` takes whole rows: several times as fast as indexing, which goes number by number.
    """
    numbers = chosen
    if own:
        numbers = chosen + torch.arange(len(part)).unsqueeze(1) * part.shape[1]
        part = part.flatten(0, 1)
    return part.index_select(0, numbers.flatten()).view(*chosen.shape, *part.shape[1:])


def _stack_alone(report: Report) -> Report:
    loss, penalties, notes, buffers = report
    return Report(
        loss.unsqueeze(0),
        {k: v.unsqueeze(0) for k, v in penalties.items()},
        {k: v.unsqueeze(0) for k, v in notes.items()},
        {k: v.unsqueeze(0) for k, v in buffers.items()},
    )


def _keep_dead(alive: Tensor, new: Tensors, old: Tensors) -> Tensors:
    return {k: torch.where(alive.view(-1, *[1] * (v.ndim - 1)), v, old[k]) for k, v in new.items()}


def _map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """Apply a function to every tensor in nested tuples and dicts."""
    return torch.utils._pytree.tree_map_only(Tensor, function, tree)
