"""Max-norm constraint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, is_weight


@dataclass(frozen=True, kw_only=True)
class MaxNorm(Regularizer):
    """Max-norm constraint: after each update every unit's incoming weights are projected onto the ball ‖w‖₂ ≤ radius.

    w ← w · min(1, radius / ‖w‖₂). With scope `unit`, w is what enters one unit: a row of a linear layer's weight
    `[outputs, inputs]`, or one kernel `[inputs, k, ...]` of a convolution. With scope `layer` it is the whole weight,
    which is the constraint form of the L2 penalty. Biases and norm parameters are free. radius inf is off.

    When: learning rates are high, above all with `dropout`, and weights are not to grow beyond all bounds; unlike a
    penalty it leaves weights inside the ball alone. Not in front of `batch_norm`, which takes the scale of weights out
    again.

    Other libraries: Keras' MaxNorm needs its `axis` set to fit each kind of layer, and shrinks even weights inside
    the ball by ‖w‖ / (ε + ‖w‖); here those stay as they are, bit for bit. torch has none.

    Source: Srivastava et al. (2014), section 5.1; radius 3 to 4 from appendix A.3.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}

    radius: Hyper = hyper(3.0, open_low=True, search=(0.5, 8.0), log=True, off=math.inf, help="largest norm allowed")
    scope: str = choice("unit", "layer", help="what the norm is taken over: each unit's weights, or all of a layer's")

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, projected."""
        return {name: self._project(w) if is_weight(name) else w for name, w in update.weights.items()}, ctx.state

    def _project(self, w: Tensor) -> Tensor:
        axes = tuple(range(1 if self.scope == "unit" else 0, w.ndim))
        norm = torch.linalg.vector_norm(w, dim=axes, keepdim=True)
        radius = torch.as_tensor(self.radius, dtype=w.dtype, device=w.device)
        return w * torch.where(norm > radius, radius / norm, 1.0)
