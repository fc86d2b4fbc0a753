"""Annealed gradient noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import Hyper, hyper
from regbench.regularizers.base import Context, Params, Regularizer


@dataclass(frozen=True, kw_only=True)
class GradientNoise(Regularizer):
    """Annealed gradient noise: adds N(0, σ_t²) to every component of the gradient, σ_t² = eta / (1 + t)^gamma.

    σ_t² is a variance, so that the noise starts with standard deviation √eta; t counts updates (not epochs) from 0.
    All parameters get noise. eta 0 is off; gamma 0 keeps the noise constant. It acts after
    `gradient_clipping`, so that the noise is not clipped. `sigma` is the standard deviation σ_t.

    When: a deep network gets stuck early, or depends much on its initial weights: the noise is large at first and
    fades. It is no substitute for a penalty: late in training, when networks overfit, hardly any is left.

    Other libraries: none has it; the trap met in copies is the use of σ_t² as the standard deviation.

    Source: Neelakantan et al. (2015), section 3, with eta from {0.01, 0.3, 1} and gamma 0.55.
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "add noise"}
    effects: ClassVar[tuple[str, ...]] = ("sigma",)

    eta: Hyper = hyper(0.01, search=(1e-4, 1.0), log=True, off=0.0, help="variance at the first update")
    gamma: Hyper = hyper(0.55, search=(0.3, 1.0), help="exponent with which the variance falls")

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the gradients with noise, drawn for each parameter from its own name."""
        some = next(iter(gradients.values()))
        fall = torch.as_tensor(1.0 + ctx.moment.update, dtype=torch.float64, device=some.device) ** self.gamma
        sigma = (self.eta / fall).sqrt().to(some.dtype)
        ctx.effect("sigma", sigma)
        return {name: g + sigma * ctx.random.at(name).normal(g.shape, g.dtype) for name, g in gradients.items()}
