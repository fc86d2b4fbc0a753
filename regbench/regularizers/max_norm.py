"""Max-norm constraint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number, strengths
from regbench.config.values import spell
from regbench.regularizers._strengths import check_layers, like
from regbench.regularizers.base import Context, Facts, Params, Regularizer, State, Update, is_weight


@dataclass(frozen=True, kw_only=True)
class MaxNorm(Regularizer):
    """Max-norm constraint: after each update every unit's incoming weights are projected onto the ball ‖w‖₂ ≤ radius.

        w ← w · (pull · min(max(‖w‖₂, minimum), radius) / ‖w‖₂ + 1 − pull)

    With scope `unit`, w is what enters one unit: a row of a linear layer's weight
    `[outputs, inputs]`, or one kernel `[inputs, k, ...]` of a convolution. With scope `layer` it is the whole weight,
    which is the constraint form of the L2 penalty. Biases and norm parameters are free. A norm below `minimum`, which
    is at most radius, is raised to it; a weight of norm 0 has no direction and stays. `pull` below 1 goes only that
    part of the way at each update. What is within the bounds stays as it is, bit for bit. `layers` gives layers radii
    of their own in place of radius, by name: `hidden0`, `conv0`, `output`. radius inf with minimum 0 is off.

    When: with high learning rates and with `dropout`, where weights would otherwise grow without bound; unlike a
    penalty it leaves small weights alone. Where the weights stay small anyway it does nothing, so compare the radius
    with the norms of a run without it. Adam's steps are projected as they are, which does not lead to the optimum
    within the ball.

    Other libraries: Keras' MaxNorm needs its `axis` set to fit each kind of layer, and shrinks even weights inside
    the ball by ‖w‖ / (ε + ‖w‖). Its MinMaxNorm(min_value, max_value, rate) is minimum, radius and pull. torch has none.

    Source: Srivastava et al. (2014), section 5.1; radius 3 to 4 from appendix A.3.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}

    radius: Hyper = hyper(3.0, open_low=True, search=(0.5, 8.0), log=True, off=math.inf, help="largest norm allowed")
    scope: str = choice("unit", "layer", help="what the norm is taken over: each unit's weights, or all of a layer's")
    minimum: Hyper = hyper(0.0, search=(0.0, 2.0), off=0.0, extra=True, help="smallest norm allowed, at most radius")
    pull: float = number(1.0, low=0.0, high=1.0, open_low=True, help="part of the way to the bound at each update")
    layers: Mapping[str, float] = strengths(
        open_low=True, off=math.inf, help="radii of single layers, by name, in place of radius"
    )

    def contradiction(self) -> str | None:
        """Return why the bounds exclude each other."""
        for where, radius in {"radius": self.radius, **{f"layers.{k}": r for k, r in self.layers.items()}}.items():
            if self.minimum > radius:
                return f"minimum={spell(self.minimum)} must be at most {where}={spell(radius)}"
        return None

    def check(self, facts: Facts) -> None:
        """Refuse an unknown layer."""
        check_layers("max_norm", self.layers, facts)

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, projected."""
        projected = {
            name: self._project(w, self.layers.get(name.removesuffix(".weight"), self.radius))
            for name, w in update.weights.items()
            if is_weight(name)
        }
        return {**update.weights, **projected}, ctx.state

    def _project(self, w: Tensor, radius: Hyper) -> Tensor:
        axes = tuple(range(1 if self.scope == "unit" else 0, w.ndim))
        norm = torch.linalg.vector_norm(w, dim=axes, keepdim=True)
        allowed = torch.minimum(torch.maximum(norm, like(self.minimum, w)), like(radius, w))
        factor = self.pull * (allowed / norm) + (1.0 - self.pull)
        return w * torch.where((allowed != norm) & (norm > 0.0), factor, 1.0)
