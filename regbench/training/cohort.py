"""Networks trained side by side as one stacked computation: what they are made of, and how it changes in a step.

All weights lie in one tensor `[S, P]`, a row for each network, weights before biases; what a step sees are views of
it by name. An ensemble's networks lie one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from regbench.config.fields import hyper_names
from regbench.models.network import Tensors
from regbench.randomness import Randomness, stack_seeds
from regbench.regularizers.base import Moment, Params, Rows, Update
from regbench.schedules.ramps import ramp_regularizers
from regbench.tape.tapes import Tapes, plays_back
from regbench.training import stacking
from regbench.training.beginning import begin_states
from regbench.training.contexts import Contexts, Run, States, random_at
from regbench.training.gradients import StepReport
from regbench.training.layout import Layout
from regbench.training.networks import Member, Networks
from regbench.training.optimizer import StackedOptimizer
from regbench.training.spec import Hypers, TrainingSpec, collect_hypers, ramp_hypers
from regbench.training.stacked_rows import StackedRows
from regbench.training.starts import Moved, Now

Given = TypeVar("Given")
Done = TypeVar("Done")


PATIENCE = 24
"""Steps after which recording anew is worth its cost, when runs have left: the next may leave soon."""


class Before(NamedTuple):
    """Networks as they were before a step."""

    flat: Tensor
    """The weights `[S, P]`; the present ones, if nobody needs the old ones."""
    buffers: Tensors
    states: States
    all_alive: bool
    """Whether all networks are finite, so that none is given these values again."""


class Cohort:
    """The stacked networks, and what changes as they train.

    Args:
        spec: what all networks have in common.
        members: the networks; regularizers and optimizers are equal but for their hyper-parameters.
        rows: the training set, and what regularizers say about its rows.
    """

    def __init__(self, spec: TrainingSpec, members: Sequence[Member], rows: StackedRows) -> None:
        self.rows = rows.to(spec.device)
        self.members = list(members)
        self._bind(spec)
        self.tapes = Tapes(on=plays_back(spec.device))
        self.alive = torch.ones(len(members), dtype=torch.bool, device=spec.device)
        initial = [spec.network.initial_weights(Randomness(member.seed), spec.dtype) for member in members]
        self.layout = Layout(initial[0])
        buffers = spec.network.initial_buffers(spec.dtype)
        self.buffers = {k: torch.stack([v] * len(members)).to(spec.device) for k, v in buffers.items()}
        # Drawn on the processor, so that a seed gives the same first weights on every device.
        self.place(torch.stack([self.layout.flatten(weights, stacked=False) for weights in initial]).to(spec.device))
        self.optimizer = StackedOptimizer(spec.schedule.optimizer, self.flat)
        self.states: States = {}
        self.states = begin_states(self)
        self._strides = _strides(self.states)

    def _bind(self, spec: TrainingSpec) -> None:
        """Give each network its hyper-parameters: plain numbers where all agree, else tensors `[S]`."""
        members = self.members
        self.size = len(members)
        self.spec = replace(spec, regularizers=members[0].regularizers)
        self.each = stacking.alone if self.size == 1 else stacking.stacked
        self.hypers = collect_hypers([member.regularizers for member in members], spec.device)
        self.seeds = [member.seed for member in members]
        self._sources = stack_seeds(self.seeds, spec.device)
        exact = partial(torch.tensor, dtype=torch.float64, device=spec.device)
        self.optimizer_hypers: dict[str, Tensor] = {
            name: exact([float(getattr(member.optimizer, name)) for member in members])
            for name in hyper_names(type(spec.schedule.optimizer))
        }

    def place(self, flat: Tensor) -> None:
        """Make `[S, P]` the stacked weights."""
        self.flat = flat
        self.weights = self.layout.views(flat)
        self._first = self.layout.views(flat[0])

    # -- the parts of a step -------------------------------------------------------------------------------------

    def now(self, chosen: Tensor, moment: Moment) -> Now:
        """Return what a step starts from, besides the weights, given row numbers `[S, B]`."""
        random = random_at(self._sources if self.size > 1 else self.seeds[0], moment, self.spec.device)
        return Now(chosen, moment, random, self.hypers_at(moment), self.buffers, self.states)

    def hypers_at(self, moment: Moment) -> Hypers:
        """Return the hyper-parameters that take the place of the configured ones, ramped ones as they are now."""
        spec = self.spec
        return ramp_hypers(self.hypers, spec.regularizers, spec.schedule.ramp, moment.progress, self.size, spec.device)

    def gather(self, now: Now) -> tuple[Run, Rows]:
        """Return the networks and their batches; of a single network without its axis."""
        batch = self.rows.gather(now.chosen)
        return self.run(now), batch if self.size > 1 else Rows(*(part[0] for part in batch))

    def run(self, now: Now) -> Run:
        """Return the networks as a step sees them; a single one without the axis S."""
        about = self.rows.gather_about(now.chosen)
        if self.size > 1:
            return Run(now.random, now.hypers, self.weights, now.buffers, now.states, now.chosen, about)
        buffers = {name: value[0] for name, value in now.buffers.items()}
        states, about = stacking.first((now.states, about)) if now.states or about else ({}, {})
        return Run(now.random, now.hypers, self._first, buffers, states, now.chosen[0], about)

    def stack(self, gradients: Params, report: StepReport) -> tuple[Tensor, StepReport]:
        """Return gradients `[S, P]` and figures `[S]`, given those by name that `each` left."""
        if self.size > 1:
            return self.layout.flatten(gradients, stacked=True), report
        return self.layout.flatten(gradients, stacked=False).unsqueeze(0), report.stack()

    def remember(self, alive: Tensor) -> Before:
        """Return what the networks are before a step; weights are copied only where somebody will ask for them."""
        all_alive = alive.device.type == "cpu" and bool(alive.all())  # on a device nobody waits to learn that
        needed = self.spec.stages["after_update"] or not all_alive
        return Before(self.flat.clone() if needed else self.flat, self.buffers, self.states, all_alive)

    def apart(self, now: Now) -> Tensor | None:
        """Return the subgradients of penalties that act after the step, `[S, P]`; None where there are none."""
        if not any(regularizer.acts_apart for _, regularizer in self.spec.stages["subgradient"]):
            return None
        return self.tapes.follow(("subgradient", *now.plain()), now, self._subgradients)

    def _subgradients(self, now: Now) -> Tensor:
        def one(run: Run, weights: Params) -> Params:
            contexts = Contexts(self.spec.facts, run, now.moment)
            total = {name: torch.zeros_like(w) for name, w in weights.items()}
            for name, regularizer in self.spec.stages_with(run.hypers)["subgradient"]:
                own = regularizer.subgradient(weights, contexts.at(name, "subgradient"))
                total |= {parameter: total[parameter] + part for parameter, part in own.items()}
            return total

        return self.layout.flatten(self._over(one, now, self.weights), stacked=True)

    def move(self, gradients: Tensor, apart: Tensor | None, lr: Tensor) -> None:
        """Let the optimizer move the weights.

        Args:
            gradients: `[S, P]`.
            apart: subgradients of penalties that act after the step, `[S, P]`.
            lr: learning rates `[S]`.
        """
        rate = lr.to(self.flat.dtype).unsqueeze(1)
        shrunk = self.optimizer.shrink(rate, self.optimizer_hypers)
        if shrunk is not None:
            self.flat.mul_(shrunk)
        self.flat.addcmul_(self.optimizer.step(gradients, apart), rate)

    def after_update(self, now: Now, before: Before, lr: Tensor) -> None:
        """Let regularizers act on the new weights: decay, shrink, project, freeze."""
        acting = self.spec.stages["after_update"]
        if not acting:
            return
        needs_gain = any(regularizer.needs_gain for _, regularizer in acting)
        gain = self.optimizer.gain() if needs_gain else torch.empty(0, device=self.spec.device)
        start = Moved(self._again(now), before.flat, lr.to(self.flat.dtype), gain)
        flat, states, apart = self.tapes.follow(("after_update", *now.plain()), start, self._act)
        for moved in apart:
            reach = lr.to(self.flat.dtype).unsqueeze(1) * self.optimizer.gain()
            self.optimizer.absorb(torch.where(reach > 0, moved / reach, 0.0))
        self.states = self._settle(states)
        self.flat.copy_(flat)

    def _act(self, start: Moved) -> tuple[Tensor, States, tuple[Tensor, ...]]:
        """Return new weights, states, and how far penalties that act apart moved the weights; `[S, P]` each."""

        def one(run: Run, update: Update) -> tuple[Params, States, Params]:
            contexts, states = Contexts(self.spec.facts, run, start.now.moment), dict(run.states)
            apart: Params = {}
            for name, regularizer in self.spec.stages_with(run.hypers)["after_update"]:
                weights, states[name] = regularizer.after_update(update, contexts.at(name, "after_update"))
                if regularizer.acts_apart:
                    moved = {n: update.weights[n] - w for n, w in weights.items()}
                    apart = {n: apart[n] + m for n, m in moved.items()} if apart else moved
                update = update._replace(weights=weights)
            return update.weights, states, apart

        gain = self.layout.views(start.gain) if start.gain.numel() else {}
        update = Update(self.weights, self.layout.views(start.previous), start.lr, gain)
        new, states, apart = self._over(one, start.now, update)
        moved = (self.layout.flatten(apart, stacked=True),) if apart else ()
        return self.layout.flatten(new, stacked=True), states, moved

    def average(self, now: Now) -> None:
        """Let regularizers take the new weights and norm statistics into their averages."""
        if self.spec.stages["average"]:
            key = ("average", *now.plain())
            self.states = self._settle(self.tapes.follow(key, self._again(now), self._average))

    def _average(self, now: Now) -> States:
        def one(run: Run, weights: Params) -> States:
            contexts, states = Contexts(self.spec.facts, run, now.moment), dict(run.states)
            for name, regularizer in self.spec.stages_with(run.hypers)["average"]:
                states[name] = regularizer.average(weights, contexts.at(name, "average"))
            return states

        return self._over(one, now, {**self.weights, **now.buffers})

    def _again(self, now: Now) -> Now:
        """Return the start of a later stage of the step: with norm statistics and states as they are by then."""
        return now._replace(buffers=self.buffers, states=self.states)

    def restore_dead(self, before: Before, alive: Tensor) -> None:
        """Give networks that are no longer finite the values that they had before the step."""
        self.alive = alive
        if before.all_alive:
            return
        self.flat.copy_(torch.where(alive.unsqueeze(1), self.flat, before.flat))
        self.buffers = _keep_dead(alive, self.buffers, before.buffers)
        # A regularizer without a state has an empty one after its first step, and none before.
        self.states = {n: _keep_dead(alive, state, before.states.get(n, {})) for n, state in self.states.items()}

    # -- around the steps ----------------------------------------------------------------------------------------

    def evaluated(self, moment: Moment) -> Networks:
        """Return the networks as evaluation sees them: averaged where a regularizer averages."""
        ramps = self.spec.schedule.ramp
        members = [
            replace(m, regularizers=ramp_regularizers(m.regularizers, ramps, moment.progress)) for m in self.members
        ]
        if not self.spec.stages["averaged"]:
            return Networks(self.spec, self.layout, members, self.flat, self.buffers)

        def one(run: Run, weights: Params) -> Params:
            contexts = Contexts(self.spec.facts, run, moment)
            for name, regularizer in self.spec.stages_with(run.hypers)["averaged"]:
                weights = regularizer.averaged(weights, contexts.at(name, "averaged"))
            return weights

        now = self.now(torch.zeros((self.size, 0), dtype=torch.int64, device=self.spec.device), moment)
        averaged = self._over(one, now, {**self.weights, **self.buffers})
        buffers = {name: averaged[name] for name in self.buffers}
        return Networks(self.spec, self.layout, members, self.layout.flatten(averaged, stacked=True), buffers)

    def keep(self, rows: Tensor) -> None:
        """Continue with some of the networks only; the others have finished."""
        self.members = [self.members[row] for row in rows.tolist()]
        self.rows = self.rows.keep(rows)
        rows = rows.to(self.spec.device)
        self.alive = self.alive[rows]
        self.buffers, self.states = stacking.map_tensors(lambda t: t[rows], (self.buffers, self.states))
        self.states = self._settle(self.states)
        self._bind(self.spec)
        self.place(self.flat[rows])
        self.optimizer.keep(rows)
        self.tapes = Tapes(on=plays_back(self.spec.device), patience=PATIENCE)

    def load_state(self, states: States) -> None:
        """Continue from states that were saved, laid out in memory as they were when they were saved."""
        self.states = self._settle(states)

    def _over(self, function: Callable[[Run, Given], Done], now: Now, given: Given) -> Done:
        """Apply a function of one network, and of what is given for it, to all networks."""
        # Weights and norm statistics are what is given.
        run = self.run(now)._replace(weights={}, buffers={})
        if self.size > 1:
            return stacking.stacked(function)(run, given)
        return stacking.stack_one(function(run, stacking.first(given)))

    def _settle(self, states: States) -> States:
        """Return states in memory of their own, laid out as `begin` left them.

        A product with a transposed matrix is rounded otherwise than with a contiguous one, so that a run could not be
        resumed bit for bit if the layout depended on where a state comes from. What a step that is played back returns
        is overwritten by the next.
        """
        return {
            name: {key: stacking.lay_out(value, self._strides[name][key]) for key, value in state.items()}
            for name, state in states.items()
        }


def _strides(states: States) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return how each state lies in memory, without the axis of the networks."""
    return {name: {key: value.stride()[1:] for key, value in state.items()} for name, state in states.items()}


def _keep_dead(alive: Tensor, new: Tensors, old: Tensors) -> Tensors:
    return {k: torch.where(alive.view(-1, *[1] * (v.ndim - 1)), v, old[k]) for k, v in new.items()}
