"""L1 penalty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._proximal import covered, proximal_steps, soft_threshold
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, select


@dataclass(frozen=True, kw_only=True)
class L1(Regularizer):
    """L1 penalty: adds strength · Σ |w| to the mean loss, which sets weights to exactly zero.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`. strength 0 is off.

    Method `proximal` leaves the gradients to the data loss and shrinks every weight after each update:
    w ← sign(w) · max(|w| − t, 0), t = lr · gain · strength. The gain is how far a gradient of 1 moves a weight in this
    step at learning rate 1: 1 for SGD, 1 + momentum with Nesterov, (1 − beta1)/(1 − beta1^t)/(√v̂ + eps) for Adam,
    where v is the mean square of the whole objective's gradient, g + strength · sign(w). What the shrinkage took off,
    divided by lr · gain, is a subgradient of the penalty at the new weights, and goes into the momentum as gradients
    do. So penalty and gradients are in balance from the first step on, and at rest −g ∈ strength · ∂|w|: with every
    optimizer the weights settle where the penalised loss is least. A threshold of lr · strength alone would solve
    another problem: under SGD one with (1 − momentum) · strength, under Adam one with a different strength for each
    weight; and one of lr · strength/(1 − momentum) from the first step on makes a network collapse before its momentum
    has built up. The penalty is reported, but computed on weights that pass on no gradient. With `gradient_clipping`
    or `sam`, which need the gradient of the whole objective, take the subgradient.

    Method `subgradient` adds strength · sign(w) to the gradient; its weights swing around zero and hardly ever hit it.

    When: few inputs or weights are to remain, the others exactly zero: features are selected while the network learns.
    Standardise inputs, for one strength holds for all. Not where every input matters a little (`l2`), nor where inputs
    say nearly the same and all are to be kept (`elastic_net`).

    Other libraries: Keras' L1(λ) is the subgradient; torch has none. The lasso of scikit-learn, which minimises
    1/(2n) ‖y − Xw‖² + α‖w‖₁, is strength 2α next to the mean squared error.

    Source: Tibshirani (1996), eq. 1; proximal step: Beck & Teboulle (2009), eq. 1.5; with an adaptive metric:
    Duchi, Hazan & Singer (2011), section 5.1.
    """

    aim: ClassVar[str] = "sparse"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "shrink"}
    needs_gain: ClassVar[bool] = True

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    method: str = choice("proximal", "subgradient", help="soft threshold after each update, or part of the gradient")

    @property
    def acts_apart(self) -> bool:
        """Whether the penalty is proximal."""
        return self.method == "proximal"

    def penalty(self, weights: Params, ctx: Context) -> Tensor:
        """Return strength · Σ |w|, 0-d; without a gradient in the proximal method."""
        total = torch.stack([w.abs().sum() for w in select(weights, self.scope)]).sum()
        if self.method == "proximal":
            total = total.detach()
        return self._strength(total) * total

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return strength · sign(w) of the proximal method."""
        if not self.acts_apart:
            return {}
        return {name: w.sign() * self._strength(w) for name, w in covered(weights, self.scope)}

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights after the soft threshold of the proximal method."""
        if self.method == "subgradient":
            return update.weights, ctx.state
        steps = proximal_steps(update, self.strength, self.scope)
        shrunk = {name: soft_threshold(update.weights[name], t) for name, t in steps.items()}
        return {**update.weights, **shrunk}, ctx.state

    def _strength(self, like: Tensor) -> Tensor:
        return torch.as_tensor(self.strength, dtype=like.dtype, device=like.device)
