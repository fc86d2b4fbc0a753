"""Shared parts of the proximal forms of the sparse penalties."""

from __future__ import annotations

import torch
from torch import Tensor

from regbench.config.fields import Hyper
from regbench.regularizers.base import Params, Update, is_weight


def covered(weights: Params, scope: str) -> list[tuple[str, Tensor]]:
    """Return the parameters that a penalty covers, by name."""
    return [(name, w) for name, w in weights.items() if scope == "all" or is_weight(name)]


def proximal_steps(update: Update, strength: Hyper, scope: str) -> Params:
    """Return t = lr · gain · strength of every weight that a penalty covers, by name.

    A gradient moves a weight by lr · gain · gradient in this step; weighing the proximal operator by the same factor,
    with the shrinkage in the momentum as gradients are, makes its fixed point −gradient ∈ strength · ∂penalty(w), the
    optimum of the penalised loss, for every optimizer.
    """
    steps = {}
    for name, w in covered(update.weights, scope):
        steps[name] = update.lr * update.gain[name] * torch.as_tensor(strength, dtype=w.dtype, device=w.device)
    return steps


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """Return sign(w) · max(|w| − threshold, 0): exactly zero inside, exactly w at threshold 0, NaN stays NaN."""
    return w - w.clamp(-threshold, threshold)
