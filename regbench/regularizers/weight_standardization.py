"""Weight standardization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from regbench.config.fields import choice, number
from regbench.regularizers.base import Context, Facts, Params, Regularizer, is_weight, refuse


@dataclass(frozen=True, kw_only=True)
class WeightStandardization(Regularizer):
    """Weight standardization: the network computes with each unit's incoming weights at mean 0 and variance 1.

        plain    ŵ = (w − μ) / √(σ² + ε)
        scaled   ŵ = (w − μ) / √((σ² + ε) · fan_in),   so that the norm of ŵ is 1

    μ and σ² are the mean and the variance (divided by fan_in) of what enters one unit: a row of a linear layer's
    weight `[outputs, inputs]`, or one kernel `[inputs, k, ...]` of a convolution, fan_in numbers. Gradients pass
    through μ and σ. Biases and norm parameters are free. Training keeps the raw w; evaluation uses ŵ, and ŵ is what is
    stored. ε is `epsilon`. Form `none` is off.

    `last: no` leaves the output layer as it is: one of fixed size could fit neither numbers of another size nor the
    sureness of classes. Under `plain` the activations of each layer grow with √fan_in, which `batch_norm` after it
    takes back; without it take `scaled`.

    When: in convolutional networks with `batch_norm`, above all with small batches, whose statistics are noisy; and as
    `scaled` in networks without normalisation. In small networks on tables there is seldom anything to gain, and a
    unit with two inputs has only one direction left.

    Other libraries: Composer's and timm's change the module, here the weights stay raw and the optimizer sees them.
    timm's StdConv2d is `plain` with ε 1e-6, its ScaledStdConv2d `scaled` with a learned gain besides. They standardize
    convolutions alone; here linear layers too.

    Source: Qiao, Wang, Liu, Shen & Yuille (2019), Micro-batch training with batch-channel normalization and weight
    standardization, eq. 4; scaled: Brock, De & Smith (2021), Characterizing signal propagation to close the
    performance gap in unnormalized ResNets, section 4.
    """

    aim: ClassVar[str] = "normalise"
    ranks: ClassVar[Mapping[str, str]] = {"forward_weights": "normalise", "averaged": "normalise"}

    form: str = choice("plain", "scaled", "none", off="none", help="variance 1, or norm 1")
    last: str = choice("no", "yes", help="whether the output layer is standardized too")
    epsilon: float = number(1e-5, low=0.0, open_low=True, help="added to the variance")

    def check(self, facts: Facts) -> None:
        """Refuse a network without a layer to standardize, and one whose units have a single input."""
        if self.form == "none":
            return
        if math.prod(facts.shape) < 2:
            raise refuse("weight_standardization", "needs at least two inputs; less their mean, one weight is always 0")
        if self.last == "no" and not any(site.kind in ("hidden", "channels") for site in facts.sites):
            raise refuse("weight_standardization", "needs a hidden layer, or last=yes")

    def forward_weights(self, weights: Params, rows: int, ctx: Context) -> Params:
        """Return the weights, standardized."""
        return self._standardize(weights, ctx.facts)

    def averaged(self, weights: Params, ctx: Context) -> Params:
        """Return the weights, standardized, and the norm statistics."""
        return self._standardize(weights, ctx.facts)

    def _standardize(self, weights: Params, facts: Facts) -> Params:
        if self.form == "none":
            return weights
        free = f"{facts.layers[-1].name}.weight" if facts.layers and self.last == "no" else ""
        own = {name: self._scale(w) for name, w in weights.items() if is_weight(name) and name != free}
        return {**weights, **own}

    def _scale(self, w: Tensor) -> Tensor:
        rows = w.flatten(1)
        centred = rows - rows.mean(1, keepdim=True)
        variance = centred.square().mean(1, keepdim=True) + self.epsilon
        if self.form == "scaled":
            variance = variance * rows.shape[1]
        return (centred / variance.sqrt()).view_as(w)
