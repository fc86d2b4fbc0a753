"""Elastic net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._proximal import covered, proximal_steps, soft_threshold
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, select


@dataclass(frozen=True, kw_only=True)
class ElasticNet(Regularizer):
    """Elastic net: adds strength · Σ (r |w| + ½ (1 − r) w²) to the mean loss, r = l1_ratio.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`. l1_ratio 1 is the technique
    `l1`, l1_ratio 0 is `l2`. strength 0 is off. Beside `l1` it is refused: two proximal steps, one after the other, are
    not the step of the sum, and this technique holds both penalties.

    Method `proximal` leaves the gradients to the data loss and shrinks every weight after each update:
    w ← S(w, t r) / (1 + t (1 − r)), with S(w, a) = sign(w) · max(|w| − a, 0) and t = lr · gain · strength; the card
    of `l1` says what the gain is and why. It gives exact zeros and the optimum of the penalised loss under every
    optimizer. Method `subgradient` adds strength · (r sign(w) + (1 − r) w) to the gradient and gives no exact zeros;
    with `gradient_clipping` or `sam`, which need the gradient of the whole objective, it is the one to take.

    When: few weights or inputs are to remain, and some inputs say nearly the same: L1 alone keeps one of them, by
    chance, and the L2 part lets them share. Standardise inputs, for one strength holds for all. Not where every input
    matters a little: that is `l2`.

    Other libraries: scikit-learn's ElasticNet(α, l1_ratio), which minimises 1/(2n) ‖y − Xw‖² + the penalty with α,
    is strength 2α next to the mean squared error. Keras' L1L2(l1, l2) is l1 = strength · r,
    l2 = ½ · strength · (1 − r).

    Source: Zou & Hastie (2005), eq. 3, in the form of Friedman, Hastie & Tibshirani (2010), eqs. 2 and 5.
    """

    aim: ClassVar[str] = "sparse"
    conflicts: ClassVar[tuple[str, ...]] = ("l1",)
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "shrink"}
    needs_gain: ClassVar[bool] = True

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    l1_ratio: Hyper = hyper(0.5, high=1.0, search=(0.0, 1.0), help="share of the L1 part, r")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    method: str = choice("proximal", "subgradient", help="shrinkage after each update, or part of the gradient")

    @property
    def acts_apart(self) -> bool:
        """Whether the penalty is proximal."""
        return self.method == "proximal"

    def penalty(self, weights: Params, ctx: Context) -> Tensor:
        """Return strength · Σ (r |w| + ½ (1 − r) w²), 0-d; without a gradient in the proximal method."""
        covered = select(weights, self.scope)
        absolute = torch.stack([w.abs().sum() for w in covered]).sum()
        squares = torch.stack([w.square().sum() for w in covered]).sum()
        ratio = torch.as_tensor(self.l1_ratio, dtype=squares.dtype, device=squares.device)
        total = ratio * absolute + 0.5 * (1.0 - ratio) * squares
        if self.method == "proximal":
            total = total.detach()
        return torch.as_tensor(self.strength, dtype=total.dtype, device=total.device) * total

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return strength · (r sign(w) + (1 − r) w) of the proximal method."""
        if not self.acts_apart:
            return {}
        return {name: self._slope(w) for name, w in covered(weights, self.scope)}

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights after the shrinkage of the proximal method."""
        if self.method == "subgradient":
            return update.weights, ctx.state
        steps = proximal_steps(update, self.strength, self.scope)
        shrunk = {name: self._shrink(update.weights[name], t) for name, t in steps.items()}
        return {**update.weights, **shrunk}, ctx.state

    def _slope(self, w: Tensor) -> Tensor:
        like = partial(torch.as_tensor, dtype=w.dtype, device=w.device)
        ratio, strength = like(self.l1_ratio), like(self.strength)
        return strength * (ratio * w.sign() + (1.0 - ratio) * w)

    def _shrink(self, w: Tensor, t: Tensor) -> Tensor:
        ratio = torch.as_tensor(self.l1_ratio, dtype=w.dtype, device=w.device)
        return soft_threshold(w, t * ratio) / (1.0 + t * (1.0 - ratio))
