"""Elastic net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, strengths
from regbench.regularizers._proximal import proximal_steps, soft_threshold
from regbench.regularizers._strengths import Strengths, check_layers, like
from regbench.regularizers.base import Context, Facts, Params, Regularizer, State, Update, refuse
from regbench.tasks import Task


@dataclass(frozen=True, kw_only=True)
class ElasticNet(Regularizer):
    """Elastic net: adds strength · Σ (r |w| + ½ (1 − r) w²) to the mean loss, r = l1_ratio.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`. l1_ratio 1 is the technique
    `l1`, l1_ratio 0 is `l2`. strength 0 is off. Beside `l1` it is refused: two proximal steps, one after the other, are
    not the step of the sum, and this technique holds both penalties.
    `layers` gives layers strengths of their own in place of strength, 0 among them, by name: `hidden0`, `conv0`,
    `output`. `bias_strength` penalises biases, which are otherwise free, at a strength of their
    own; beside scope `all`, which penalises a layer's bias like its weight, it is refused. A ramp of strength leaves
    `layers` as they are.

    Method `proximal` leaves the gradients to the data loss and shrinks every weight after each update:
    w ← S(w, t r) / (1 + t (1 − r)), with S(w, a) = sign(w) · max(|w| − a, 0) and t = lr · gain · strength; the card
    of `l1` says what the gain is and why. It gives exact zeros and the optimum of the penalised loss under every
    optimizer. Method `subgradient` adds strength · (r sign(w) + (1 − r) w) to the gradient and gives no exact zeros;
    with `gradient_clipping` or `sam`, which need the gradient of the whole objective, it is the one to take.

    Both penalties shrink the weights that stay. Correction `zou_hastie` takes back the shrinkage of the second: in
    evaluation, and in the weights that are stored, each penalised weight is multiplied by 1 + ½ C · strength · (1 − r),
    C the number of outputs, of whose squared errors the loss is the mean. Where the columns are orthogonal, with mean 0
    and mean square 1, that is the lasso with the strength of the L1 part. It is for numbers to predict and for models
    without hidden layers; others are refused. The paper's loss is the sum over the rows, which makes its factor 1 + λ₂
    with columns of length 1.

    When: where some of many inputs matter and those that do come in groups that go together: it chooses groups where
    `l1` chooses one of each. It has two numbers to tune. Where nearly all inputs matter take `l2`, where few do and
    they are independent, `l1`.

    Other libraries: scikit-learn's ElasticNet(α, l1_ratio), which minimises 1/(2n) ‖y − Xw‖² + the penalty with α,
    is strength 2α next to the mean squared error. Keras' L1L2(l1, l2) is l1 = strength · r,
    l2 = ½ · strength · (1 − r).

    Source: Zou & Hastie (2005), eq. 3, and section 3.3 for the correction; the penalty in the form of Friedman, Hastie
    & Tibshirani (2010), eqs. 2 and 5.
    """

    aim: ClassVar[str] = "sparse"
    conflicts: ClassVar[tuple[str, ...]] = ("l1",)
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "shrink", "averaged": "normalise"}
    needs_gain: ClassVar[bool] = True

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    l1_ratio: Hyper = hyper(0.5, high=1.0, search=(0.0, 1.0), help="share of the L1 part, r")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    layers: Mapping[str, float] = strengths(help="strengths of single layers, by name, in place of strength")
    bias_strength: Hyper = hyper(
        0.0, search=(1e-6, 1e-1), log=True, off=0.0, extra=True, help="strength for biases, scope=weights only"
    )
    method: str = choice("proximal", "subgradient", help="shrinkage after each update, or part of the gradient")
    correction: str = choice("none", "zou_hastie", help="whether evaluation takes back the second shrinkage")

    def contradiction(self) -> str | None:
        """Return why a strength for biases cannot stand beside scope `all`."""
        return self._strengths.contradiction()

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer, and the correction where the loss or the model is not that of least squares."""
        check_layers("elastic_net", self.layers, facts)
        if self.correction == "none":
            return
        if facts.task != Task.REGRESSION:
            raise refuse("elastic_net", "needs numbers to predict for correction=zou_hastie, that of least squares")
        if any(site.kind in ("hidden", "channels") for site in facts.sites):
            raise refuse("elastic_net", "needs a model without hidden layers for correction=zou_hastie")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where layers of strength 0 leave nothing to penalise."""
        return self._strengths.idle(facts)

    @property
    def acts_apart(self) -> bool:
        """Whether the penalty is proximal."""
        return self.method == "proximal"

    @property
    def selects_inputs(self) -> bool:
        """Whether weights become exactly zero."""
        return self.acts_apart and bool(self.l1_ratio > 0.0)

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return strength · Σ (r |w| + ½ (1 − r) w²), 0-d; without a gradient in the proximal method."""
        parts = [self._weigh(strength, covered) for strength, covered in self._strengths.groups(weights)]
        return reduce(add, parts) if parts else 0.0

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return strength · (r sign(w) + (1 − r) w) of the proximal method."""
        if not self.acts_apart:
            return {}
        return {name: self._slope(weights[name], strength) for name, strength in self._strengths.of(weights).items()}

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights after the shrinkage of the proximal method."""
        if self.method == "subgradient":
            return update.weights, ctx.state
        steps = proximal_steps(update, self._strengths)
        shrunk = {name: self._shrink(update.weights[name], t) for name, t in steps.items()}
        return {**update.weights, **shrunk}, ctx.state

    def averaged(self, weights: Params, ctx: Context) -> Params:
        """Return the weights without their second shrinkage, if they are to be corrected."""
        if self.correction == "none":
            return weights
        # The loss is the mean over the outputs, so that the error of each counts as much as there are outputs less.
        outputs = len(ctx.facts.outputs) or 1
        corrected = {}
        for name, strength in self._strengths.of(weights).items():
            w = weights[name]
            corrected[name] = w * (1.0 + 0.5 * outputs * strength * (1.0 - like(self.l1_ratio, w)))
        return {**weights, **corrected}

    @property
    def _strengths(self) -> Strengths:
        return Strengths(self.strength, self.scope, self.layers, self.bias_strength)

    def _weigh(self, strength: Hyper, covered: list[Tensor]) -> Tensor:
        absolute = torch.stack([w.abs().sum() for w in covered]).sum()
        squares = torch.stack([w.square().sum() for w in covered]).sum()
        ratio = like(self.l1_ratio, squares)
        total = ratio * absolute + 0.5 * (1.0 - ratio) * squares
        if self.method == "proximal":
            total = total.detach()
        return like(strength, total) * total

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        ratio = like(self.l1_ratio, w)
        return strength * (ratio * w.sign() + (1.0 - ratio) * w)

    def _shrink(self, w: Tensor, t: Tensor) -> Tensor:
        ratio = like(self.l1_ratio, w)
        return soft_threshold(w, t * ratio) / (1.0 + t * (1.0 - ratio))
