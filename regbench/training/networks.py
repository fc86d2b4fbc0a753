"""Networks as they are trained and as evaluation sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from regbench.models.network import Tensors
from regbench.randomness import stack_seeds
from regbench.regularizers.base import Params, Regularizer
from regbench.schedules.optimizers import Optimizer
from regbench.training import stacking
from regbench.training.contexts import Run, random_at
from regbench.training.layout import Layout
from regbench.training.spec import TrainingSpec, collect_hypers
from regbench.training.stacked_rows import START

Given = TypeVar("Given")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Member:
    """One network to train: its seed, and its regularizers and optimizer with its own hyper-parameters."""

    seed: int
    regularizers: Mapping[str, Regularizer]
    optimizer: Optimizer


@dataclass(frozen=True)
class Networks:
    """Trained networks as evaluation sees them: weights `[S, P]`, buffers `[S, ...]`.

    Ramped hyper-parameters of `members` are as they were when the weights were taken.
    """

    spec: TrainingSpec
    layout: Layout
    members: Sequence[Member]
    flat: Tensor
    buffers: Tensors

    def select(self, rows: Tensor) -> Networks:
        """Return some of the networks, by number."""
        members = [self.members[row] for row in rows.tolist()]
        rows = rows.to(self.flat.device)
        buffers = {name: buffer[rows] for name, buffer in self.buffers.items()}
        return replace(self, members=members, flat=self.flat[rows], buffers=buffers)

    def over(self, function: Callable[[TrainingSpec, Run, Params], Done]) -> Done:
        """Apply a function of specification, run and weights to each network; return what it returns, stacked."""
        return self._over(function, self.layout.views(self.flat))

    def over_own(self, function: Callable[[TrainingSpec, Run, tuple[Params, Tensor]], Done], own: Tensor) -> Done:
        """Apply a function to each network with its weights and a tensor of its own, of `[S, ...]`."""
        return self._over(function, (self.layout.views(self.flat), own))

    def _over(self, function: Callable[[TrainingSpec, Run, Given], Done], given: Given) -> Done:
        spec = replace(self.spec, regularizers=self.members[0].regularizers)
        device = self.flat.device
        numbers = torch.zeros((len(self.members), 0), dtype=torch.int64, device=device)
        if len(self.members) == 1:
            random = random_at(self.members[0].seed, START, device)
            run = Run(random, {}, {}, stacking.first(self.buffers), {}, numbers[0], {})
            return stacking.stack_one(function(spec, run, stacking.first(given)))
        hypers = collect_hypers([member.regularizers for member in self.members], device)
        random = random_at(stack_seeds([member.seed for member in self.members], device), START, device)
        run = Run(random, hypers, {}, self.buffers, {}, numbers, {})
        return stacking.stacked(partial(function, spec))(run, given)
