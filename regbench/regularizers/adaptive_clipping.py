"""Adaptive gradient clipping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._layers import leave_out_last, weighted_layers
from regbench.regularizers.base import Context, Facts, Params, Regularizer

SMALLEST = 1e-3
"""Norm that weights count as having at least, so that those that begin at zero can leave it."""


@dataclass(frozen=True, kw_only=True)
class AdaptiveClipping(Regularizer):
    """Adaptive clipping (AGC): shortens the gradient of each unit that is long beside the unit's weights.

        g ← g · min(1, limit · max(‖w‖₂, 0.001) / ‖g‖₂)

    w and g are what enters one unit: a row of a linear layer's weight `[outputs, inputs]`, or one kernel
    `[inputs, k, ...]` of a convolution; a bias, and the scale or shift of a norm, are taken whole. `last: no` leaves
    the last layer, weight and bias, alone. limit inf is off. What is not finite stays so, and the run is marked
    diverged. `clipped_fraction` is the share of units, biases and norm parameters, of those it acts on, that were
    clipped.

    The lower bound 0.001 lets weights that begin at zero train: without it their gradient would be scaled by zero for
    ever. It needs the gradient of the whole objective: together with a proximal penalty, which is not in the
    gradients, it is refused.

    When: in deep networks, above all without norm layers, with large batches or high learning rates, where one limit
    for all layers does not fit. A network that trains steadily does not need it.

    Other libraries: timm's `adaptive_clip_grad(clip_factor=limit, eps=1e-3)`, which clips every parameter that it is
    given; Composer's `GradientClipping('adaptive', limit)`, in which the lower bound was lost.

    Source: Brock, De, Smith & Simonyan (2021), eq. 3 and section 4.
    """

    aim: ClassVar[str] = "updates"
    ranks: ClassVar[Mapping[str, str]] = {"gradients": "clip"}
    needs_whole_gradient: ClassVar[bool] = True
    effects: ClassVar[tuple[str, ...]] = ("clipped_fraction",)

    limit: Hyper = hyper(
        0.01, open_low=True, search=(1e-3, 0.3), log=True, off=math.inf, help="longest gradient, as a share of ‖w‖"
    )
    last: str = choice("no", "yes", help="whether the last layer is clipped as well")

    def idle(self, facts: Facts) -> str | None:
        """Return that there is no layer but the last, where that is so."""
        if self.last == "no" and len(weighted_layers(facts)) == 1:
            return "the network's only layer is its last; take last=yes"
        return None

    def gradients(self, gradients: Params, weights: Params, ctx: Context) -> Params:
        """Return the clipped gradients."""
        clipped, beyond = dict(gradients), []
        for name in weights if self.last == "yes" else leave_out_last(weights):
            g = gradients[name]
            bound = torch.as_tensor(self.limit, dtype=g.dtype, device=g.device) * _norm(weights[name]).clamp_min(
                SMALLEST
            )
            norm = _norm(g)
            # A norm that overflows would scale finite gradients to zero, and the run would stand still unmarked.
            clipped[name] = g * torch.where(torch.isfinite(norm), (bound / norm).clamp_max(1.0), math.nan)
            beyond.append((norm > bound).flatten())
        if beyond:
            some = next(iter(gradients.values()))
            ctx.effect("clipped_fraction", torch.cat(beyond).to(some.dtype).mean())
        return clipped


def _norm(w: Tensor) -> Tensor:
    """Return the norm of each unit's part, with axes that fit the tensor's; of a vector that of the whole."""
    axes = tuple(range(1, w.ndim)) if w.ndim > 1 else tuple(range(w.ndim))
    norm: Tensor = torch.linalg.vector_norm(w, dim=axes, keepdim=True)
    return norm
