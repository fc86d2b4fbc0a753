"""Gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Params, Regularizer

EPSILON = 1e-6
"""Added to the norm as in torch; a gradient of zero then needs no case of its own."""


@dataclass(frozen=True, kw_only=True)
class GradientClipping(Regularizer):
    """Gradient clipping: scales a gradient down to the norm `limit`, or cuts each of its components to ±limit.

    By `norm`: g ← g · min(1, limit / (‖g‖₂ + 1e-6)), the norm taken over all parameters of the run together. By
    `value`: g ← max(−limit, min(limit, g)), component by component, which changes the direction. limit inf is off.
    A component that is not finite stays so, and the run is marked diverged: clipping never turns an overflow into a
    step. `clipped_fraction` is the share of steps (by norm) or of components (by value) that were clipped.

    It needs the gradient of the whole objective: together with a proximal penalty, which is not in the gradients,
    clipping would solve another problem, and is refused.

    When: gradients explode now and then (deep networks, a high learning rate, targets far out), and one batch spoils
    what many have taught. Not to mend a learning rate that is too high throughout: where most steps are clipped, lower
    it.

    Other libraries: equals torch's clip_grad_norm_, with its 1e-6 (which shortens a clipped gradient by 1e-6 / ‖g‖ of
    itself), and clip_grad_value_ on finite gradients; Keras' `clipnorm` clips each variable by its own norm,
    `global_clipnorm` is the norm meant here.

    Source: Pascanu, Mikolov & Bengio (2013), algorithm 1 (by norm).
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "clip"}
    needs_whole_gradient: ClassVar[bool] = True
    effects: ClassVar[tuple[str, ...]] = ("clipped_fraction",)

    limit: Hyper = hyper(1.0, open_low=True, search=(1e-2, 1e2), log=True, off=math.inf, help="largest norm or value")
    by: str = choice("norm", "value", help="scale the whole gradient, or cut each component")

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the clipped gradients."""
        some = next(iter(gradients.values()))
        limit = torch.as_tensor(self.limit, dtype=some.dtype, device=some.device)
        if self.by == "value":
            beyond = torch.stack([(g.abs() > limit).sum() for g in gradients.values()]).sum()
            ctx.effect("clipped_fraction", beyond / sum(g.numel() for g in gradients.values()))
            return {name: _cut(g, limit) for name, g in gradients.items()}
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients.values()]))
        ctx.effect("clipped_fraction", (norm > limit).to(some.dtype))
        # A norm that overflows would scale finite gradients to zero, and the run would stand still unmarked.
        scale = torch.where(torch.isfinite(norm), (limit / (norm + EPSILON)).clamp_max(1.0), math.nan)
        return {name: g * scale for name, g in gradients.items()}


def _cut(g: Tensor, limit: Tensor) -> Tensor:
    return torch.where(torch.isfinite(g), g.clamp(-limit, limit), g)
