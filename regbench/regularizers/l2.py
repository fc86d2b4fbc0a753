"""L2 penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Params, Regularizer, select


@dataclass(frozen=True, kw_only=True)
class L2(Regularizer):
    """L2 penalty: adds ½ · strength · Σ w² to the mean loss, so that the gradient gains strength · w.

    w runs over the weight matrices and kernels, or over all parameters with scope `all`; scaling `full` leaves out
    the ½. strength 0 is off.

    When: a network overfits; of all techniques this is the first to try. All weights shrink, large ones most, and none
    becomes exactly zero, so that it selects no inputs: that is `l1`. Search strengths on a log scale; too strong, the
    network underfits. With Adam compare it with `weight_decay`.

    Other libraries: `weight_decay` of torch.optim.SGD and Adam is strength with scope `all`; Keras' L2(λ) is λΣw²,
    that is scaling `full`, or strength 2λ. Ridge regression that minimises ‖y − Xw‖² + α‖w‖² over n rows is
    strength 2α/n next to the mean squared error. Under an adaptive optimizer the penalty's gradient is rescaled like
    the loss's, so this is not weight decay: that is the technique `weight_decay`.

    Source: Krogh & Hertz (1991); in this form Goodfellow, Bengio & Courville (2016), section 7.1.1.
    """

    aim: ClassVar[str] = "shrink"
    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    scaling: str = choice("half", "full", help="half: ½ · strength · Σ w²; full: strength · Σ w²")

    def penalty(self, weights: Params, ctx: Context) -> Tensor:
        """Return ½ · strength · Σ w², or twice that with scaling `full`, 0-d."""
        squares = torch.stack([w.square().sum() for w in select(weights, self.scope)]).sum()
        factor = 0.5 if self.scaling == "half" else 1.0
        return torch.as_tensor(self.strength, dtype=squares.dtype, device=squares.device) * (factor * squares)
