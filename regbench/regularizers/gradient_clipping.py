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
    `layer`: the same for each parameter by itself, a weight or a bias, by its own norm, which changes the direction of
    the whole. By `value`: g ← max(−limit, min(limit, g)), component by component, which changes it more. limit inf is
    off. A component that is not finite stays so, and the run is marked diverged: clipping never turns an overflow into
    a step. `clipped_fraction` is the share of steps (by norm), of parameters (by layer) or of components (by value)
    that were clipped.

    When: where single batches give gradients far longer than the rest, as in recurrent networks, at high learning
    rates or with heavy-tailed targets. A limit that clips most steps is a lower learning rate under another name:
    `clipped_fraction` tells. Under Adam, which divides by the gradient's size, it changes less.

    It needs the gradient of the whole objective: together with a proximal penalty, which is not in the gradients,
    clipping would solve another problem, and is refused.

    Other libraries: equals torch's clip_grad_norm_, with its 1e-6 (which shortens a clipped gradient by 1e-6 / ‖g‖ of
    itself), and clip_grad_value_ on finite gradients; Keras' `global_clipnorm` is by norm, its `clipnorm` by layer,
    its `clipvalue` by value.

    Source: Pascanu, Mikolov & Bengio (2013), algorithm 1 (by norm).
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "clip"}
    needs_whole_gradient: ClassVar[bool] = True
    effects: ClassVar[tuple[str, ...]] = ("clipped_fraction",)

    limit: Hyper = hyper(1.0, open_low=True, search=(1e-2, 1e2), log=True, off=math.inf, help="largest norm or value")
    by: str = choice(
        "norm", "value", "layer", help="scale the whole gradient, cut each component, or scale each parameter's"
    )

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the clipped gradients."""
        some = next(iter(gradients.values()))
        limit = torch.as_tensor(self.limit, dtype=some.dtype, device=some.device)
        if self.by == "value":
            beyond = torch.stack([(g.abs() > limit).sum() for g in gradients.values()]).sum()
            ctx.effect("clipped_fraction", beyond / sum(g.numel() for g in gradients.values()))
            return {name: _cut(g, limit) for name, g in gradients.items()}
        norms = torch.stack([torch.linalg.vector_norm(g) for g in gradients.values()])
        if self.by == "layer":
            ctx.effect("clipped_fraction", (norms > limit).to(some.dtype).mean())
            return {name: g * _scale(norms[place], limit) for place, (name, g) in enumerate(gradients.items())}
        norm = torch.linalg.vector_norm(norms)
        ctx.effect("clipped_fraction", (norm > limit).to(some.dtype))
        scale = _scale(norm, limit)
        return {name: g * scale for name, g in gradients.items()}


def _scale(norm: Tensor, limit: Tensor) -> Tensor:
    # A norm that overflows would scale finite gradients to zero, and the run would stand still unmarked.
    return torch.where(torch.isfinite(norm), (limit / (norm + EPSILON)).clamp_max(1.0), math.nan)


def _cut(g: Tensor, limit: Tensor) -> Tensor:
    return torch.where(torch.isfinite(g), g.clamp(-limit, limit), g)
