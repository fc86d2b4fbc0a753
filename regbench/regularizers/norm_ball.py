"""Norm ball: the constraint form of the penalties on weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._secular import solve_secular
from regbench.regularizers.base import Context, Facts, Params, Regularizer, State, Update, is_weight, note_unused

NEWTON = 20
"""Newton's steps to the multiplier of an elastic ball; a hundred radii away need most of them."""


@dataclass(frozen=True, kw_only=True)
class NormBall(Regularizer):
    """Norm ball: after each update, the weights go to the nearest point of a ball around zero.

        l2:       ‖w‖₂ ≤ radius             l1:       ‖w‖₁ ≤ radius
        linf:     max |w| ≤ radius          elastic:  r ‖w‖₁ + (1 − r) ‖w‖₂² ≤ radius,  r = l1_ratio

    w are all weight matrices and kernels together (scope `network`), those of a layer, or those into one unit; biases
    and norm parameters are left alone. Weights inside the ball are not touched. radius lies in [1e-6, ∞]; ∞ is off.

    This is the form in which the articles draw regularization: minimise the loss inside a ball, in place of the loss
    plus a penalty. On a convex problem both find the same weights where the radius is the norm of the penalised
    solution; `l1` and `elastic` balls have corners, and give exact zeros.

    Nearest is meant in the metric of the optimizer's step: min Σ (w − v)² / γ with the gain γ of each weight (how far
    a gradient of 1 moves it), so that what is not allowed is taken back along the directions in which the optimizer
    moves, and it settles where the loss is least inside the ball. Metric `euclidean` takes γ = 1: the same under SGD,
    but under Adam and RMSprop it settles elsewhere, at a loss that is higher. It acts after all penalties.

    When: a bound on the size of the weights says more than the strength of a penalty, as when models are compared at
    equal norm, or when weights must not grow whatever the loss does. A penalty is easier on the optimizer; where single
    units run away, take `max_norm`.

    Other libraries: Keras' MaxNorm(c) is `max_norm` with scope unit; none has the others.

    Source: Tibshirani (1996), eq. 1, and Zou & Hastie (2005), eq. 5, in their constraint forms; projection on the L1
    ball: Duchi et al. (2008), figure 1, here with a weight for each coordinate.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}
    needs_gain: ClassVar[bool] = True

    radius: Hyper = hyper(5.0, low=1e-6, search=(0.1, 100.0), log=True, off=math.inf, help="size of the ball")
    norm: str = choice("l2", "l1", "linf", "elastic", help="which ball")
    l1_ratio: Hyper = hyper(0.5, high=1.0, search=(0.0, 1.0), help="share of the L1 part, r, in the elastic ball")
    scope: str = choice("network", "layer", "unit", help="which weights lie in one ball")
    metric: str = choice("optimizer", "euclidean", help="what nearest means")

    def note(self, facts: Facts) -> str | None:
        """Say that a setting was given which belongs to another norm."""
        return None if self.norm == "elastic" else note_unused(self, "l1_ratio", "norm=elastic")

    @property
    def selects_inputs(self) -> bool:
        """Whether weights become exactly zero."""
        return self.norm in ("l1", "elastic") and bool(self.radius < math.inf)

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, projected."""
        weights = {name: w for name, w in update.weights.items() if is_weight(name)}
        gains = {name: update.gain[name] for name in weights}
        if self.metric == "euclidean":
            gains = {name: torch.ones_like(w) for name, w in weights.items()}
        if self.scope == "network":
            whole, gain = (torch.cat([own[name].flatten() for name in weights]) for own in (weights, gains))
            parts = self._project(whole[None], gain[None])[0].split([w.numel() for w in weights.values()])
            projected = {name: part.reshape(weights[name].shape) for name, part in zip(weights, parts, strict=True)}
        else:
            first = 1 if self.scope == "unit" else 0
            projected = {
                name: self._project(_rows(w, first), _rows(gains[name], first)).reshape(w.shape)
                for name, w in weights.items()
            }
        return {**update.weights, **projected}, ctx.state

    def _project(self, v: Tensor, gain: Tensor) -> Tensor:
        """Return the nearest points of the ball, `[G, N]`; each row is a point, with a gain for each coordinate."""
        radius = torch.as_tensor(self.radius, dtype=v.dtype, device=v.device)
        if self.norm == "linf":
            return v.clamp(-radius, radius)
        if self.norm == "l2":
            size, nearest = torch.linalg.vector_norm(v, dim=-1, keepdim=True), _nearest_l2(v, gain, radius)
        elif self.norm == "l1":
            size, nearest = v.abs().sum(-1, keepdim=True), _nearest_l1(v, gain, radius)
        else:
            ratio = torch.as_tensor(self.l1_ratio, dtype=v.dtype, device=v.device)
            size, nearest = _elastic(v, ratio), _nearest_elastic(v, gain, radius, ratio)
        return torch.where(size > radius, nearest, v)


def _rows(w: Tensor, first: int) -> Tensor:
    return w.flatten(1) if first else w.reshape(1, -1)


def _nearest_l2(v: Tensor, gain: Tensor, radius: Tensor) -> Tensor:
    """Return v / (1 + λ gain) with the λ at which its norm is the radius."""
    # With n = 1/λ that is Σ (v n / (n + gain))² = radius²; in λ: Σ ((v / (radius gain)) / (λ + 1 / gain))² = 1.
    rates = 1.0 / gain
    factor = solve_secular(v * rates / radius, rates, torch.zeros_like(v[..., :1]))
    return v * (rates / (factor + rates))


def _nearest_l1(v: Tensor, gain: Tensor, radius: Tensor) -> Tensor:
    """Return sign(v) max(|v| − μ gain, 0) with the μ at which its L1 norm is the radius."""
    size = v.abs()
    order = (size / gain).argsort(dim=-1, descending=True)
    sums, gains = size.gather(-1, order).cumsum(-1), gain.gather(-1, order).cumsum(-1)
    # For any set of coordinates (Σ|v| − radius) / Σ gain is at most μ, and it is μ for those that stay.
    threshold = ((sums - radius) / gains).amax(-1, keepdim=True).clamp_min(0.0) * gain
    return v - v.clamp(-threshold, threshold)


def _nearest_elastic(v: Tensor, gain: Tensor, radius: Tensor, ratio: Tensor) -> Tensor:
    """Return S(v, μ r gain) / (1 + 2 μ (1 − r) gain) with the μ at which it lies on the ball."""
    size, multiplier = v.abs(), torch.zeros_like(v[..., :1])
    for _ in range(NEWTON):  # the sum is convex and falls with μ: steps from the left never pass the root
        scale = 1.0 + 2.0 * multiplier * (1.0 - ratio) * gain
        left = (size - multiplier * ratio * gain).clamp_min(0.0) / scale
        fall = torch.where(left > 0.0, gain * (ratio + 2.0 * (1.0 - ratio) * left) / scale, 0.0)
        slope = (fall * (ratio + 2.0 * (1.0 - ratio) * left)).sum(-1, keepdim=True)
        step = (_elastic(left, ratio) - radius) / slope
        multiplier = torch.where(step > 0.0, multiplier + step, multiplier)
    threshold = multiplier * ratio * gain
    return (v - v.clamp(-threshold, threshold)) / (1.0 + 2.0 * multiplier * (1.0 - ratio) * gain)


def _elastic(w: Tensor, ratio: Tensor) -> Tensor:
    return ratio * w.abs().sum(-1, keepdim=True) + (1.0 - ratio) * w.square().sum(-1, keepdim=True)
