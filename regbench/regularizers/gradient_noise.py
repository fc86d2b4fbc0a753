"""Annealed gradient noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._noise import DISTRIBUTIONS, draw_noise
from regbench.regularizers.base import Context, Params, Regularizer


@dataclass(frozen=True, kw_only=True)
class GradientNoise(Regularizer):
    """Annealed gradient noise: adds σ_t · n to every component of the gradient, σ_t² = eta / (1 + t)^gamma.

    n has mean 0 and variance 1: N(0, 1), uniform on (−√3, √3), or laplace with scale 1/√2. σ_t² is a variance, so
    that the noise starts with standard deviation √eta; t counts updates (not epochs) from 0. All parameters get
    noise. eta 0 is off; gamma 0 keeps the noise constant. It acts after `gradient_clipping`, so that the noise is not
    clipped. `sigma` is the standard deviation σ_t.

    When: in deep networks that are hard to start, with plain initial weights or a high loss that hardly falls. A
    network that trains well gains little. Adam divides by the size of what it gets, noise included, so that there
    eta has to be small beside the gradients.

    Other libraries: none; the trap met in copies is the use of σ_t² as the standard deviation.

    Source: Neelakantan et al. (2015), section 3, for gaussian noise, with eta from {0.01, 0.3, 1} and gamma 0.55.
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "add noise"}
    effects: ClassVar[tuple[str, ...]] = ("sigma",)

    eta: Hyper = hyper(0.01, search=(1e-4, 1.0), log=True, off=0.0, help="variance at the first update")
    gamma: Hyper = hyper(0.55, search=(0.3, 1.0), help="exponent with which the variance falls")
    distribution: str = choice(*DISTRIBUTIONS, help="law of the noise, of the same variance")

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the gradients with noise, drawn for each parameter from its own name."""
        some = next(iter(gradients.values()))
        fall = torch.as_tensor(1.0 + ctx.moment.update, dtype=torch.float64, device=some.device) ** self.gamma
        sigma = (self.eta / fall).sqrt().to(some.dtype)
        ctx.effect("sigma", sigma)
        return {
            name: g + sigma * draw_noise(self.distribution, ctx.random.at(name), g.shape, g.dtype)
            for name, g in gradients.items()
        }
