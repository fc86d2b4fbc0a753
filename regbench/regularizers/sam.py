"""Sharpness-aware minimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import Hyper, hyper
from regbench.regularizers.base import Context, Gradient, Params, Regularizer, Report


@dataclass(frozen=True, kw_only=True)
class SAM(Regularizer):
    """Sharpness-aware minimisation (SAM): steps along the gradient at w + ε, the worst point at distance rho from w.

    ε = rho · g / ‖g‖₂, where g is the gradient at w of the whole objective, penalties included (proximal ones, which
    are not in the gradients, are refused), and the norm is taken over all parameters of the run together; a zero
    gradient gives ε = 0. The optimizer gets the gradient at w + ε and moves w. Both passes see the same batch and the
    same random numbers. Each step costs two backward passes. rho 0 is
    off (at the same cost).

    The reported loss and the running statistics of norm layers are those of the first pass, at w: elsewhere they
    are often updated twice, the second time with statistics of weights that the network never has.

    When: accuracy is worth a step of twice the work, with a network large enough to learn its rows by heart, and with
    wrong labels. Not before a plain run of twice the epochs was tried, which costs as much.

    Other libraries: Composer's SAM(rho) has the same rho; torch, Keras and timm have none.

    Source: Foret et al. (2021), eq. 2 and algorithm 1, with p = 2 and rho 0.05.
    """

    aim: ClassVar[str] = "flat"
    needs_whole_gradient: ClassVar[bool] = True

    rho: Hyper = hyper(0.05, search=(0.01, 0.5), log=True, off=0.0, help="distance of the perturbed weights")

    def gradient_rule(self, gradient: Gradient[Report], ctx: Context) -> Gradient[Report]:
        """Return the function that computes gradients at the perturbed weights, and reports on the clean ones."""

        def sharpness_aware(weights: Params) -> tuple[Params, Report]:
            ascent, report = gradient(weights)
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in ascent.values()]))
            rho = torch.as_tensor(self.rho, dtype=norm.dtype, device=norm.device)
            scale = torch.where(norm == 0.0, 0.0, rho / torch.where(norm == 0.0, 1.0, norm))
            gradients, _ = gradient({name: w + scale * ascent[name] for name, w in weights.items()})
            return gradients, report

        return sharpness_aware
