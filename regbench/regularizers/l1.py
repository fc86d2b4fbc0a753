"""L1 penalty."""

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
from regbench.regularizers.base import Context, Facts, Params, Regularizer, State, Update


@dataclass(frozen=True, kw_only=True)
class L1(Regularizer):
    """L1 penalty: adds strength · Σ |w| to the mean loss, which sets weights to exactly zero.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`. strength 0 is off.
    `layers` gives layers strengths of their own in place of strength, 0 among them, by name: `hidden0`, `conv0`,
    `output`. `bias_strength` penalises biases, which are otherwise free, at a strength of their
    own; beside scope `all`, which penalises a layer's bias like its weight, it is refused. A ramp of strength leaves
    `layers` as they are.

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

    When: where few of many inputs or weights are expected to matter, and the model is to say which; the weights that
    it keeps are shrunk too. Of inputs that go together it keeps one, more or less by chance: there `elastic_net` is the
    better choice, and where nearly all inputs matter a little, `l2`.

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
    layers: Mapping[str, float] = strengths(help="strengths of single layers, by name, in place of strength")
    bias_strength: Hyper = hyper(
        0.0, search=(1e-6, 1e-1), log=True, off=0.0, extra=True, help="strength for biases, scope=weights only"
    )
    method: str = choice("proximal", "subgradient", help="soft threshold after each update, or part of the gradient")

    def contradiction(self) -> str | None:
        """Return why a strength for biases cannot stand beside scope `all`."""
        return self._strengths.contradiction()

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer."""
        check_layers("l1", self.layers, facts)

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
        return self.acts_apart

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return strength · Σ |w|, 0-d; without a gradient in the proximal method."""
        parts = [self._weigh(strength, covered) for strength, covered in self._strengths.groups(weights)]
        return reduce(add, parts) if parts else 0.0

    def subgradient(self, weights: Params, ctx: Context) -> Params:
        """Return strength · sign(w) of the proximal method."""
        if not self.acts_apart:
            return {}
        return {name: weights[name].sign() * strength for name, strength in self._strengths.of(weights).items()}

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights after the soft threshold of the proximal method."""
        if self.method == "subgradient":
            return update.weights, ctx.state
        steps = proximal_steps(update, self._strengths)
        shrunk = {name: soft_threshold(update.weights[name], t) for name, t in steps.items()}
        return {**update.weights, **shrunk}, ctx.state

    @property
    def _strengths(self) -> Strengths:
        return Strengths(self.strength, self.scope, self.layers, self.bias_strength)

    def _weigh(self, strength: Hyper, covered: list[Tensor]) -> Tensor:
        total = torch.stack([w.abs().sum() for w in covered]).sum()
        if self.method == "proximal":
            total = total.detach()
        return like(strength, total) * total
