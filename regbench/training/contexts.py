"""Making of the context that each method of a regularizer gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from regbench.randomness import CPU, Randomness, Seed
from regbench.regularizers.base import Context, Effect, Facts, Moment, Params, State
from regbench.regularizers.context import Forward, no_forward
from regbench.training.spec import Hypers

States: TypeAlias = dict[str, State]
"""State by regularizer."""

ONLY_LAST = frozenset({"forward_weights", "activations", "site_penalty"})
"""Stages whose effects are sampled on the last step of each epoch, because they cost a pass over a tensor each."""

KEYS = {"forward_weights": "weights", "training_data": "training data"}
"""Names of random sources where they are not the stage's method: kept so that a seed gives the numbers it gave."""


class Run(NamedTuple):
    """One network at a step; a cohort's is the stack of its networks, each tensor with one more axis in front."""

    random: Randomness
    """The source of the random numbers of this step."""
    hypers: Hypers
    """Hyper-parameters that take the place of the configured ones: stacked or ramped."""
    weights: Params
    buffers: Params
    states: States
    numbers: Tensor
    """Numbers of the batch's rows in the training set, int64 `[B]`."""
    about: dict[str, Params]
    """What regularizers say of these rows, by regularizer."""


class Contexts:
    """Contexts of one run at one moment, and the effects that were recorded through them.

    Args:
        facts: the facts of the run.
        run: the run.
        moment: the time of the step.
        stream: of a further pass with random numbers of its own; empty for the step's own.
    """

    def __init__(self, facts: Facts, run: Run, moment: Moment, stream: str = "") -> None:
        self._facts, self._run, self._moment = facts, run, moment
        self._random = run.random.at("pass", stream) if stream else run.random
        self._effects: dict[str, list[Tensor]] = {}

    def at(self, name: str, stage: str, site: str | None = None, forward: Forward = no_forward) -> Context:
        """Return the context of a regularizer at a stage (and site)."""
        key = KEYS.get(stage, stage)
        return Context(
            common=self._random.at(name),
            key=(key,) if site is None else (key, site),
            effect=self._recorder(name, stage),
            moment=self._moment,
            facts=self._facts,
            state=self._run.states.get(name, {}),
            numbers=self._run.numbers,
            about=self._run.about.get(name, {}),
            forward=forward,
        )

    def effects(self) -> dict[str, Tensor]:
        """Return one figure for each effect, however often it was recorded (once for each site, say)."""
        return {
            name: values[0] if len(values) == 1 else torch.stack(values).mean(0)
            for name, values in self._effects.items()
        }

    def _recorder(self, name: str, stage: str) -> Effect:
        if stage in ONLY_LAST and not self._moment.last_of_epoch:
            return ignore

        def record(effect: str, value: Tensor | Callable[[], Tensor]) -> None:
            self._effects.setdefault(f"{name}.{effect}", []).append(value() if callable(value) else value)

        return record


def random_at(seed: Seed, moment: Moment, device: torch.device = CPU) -> Randomness:
    """Return the source of the random numbers of one step."""
    return Randomness(seed, device=device).at("step", moment.epoch, moment.step)


def ignore(effect: str, value: Tensor | Callable[[], Tensor]) -> None:
    """Record nothing."""
