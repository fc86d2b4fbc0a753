"""torch's own optimizers on stacked weights, with a learning rate for each run.

The optimizer is given a zero tensor with the gradients and learning rate 1, so that it proposes the unit-rate step;
each run then moves by its own rate times that step. This is exact for every update that is linear in the rate.
"""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.schedules.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop


class StackedOptimizer:
    """One torch optimizer over weights `[S, P]` of S networks."""

    def __init__(self, record: Optimizer, like: Tensor) -> None:
        self.record = record
        self._build(torch.zeros_like(like))

    def _build(self, delta: Tensor) -> None:
        self._delta = torch.nn.Parameter(delta)
        self._optimizer = _make(self.record, [self._delta])

    def propose(self, gradients: Tensor) -> Tensor:
        """Return the step at rate 1 for gradients `[S, P]`; the returned tensor is overwritten by the next call."""
        self._delta.detach().zero_()
        self._delta.grad = gradients
        self._optimizer.step()
        return self._delta.detach()

    def gain(self) -> Tensor:
        """Return how far a unit of constant gradient moves each weight at rate 1, `[S, P]` or 0-d.

        SGD with momentum m: 1/(1-m). Adam: 1/(sqrt(v_hat) + eps). RMSprop: 1/(sqrt(v) + eps), over 1-m with momentum.
        """
        record, state = self.record, self.state()
        if isinstance(record, SGD):
            return torch.tensor(1.0 / (1.0 - record.momentum), dtype=self._delta.dtype)
        if isinstance(record, RMSprop):
            return (state["square_avg"].sqrt() + record.eps).reciprocal() / (1.0 - record.momentum)
        corrected = state["exp_avg_sq"] / (1.0 - record.beta2 ** float(state["step"]))
        gain: Tensor = 1.0 / (corrected.sqrt() + record.eps)
        return gain

    def state(self) -> dict[str, Tensor]:
        """Return the optimizer's memory: tensors `[S, P]`, and 0-d ones that all runs share."""
        return {k: v for k, v in self._optimizer.state[self._delta].items() if isinstance(v, Tensor)}

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from a memory that `state` returned, possibly with fewer rows."""
        rows = next((v.shape for v in state.values() if v.ndim == 2), self._delta.shape)
        self._build(torch.zeros(rows, dtype=self._delta.dtype, device=self._delta.device))
        if state:
            self._optimizer.state[self._delta].update({k: v.clone() for k, v in state.items()})

    def keep(self, rows: Tensor) -> None:
        """Go on with some of the stacked networks only; `rows` are their numbers."""
        state = {k: v[rows] if v.ndim == 2 else v for k, v in self.state().items()}
        self._build(self._delta.detach()[rows].clone())
        self._optimizer.state[self._delta].update(state)


def _make(record: Optimizer, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    if isinstance(record, SGD):
        return torch.optim.SGD(parameters, 1.0, record.momentum, nesterov=record.nesterov, fused=True)
    if isinstance(record, Adam | AdamW):
        # Decay is applied by the caller, at each run's own rate.
        return torch.optim.Adam(parameters, 1.0, (record.beta1, record.beta2), record.eps, fused=True)
    return torch.optim.RMSprop(parameters, 1.0, record.alpha, record.eps, momentum=record.momentum)
