"""An optimizer at work on stacked weights: its record, what it remembers, and room for the step it proposes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from regbench.schedules.optimizers import Optimizer


class StackedOptimizer:
    """One optimizer over weights `[S, P]` of S networks."""

    def __init__(self, record: Optimizer, like: Tensor) -> None:
        self._record = record
        self._move = torch.zeros_like(like)
        self._memory = {name: torch.zeros_like(like) for name in record.memory}
        self._memory["step"] = torch.zeros((), dtype=torch.float32, device=like.device)

    def step(self, gradients: Tensor, apart: Tensor | None) -> Tensor:
        """Return the step at learning rate 1 for gradients `[S, P]`; the next call overwrites it.

        Args:
            gradients: `[S, P]`.
            apart: subgradients of penalties that act on the weights after the step, `[S, P]`; None where there are
                none. They are no part of the step, but an optimizer that divides by the size of the gradient divides
                by that of both: else a weight with a small gradient would be thrown far by its penalty.
        """
        if apart is None:
            self._record.step(self._move.zero_(), gradients, self._memory)
            return self._move
        # The step along both, and the part that is not to move the weights taken back.
        self._record.step(self._move.zero_(), gradients + apart, self._memory)
        self._record.absorb(-apart, self._memory)
        return self._move.addcmul_(self.gain(), apart)

    def gain(self) -> Tensor:
        """Return how far a gradient of 1 in this step moves each weight in it, at learning rate 1, `[S, P]`."""
        return self._record.gain(self._memory).to(self._move.dtype).expand_as(self._move)

    def absorb(self, apart: Tensor) -> None:
        """Take into the momentum what acted on the weights after the step, as a gradient of this step `[S, P]`."""
        self._record.absorb(apart, self._memory)

    def shrink(self, lr: Tensor, hypers: Mapping[str, Tensor]) -> Tensor | None:
        """Return what the weights are multiplied by before the step, `[S, 1]`; None for nothing."""
        return self._record.shrink(lr, hypers)

    def state(self) -> dict[str, Tensor]:
        """Return the memory: tensors `[S, P]`, and `step`, the 0-d count of updates that all networks share."""
        return dict(self._memory)

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a memory that `state` returned."""
        self._memory = {name: state[name].clone() for name in self._memory}

    def keep(self, rows: Tensor) -> None:
        """Continue with some of the networks only; `rows` are their numbers."""
        self._move = self._move[rows]
        self._memory = {name: value[rows] if value.ndim else value for name, value in self._memory.items()}
