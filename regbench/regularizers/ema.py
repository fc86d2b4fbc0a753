"""Exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.regularizers.base import Context, Params, Regularizer, Rows, State


@dataclass(frozen=True, kw_only=True)
class EMA(Regularizer):
    """Exponential moving average (EMA) of the weights: evaluation uses w̄, training continues with w.

    w̄ ← decay · w̄ + (1 − decay) · w after every update; the first update sets w̄ = w. The running statistics of
    norm layers are averaged with the weights, integer buffers are those of the last step. decay 0 is off. An average
    remembers about 1 / (1 − decay) updates: with fewer than that in a run it lags behind.

    When: weights swing from step to step (a large learning rate, small batches, noisy gradients), and their mean is
    better than the last of them; it costs a copy of the weights and little time. Not in runs of few updates, in which
    the average still remembers the beginning.

    Other libraries: equals torch.optim.swa_utils.AveragedModel with get_ema_multi_avg_fn(decay) and use_buffers.
    Composer's half-life of h updates is decay 2^(−1/h). Averages of the weights alone, as in Keras, are evaluated with
    norm statistics of other weights.

    Source: Polyak & Juditsky (1992) for the averaging of iterates; the exponential form as in Szegedy et al. (2016),
    section 8.
    """

    aim: ClassVar[str] = "flat"
    ranks: ClassVar[Mapping[str, str]] = {"averaged": "average"}
    decay: Hyper = hyper(
        0.99, high=1.0, open_high=True, search=(0.9, 0.999), off=0.0, help="share of w̄ kept each update"
    )

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        """Return a copy of the initial weights and statistics."""
        return {name: w.clone() for name, w in weights.items()}

    def average(self, weights: Params, ctx: Context) -> State:
        """Take the new weights and statistics into the average."""
        like = partial(torch.as_tensor, device=ctx.common.device)
        first = like(ctx.moment.update) == 0
        share = torch.where(first, 1.0, like(1.0 - self.decay, dtype=torch.float64))
        return {name: self._mix(ctx.state[name], w, share) for name, w in weights.items()}

    def averaged(self, weights: Params, ctx: Context) -> Params:
        """Return the averaged weights and statistics."""
        return dict(ctx.state)

    def _mix(self, old: Tensor, new: Tensor, share: Tensor) -> Tensor:
        if not new.is_floating_point():
            return new.clone()
        # Not decay · old + (1 − decay) · new: rounded to float32 the two need not add up to one, which at 0.9999
        # pulls the average off by up to 3e-4 of itself. Interpolation keeps a constant weight constant.
        return torch.lerp(old, new, share.to(new.dtype))
