"""Decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, is_weight


@dataclass(frozen=True, kw_only=True)
class WeightDecay(Regularizer):
    """Decoupled weight decay: every update also takes rate · strength · w off each weight, past the optimizer.

    w_{t+1} = w_t − rate_t · (optimizer's step) − rate_t · strength · w_t; rate_t is the learning rate now, w the
    weight matrices and kernels, or all parameters with scope `all`. strength 0 is off. The decay meets neither the
    momentum nor Adam's denominator; with plain SGD alone it equals the technique `l2`.

    When: weights are to be kept small under Adam or another optimizer that divides by the size of the gradients, and
    therefore shrinks weights of large gradients less with `l2`. With plain SGD the two are the same. Not beside `l2` or
    the optimizer `adamw`, whose effects add up.

    Other libraries: `weight_decay` of torch.optim.AdamW and of Keras is strength with scope `all`, and so is that of
    this product's own optimizer `adamw` (use `adam` here, or the two add up). The paper multiplies by the schedule's
    factor rate_t / rate_0 alone, as Composer does: its λ is strength · rate_0, a thousandth at a rate of 1e-3.
    `weight_decay` of torch.optim.SGD and Adam is not decoupled: that is `l2`.

    Source: Loshchilov & Hutter (2019), algorithm 1, line 9, and algorithm 2, line 12; scaled by the rate as in torch.
    """

    aim: ClassVar[str] = "shrink"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "decay"}
    strength: Hyper = hyper(1e-2, search=(1e-3, 10.0), log=True, off=0.0, help="share of w lost per unit of rate")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights less the decay of those before the step."""
        decayed = {}
        for name, w in update.weights.items():
            if self.scope == "all" or is_weight(name):
                share = update.lr * torch.as_tensor(self.strength, dtype=w.dtype, device=w.device)
                decayed[name] = w - share * update.previous[name]
        return {**update.weights, **decayed}, ctx.state
