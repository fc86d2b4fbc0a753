"""DropConnect: single weights are dropped instead of units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.randomness import Randomness
from regbench.regularizers._masks import dropped_share
from regbench.regularizers.base import Context, Effect, Params, Regularizer, is_weight


@dataclass(frozen=True, kw_only=True)
class DropConnect(Regularizer):
    """DropConnect: in training, each weight of the linear layers is set to zero with probability p.

        training  W ∘ M / (1 − p),   evaluation  W

    M `[outputs, inputs]` is 0 with probability p and 1 otherwise. `mask: row` draws one M for each row of the batch, as
    in the paper, at the cost of batch · outputs · inputs numbers for each layer; `mask: batch` one M for each step,
    which is cheap but noisier. All linear layers take part, the last too; convolution kernels and biases do not
    (the paper masks biases as well). p lies in [0, 1); 0 is off. Evaluation uses the mean weights, where the paper
    draws each unit's input from a normal distribution of the same mean and variance.
    `drop_fraction` is the measured fraction of dropped weights.

    When: fully connected layers overfit, and a finer noise than dropout's is wanted, single weights rather than whole
    units. Not where time is short: with `mask: row` it is among the slowest techniques. Not for convolutions, which it
    leaves alone: there take `dropout`.

    Other libraries: fastai's WeightDropout, for recurrent weights, shares M over a batch, as `mask: batch` does.
    EfficientNet's `drop_connect` is stochastic depth, another technique. torch and Keras have none.

    Source: Wan, Zeiler, Zhang, LeCun & Fergus (2013), Regularization of neural networks using DropConnect, section 3.
    """

    aim: ClassVar[str] = "units"
    effects: ClassVar[tuple[str, ...]] = ("drop_fraction",)

    ranks: ClassVar[Mapping[str, str]] = {"forward_weights": "mask"}

    rate: Hyper = hyper(0.5, high=1.0, open_high=True, search=(0.05, 0.8), off=0.0)
    mask: str = choice("row", "batch")

    def forward_weights(self, weights: Params, rows: int, ctx: Context) -> Params:
        """Return the weights with those of linear layers masked, `[B, outputs, inputs]` if masks are per row."""
        if isinstance(self.rate, float) and self.rate == 0.0:
            ctx.effect("drop_fraction", lambda: torch.zeros((), device=ctx.common.device))
            return weights  # one matrix per row would give the same numbers up to rounding only
        leading = (rows,) if self.mask == "row" else ()
        masked = dict(weights)
        for name, weight in weights.items():
            if is_weight(name) and weight.ndim == 2:
                masked[name] = self._drop(weight, leading, ctx.random.at(name), ctx.effect)
        return masked

    def _drop(self, weight: Tensor, leading: tuple[int, ...], random: Randomness, effect: Effect) -> Tensor:
        kept = random.keep(self.rate, (*leading, *weight.shape), weight.dtype)
        effect("drop_fraction", lambda: dropped_share(kept))
        return weight * (1.0 / Randomness.kept_share(self.rate)) * kept
