"""Sharpness-aware minimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number
from regbench.regularizers.base import Context, Facts, Gradient, Params, Regularizer, Report, is_weight, refuse

ETA = 0.01


@dataclass(frozen=True, kw_only=True)
class SAM(Regularizer):
    """Sharpness-aware minimisation (SAM): steps along the gradient at w + ε, the worst point at distance rho from w.

        sam    ε = rho · g / ‖g‖₂
        asam   ε = rho · T² g / ‖T g‖₂

    T is |w| + eta for weights, and 1 for biases and norm parameters. g is the gradient at w of the whole objective,
    penalties included (proximal ones, which are not in the gradients, are refused), and the norm is taken over all
    parameters of the run together; a zero gradient gives ε = 0. The optimizer gets the gradient at w + ε and moves w.
    Both passes see the same batch and the same random numbers. Each step costs two backward passes. rho 0 is off (at
    the same cost).

    `asam` measures distance in shares of each weight: layers rescaled by c and 1/c, which leave the function of a
    network of rectified units as it is, then have the same loss at w + ε. Its rho is about ten times that of `sam`:
    its authors take 0.5, and eta 0.01, which lets weights at zero be disturbed; only eta 0 is exactly invariant.

    The reported loss and the running statistics of norm layers are those of the first pass, at w: elsewhere they
    are often updated twice, the second time with statistics of weights that the network never has.

    When: where a network fits its training rows and there is time for two passes a step, or few rows beside many
    weights. Not where training time is what is short: the same time spent on more epochs or on tuning may give more.

    Other libraries: Composer's SAM(rho) with `interval` 1 is `sam`; torch, Keras and timm have none.

    Source: Foret et al. (2021), eq. 2 and algorithm 1, with p = 2 and rho 0.05; `asam`: Kwon, Kim, Park & Choi (2021),
    with p = 2, elementwise, and the rho and eta of the authors' code.
    """

    aim: ClassVar[str] = "flat"
    needs_whole_gradient: ClassVar[bool] = True

    rho: Hyper = hyper(0.05, search=(0.01, 0.5), log=True, off=0.0, help="distance of the perturbed weights")
    form: str = choice("sam", "asam", help="distance as it is, or in shares of each weight")
    eta: float = number(ETA, low=0.0, help="asam: what is added to the size of each weight")

    def check(self, facts: Facts) -> None:
        """Refuse an eta that nothing uses."""
        if self.form == "sam" and self.eta != ETA:
            raise refuse("sam", f"eta={self.eta:g} acts with form=asam alone")

    def gradient_rule(self, gradient: Gradient[Report], ctx: Context) -> Gradient[Report]:
        """Return the function that computes gradients at the perturbed weights, and reports on the clean ones."""

        def sharpness_aware(weights: Params) -> tuple[Params, Report]:
            ascent, report = gradient(weights)
            sizes = {name: w.abs() + self.eta for name, w in weights.items() if self.form == "asam" and is_weight(name)}
            ascent = _times(ascent, sizes)
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in ascent.values()]))
            rho = torch.as_tensor(self.rho, dtype=norm.dtype, device=norm.device)
            scale = torch.where(norm == 0.0, 0.0, rho / torch.where(norm == 0.0, 1.0, norm))
            ascent = _times(ascent, sizes)
            gradients, _ = gradient({name: w + scale * ascent[name] for name, w in weights.items()})
            return gradients, report

        return sharpness_aware


def _times(tensors: Params, sizes: dict[str, Tensor]) -> Params:
    return {name: tensor * sizes[name] if name in sizes else tensor for name, tensor in tensors.items()}
