"""L2 penalty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, strengths
from regbench.regularizers._strengths import Strengths, check_layers, like
from regbench.regularizers.base import Context, Facts, Params, Regularizer


@dataclass(frozen=True, kw_only=True)
class L2(Regularizer):
    """L2 penalty: adds ½ · strength · Σ w² to the mean loss, so that the gradient gains strength · w.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`; scaling `full` leaves out
    the ½. strength 0 is off.
    `layers` gives layers strengths of their own in place of strength, 0 among them, by name: `hidden0`, `conv0`,
    `output`. `bias_strength` penalises biases, which are otherwise free, at a strength of their
    own; beside scope `all`, which penalises a layer's bias like its weight, it is refused. A ramp of strength leaves
    `layers` as they are.

    When: as the first penalty to try where inputs are many for the rows, correlated, and most of them matter a little,
    for it shrinks all weights together and keeps all of them. It sets none to zero, so it does not choose inputs; for
    that take `l1` or `elastic_net`. Inputs should be on one scale.

    Other libraries: `weight_decay` of torch.optim.SGD and Adam is strength with scope `all`; Keras' L2(λ) is λΣw²,
    that is scaling `full`, or strength 2λ. Ridge regression that minimises ‖y − Xw‖² + α‖w‖² over n rows is
    strength 2α/n next to the mean squared error. Under an adaptive optimizer the penalty's gradient is rescaled like
    the loss's, so this is not weight decay: that is the technique `weight_decay`.

    Source: Krogh & Hertz (1991); in this form Goodfellow, Bengio & Courville (2016), section 7.1.1.
    """

    aim: ClassVar[str] = "shrink"
    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    layers: Mapping[str, float] = strengths(help="strengths of single layers, by name, in place of strength")
    bias_strength: Hyper = hyper(
        0.0, search=(1e-6, 1e-1), log=True, off=0.0, extra=True, help="strength for biases, scope=weights only"
    )
    scaling: str = choice("half", "full", help="half: ½ · strength · Σ w²; full: strength · Σ w²")

    def contradiction(self) -> str | None:
        """Return why a strength for biases cannot stand beside scope `all`."""
        return self._strengths.contradiction()

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer."""
        check_layers("l2", self.layers, facts)

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where layers of strength 0 leave nothing to penalise."""
        return self._strengths.idle(facts)

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return ½ · strength · Σ w², or twice that with scaling `full`, 0-d."""
        parts = [self._weigh(strength, covered) for strength, covered in self._strengths.groups(weights)]
        return reduce(add, parts) if parts else 0.0

    @property
    def _strengths(self) -> Strengths:
        return Strengths(self.strength, self.scope, self.layers, self.bias_strength)

    def _weigh(self, strength: Hyper, covered: list[Tensor]) -> Tensor:
        squares = torch.stack([w.square().sum() for w in covered]).sum()
        factor = 0.5 if self.scaling == "half" else 1.0
        return like(strength, squares) * (factor * squares)
