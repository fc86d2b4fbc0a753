"""The equation of proximal steps and projections by a Euclidean norm, where each weight moves at a rate of its own."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 8
"""Newton's steps; six reach the last bit though rates differ by a factor of 1e8."""


def solve_secular(u: Tensor, weights: Tensor, start: Tensor) -> Tensor:
    """Return the n with Σ (u / (n + weights))² = 1 along the last dimension, `[G, 1]`, at least `start`.

    1 / √Σ is concave and increasing in n, so that Newton's steps for it rise from any n left of the root and never pass
    it (Moré & Sorensen 1983, section 3).

    Args:
        u: `[G, N]`.
        weights: not negative, `[G, N]`.
        start: left of the root, `[G, 1]`.
    """
    n = start
    for _ in range(STEPS):
        parts = n + weights
        ratio = torch.where(u == 0.0, 0.0, u / parts)
        length = torch.linalg.vector_norm(ratio, dim=-1, keepdim=True)
        slope = torch.where(u == 0.0, 0.0, ratio.square() / parts).sum(-1, keepdim=True)
        step = (length - 1.0) * length.square() / slope
        n = torch.where(step > 0.0, n + step, n)  # rounding alone would go back; no slope, no step
    return n
