"""Noise on the weights that the forward pass sees, in training only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._noise import DISTRIBUTIONS, draw_noise
from regbench.regularizers.base import Context, Params, Regularizer, is_weight


@dataclass(frozen=True, kw_only=True)
class WeightNoise(Regularizer):
    """Weight noise: the forward pass sees w + s · n, drawn anew at each step; the update applies to the clean w.

        w̃ = w + s · n,   E n = 0,  E n² = 1,   w ← w − η ∂L(w̃)/∂w̃

    n is gaussian, uniform on (−√3, √3), or laplace with scale 1/√2. s is `strength`, the standard deviation in the
    units of the weights, whatever their size. `scope: weights` covers matrices and kernels, `biases` biases alone,
    `all` both and the scales and shifts of norms. One n serves all rows of a batch. s = 0 is off; evaluation uses the
    clean weights.

    Noise left in the stored weights would add up to a random walk over the steps; here it never reaches them.

    When: in networks whose weights are of about one size, above all recurrent ones, and where weights will be
    rounded later. Where layers differ much in the size of their weights one strength cannot fit all; `dropout` or
    `activation_noise` depend less on it.

    Other libraries: none of torch, Keras, timm, fastai and Composer has it.

    Source: Graves (2011), Practical variational inference for neural networks; Graves, Mohamed & Hinton (2013), Speech
    recognition with deep recurrent neural networks, with s = 0.075.
    """

    aim: ClassVar[str] = "units"
    ranks: ClassVar[Mapping[str, str]] = {"forward_weights": "add noise"}
    strength: Hyper = hyper(0.075, search=(0.003, 0.3), log=True, off=0.0)
    distribution: str = choice(*DISTRIBUTIONS)
    scope: str = choice("weights", "all", "biases", help="matrices and kernels, all parameters, or biases alone")

    def forward_weights(self, weights: Params, rows: int, ctx: Context) -> Params:
        """Return the disturbed weights."""
        return {
            name: w + draw_noise(self.distribution, ctx.random.at(name), w.shape, w.dtype) * self.strength
            if self._covers(name)
            else w
            for name, w in weights.items()
        }

    def _covers(self, name: str) -> bool:
        if self.scope == "biases":
            return name.endswith(".bias")
        return self.scope == "all" or is_weight(name)
