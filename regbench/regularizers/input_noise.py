"""Noise on the inputs, in training only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number
from regbench.randomness import Randomness
from regbench.regularizers._noise import DISTRIBUTIONS, draw_noise
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse

SMALLEST = 1e-150
"""Strength of Poisson noise whose square is still a number; below it, the noise is far less than any rounding."""


@dataclass(frozen=True, kw_only=True)
class InputNoise(Regularizer):
    """Input noise: disturbs every input value of every training row anew at each step.

        gaussian         x + N(0, s²)
        uniform          x + U(−a, a),  a = s √3
        laplace          x + Laplace(b),  b = s / √2
        poisson          s² · Pois(x / s²), for x ≥ 0: mean x, variance s² x
        salt_and_pepper  x with probability 1 − s, else `low` or `high` with probability s / 2 each

    s is `strength`, in the units the network sees, that is *after* standardisation: the noise's standard deviation
    (poisson: the standard deviation of the value 1), or for salt_and_pepper the flip probability in [0, 1). s = 0 is
    off. `low` and `high` are null for the least and greatest value of each input in the batch. Nothing is clipped.
    For a linear model with squared loss, s² Σ w² is added to the expected loss by the first three: an L2 penalty.

    When: inputs are measured with error, and rows are few: it teaches the network that nearby inputs mean the same.
    Take the kind that disturbs your data: poisson for counts, salt_and_pepper for values that drop out. Not on columns
    of categories, which become fractions, nor so strong that it hides differences that matter.

    Other libraries: Keras' GaussianNoise(stddev), torchvision's GaussianNoise(sigma) and kornia's
    RandomGaussianNoise(std) are `gaussian`, in the units of whatever stands before them. torchvision clips to [0, 1],
    and kornia's default of 1 wipes out an image in [0, 1]. They have no uniform, Laplace or Poisson noise.

    Source: Bishop (1995), Training with noise is equivalent to Tikhonov regularization; Vincent et al. (2010), Stacked
    denoising autoencoders, for salt and pepper.
    """

    aim: ClassVar[str] = "rows"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "add noise"}
    strength: Hyper = hyper(0.1, search=(0.01, 1.0), log=True, off=0.0)
    distribution: str = choice(*DISTRIBUTIONS, "poisson", "salt_and_pepper")
    low: float | None = number(None, optional=True, help="pepper; null: the least value of each input in the batch")
    high: float | None = number(None, optional=True, help="salt; null: the greatest value of each input in the batch")

    def check(self, facts: Facts) -> None:
        """Refuse negative inputs for poisson, and salt and pepper without a probability or a range."""
        if self.distribution == "poisson" and not facts.nonnegative:
            raise refuse("input_noise", "poisson needs inputs >= 0: set dataset.standardize=false")
        if self.distribution != "salt_and_pepper":
            return
        if self.strength >= 1.0:
            raise refuse("input_noise", "for salt_and_pepper, strength is a probability in [0, 1)")
        if facts.batch_size == 1 and (self.low is None or self.high is None):
            raise refuse("input_noise", "salt_and_pepper with schedule.batch_size=1 needs both low and high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise refuse("input_noise", f"low={self.low:g} must lie below high={self.high:g}")

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with disturbed inputs."""
        x = batch.x
        if self.distribution == "poisson":
            return batch._replace(x=self._count(x, ctx.random))
        if self.distribution == "salt_and_pepper":
            return batch._replace(x=self._flip(x, ctx.random))
        return batch._replace(x=x + draw_noise(self.distribution, ctx.random, x.shape, x.dtype) * self.strength)

    def _count(self, x: Tensor, random: Randomness) -> Tensor:
        strength = torch.as_tensor(self.strength, dtype=torch.float64, device=x.device)
        noticed = strength > SMALLEST
        quantum = torch.where(noticed, strength * strength, 1.0)
        # An earlier technique may have pushed a value below zero, where there is no Poisson distribution.
        counted = random.poisson(x.to(torch.float64).clamp_min(0.0) / quantum) * quantum
        return torch.where(noticed, counted.to(x.dtype), x)

    def _flip(self, x: Tensor, random: Randomness) -> Tensor:
        low = x.amin(0) if self.low is None else torch.full_like(x[0], self.low)
        high = x.amax(0) if self.high is None else torch.full_like(x[0], self.high)
        salt, clean = random.at("salt").keep(0.5, x.shape), random.at("flip").keep(self.strength, x.shape)
        return torch.where(clean.bool(), x, torch.where(salt.bool(), high, low))
