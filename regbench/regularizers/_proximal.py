"""Shared parts of the proximal forms of the sparse penalties."""

from __future__ import annotations

from torch import Tensor

from regbench.regularizers._strengths import Strengths
from regbench.regularizers.base import Params, Update


def proximal_steps(update: Update, strengths: Strengths) -> Params:
    """Return t = lr · gain · strength of every parameter that a penalty covers, by name.

    A gradient moves a weight by lr · gain · gradient in this step; weighing the proximal operator by the same factor,
    with the shrinkage in the momentum as gradients are, makes its fixed point −gradient ∈ strength · ∂penalty(w), the
    optimum of the penalised loss, for every optimizer.
    """
    own = strengths.of(update.weights)
    return {name: update.lr * update.gain[name] * strength for name, strength in own.items()}


def soft_threshold(w: Tensor, threshold: Tensor) -> Tensor:
    """Return sign(w) · max(|w| − threshold, 0): exactly zero inside, exactly w at threshold 0, NaN stays NaN."""
    return w - w.clamp(-threshold, threshold)
