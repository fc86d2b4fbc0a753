"""torch's own optimizers on stacked weights, with a learning rate for each run.

The optimizer is given a zero tensor with the gradients and learning rate 1, so that it proposes the unit-rate step;
each run then moves by its own rate times that step. This is exact for every update that is linear in the rate.

Used are the functions behind torch's optimizer classes: their memory is plain tensors, and the classes load torch's
compiler at their first step, which takes a second and 80 MB.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from regbench.schedules.optimizers import SGD, Optimizer, RMSprop


class StackedOptimizer:
    """One optimizer over weights `[S, P]` of S networks."""

    def __init__(self, record: Optimizer, like: Tensor) -> None:
        self.record = record
        self._delta = torch.zeros_like(like)
        self._memory = {name: torch.zeros_like(like) for name in _remembered(record)}
        self._steps = torch.zeros((), dtype=torch.float32)

    def propose(self, gradients: Tensor) -> Tensor:
        """Return the step at rate 1 for gradients `[S, P]`; the returned tensor is overwritten by the next call."""
        self._delta.zero_()
        # Decay is the caller's, at each run's own rate.
        shared: dict[str, Any] = {"lr": 1.0, "weight_decay": 0.0, "maximize": False}
        record, memory, delta = self.record, self._memory, [self._delta]
        if isinstance(record, SGD):
            # From zero, the first step fills the buffer with the gradient itself, as torch does.
            buffer = [memory.get("momentum_buffer")]
            constants: dict[str, Any] = {"momentum": record.momentum, "dampening": 0.0, "nesterov": record.nesterov}
            sgd(delta, [gradients], buffer, fused=True, **constants, **shared)
        elif isinstance(record, RMSprop):
            averages, buffers = [memory["square_avg"]], [memory["momentum_buffer"]] if record.momentum else []
            constants = {"alpha": record.alpha, "eps": record.eps, "momentum": record.momentum, "centered": False}
            rmsprop(delta, [gradients], averages, [], buffers, [self._steps], foreach=False, **constants, **shared)
        else:
            means, squares = [memory["exp_avg"]], [memory["exp_avg_sq"]]
            constants = {"beta1": record.beta1, "beta2": record.beta2, "eps": record.eps, "amsgrad": False}
            adam(delta, [gradients], means, squares, [], [self._steps], fused=True, **constants, **shared)
        return self._delta

    def gain(self) -> Tensor:
        """Return how far a unit of constant gradient moves each weight at rate 1, `[S, P]` or 0-d.

        SGD with momentum m: 1/(1-m). Adam: 1/(sqrt(v_hat) + eps). RMSprop: 1/(sqrt(v) + eps), over 1-m with momentum.
        """
        record = self.record
        if isinstance(record, SGD):
            return torch.tensor(1.0 / (1.0 - record.momentum), dtype=self._delta.dtype)
        if isinstance(record, RMSprop):
            return (self._memory["square_avg"].sqrt() + record.eps).reciprocal() / (1.0 - record.momentum)
        correction = 1.0 - record.beta2 ** self._steps.item()
        return ((self._memory["exp_avg_sq"] / correction).sqrt() + record.eps).reciprocal()

    def state(self) -> dict[str, Tensor]:
        """Return the optimizer's memory: tensors `[S, P]`, and `step`, the 0-d count of updates that all runs share."""
        return {**self._memory, "step": self._steps}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from a memory that `state` returned."""
        self._memory = {name: state[name].clone() for name in self._memory}
        self._steps = state["step"].clone()

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the stacked networks only; `rows` are their numbers."""
        self._delta = self._delta[rows]
        self._memory = {name: value[rows] for name, value in self._memory.items()}


def _remembered(record: Optimizer) -> tuple[str, ...]:
    """Return what an optimizer remembers of every weight."""
    if isinstance(record, SGD):
        return ("momentum_buffer",) if record.momentum else ()
    if isinstance(record, RMSprop):
        return ("square_avg", "momentum_buffer") if record.momentum else ("square_avg",)
    return ("exp_avg", "exp_avg_sq")
