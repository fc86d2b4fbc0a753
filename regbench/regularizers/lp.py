"""Penalty on any power of the weights, or on their p-norm."""

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

SMALLEST = 1e-6
"""What counts as the size of a weight that is zero: its square is added to that of every weight."""


@dataclass(frozen=True, kw_only=True)
class Lp(Regularizer):
    """Lp penalty: adds strength · Σ |w|^p, or strength times the p-norm of the weights, to the mean loss.

        sum    strength · Σ ((w² + δ²)^(p/2) − δ^p)
        root   strength · ((δ^p + Σ ((w² + δ²)^(p/2) − δ^p))^(1/p) − δ),   δ = 1e-6

    w runs over the weight matrices and kernels, or over all parameters with scope `all`. δ rounds off the corner, so
    that the gradient is 0 where all weights are, also for p < 1, at which |w|^p itself is infinitely steep; what it
    adds is taken off again, so that zero weights cost nothing. Without the δ^p that `root` adds to the sum, the root
    would be infinitely steep there. p lies in (0, 64]. strength 0 is off.

    Form `sum` with p = 2 is `l2` with scaling `full`, with p = 1 the subgradient of `l1`. Its minimum is that of the
    bridge regression; below p = 1 there may be several, and which one a run finds depends on its start. Weights come
    near zero but never hit it: for exact zeros take `l1`, `elastic_net` or `group_lasso`. Form `root` pulls at large
    and small weights in proportion to |w|^(p − 1), together with a force that does not fade as all of them shrink.

    `layers` gives layers strengths of their own in place of strength, 0 among them, by name: `hidden0`, `conv0`,
    `output`. `bias_strength` penalises biases, which are otherwise free, at a strength of their own; beside scope
    `all`, which penalises a layer's bias like its weight, it is refused. Under `root` the parameters at each of these
    strengths have a norm of their own. A ramp of strength leaves `layers` as they are.

    When: p < 1 where a few large weights are wanted and `l1` shrinks them too much; p between 1 and 2 where neither
    `l1` nor `l2` is clearly better; large p where no weight should stand out. Where p is not the question, `l1`, `l2`
    and `elastic_net` are surer, for their problem has one optimum on convex losses and, with the first and the last,
    exact zeros.

    Other libraries: none has it. Some texts print 1/p before the sum: their strength is p times this one.

    Source: Frank & Friedman (1993), A statistical view of some chemometrics regression tools, section 6; the rounding
    is regbench's.
    """

    aim: ClassVar[str] = "shrink"

    strength: Hyper = hyper(1e-4, search=(1e-6, 1e-1), log=True, off=0.0, help="weight of the penalty in the loss")
    p: Hyper = hyper(0.5, open_low=True, high=64.0, search=(0.5, 4.0), help="the power")
    form: str = choice("sum", "root", help="sum of powers, or its p-th root: the norm")
    scope: str = choice("weights", "all", help="weight matrices and kernels, or biases and norm parameters as well")
    layers: Mapping[str, float] = strengths(help="strengths of single layers, by name, in place of strength")
    bias_strength: Hyper = hyper(
        0.0, search=(1e-6, 1e-1), log=True, off=0.0, extra=True, help="strength for biases, scope=weights only"
    )

    def contradiction(self) -> str | None:
        """Return why a strength for biases cannot stand beside scope `all`."""
        return self._strengths.contradiction()

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer."""
        check_layers("lp", self.layers, facts)

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where layers of strength 0 leave nothing to penalise."""
        return self._strengths.idle(facts)

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return strength times the sum of powers, or the norm, 0-d."""
        measure = self._sum if self.form == "sum" else self._root
        groups = self._strengths.groups(weights)
        parts = [like(strength, covered[0]) * measure(covered) for strength, covered in groups]
        return reduce(add, parts) if parts else 0.0

    @property
    def _strengths(self) -> Strengths:
        return Strengths(self.strength, self.scope, self.layers, self.bias_strength)

    def _sum(self, covered: list[Tensor]) -> Tensor:
        p = like(self.p, covered[0])
        least = like(SMALLEST**2, covered[0])
        return torch.stack([((w.square() + least) ** (p / 2.0) - least ** (p / 2.0)).sum() for w in covered]).sum()

    def _root(self, covered: list[Tensor]) -> Tensor:
        # Relative to the largest, for neither large nor small numbers to a power leave the range of their type. What
        # they are relative to cancels out, so its gradient is none of the norm's.
        p = like(self.p, covered[0])
        floor = like(SMALLEST**2, covered[0]).sqrt()
        sizes = [(w.square() + SMALLEST**2).sqrt() for w in covered]
        most = torch.stack([size.detach().amax() for size in sizes]).amax()
        least = (floor / most) ** p
        powers = torch.stack([((size / most) ** p - least).sum() for size in sizes]).sum()
        return most * (powers + least) ** (1.0 / p) - floor
