"""Weights of length 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import choice
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, is_weight


@dataclass(frozen=True, kw_only=True)
class UnitNorm(Regularizer):
    """Unit norm: after each update every unit's incoming weights are divided by their norm ‖w‖₂.

    w ← w / ‖w‖₂. With scope `unit`, w is what enters one unit: a row of a linear layer's weight `[outputs, inputs]`, or
    one kernel `[inputs, k, ...]` of a convolution. With scope `layer` it is the whole weight. Biases and norm
    parameters are free, and a weight that is all zeros, which has no direction, stays zero. Scope `nowhere` is off.
    The weights before the first update are those that the model was built with.

    The output layer is bounded too. With classes, logits are then at most as large as what enters the layer, and
    probabilities stay away from 0 and 1; numbers to predict may be out of reach.

    When: where only the direction of weights is to be learned, as in comparing inputs by their angles, and between
    layers that are normalised anyway. As a general bound on weights it is too strict: `max_norm` lets small weights be
    small.

    Other libraries: Keras' UnitNorm needs its `axis` set to fit each kind of layer, and divides by ε + ‖w‖.

    Source: Salimans & Kingma (2016), Weight normalization, section 2, without the length that is learned there.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}

    scope: str = choice("unit", "layer", "nowhere", off="nowhere", help="what has norm 1, as for max_norm")

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, divided by their norms."""
        if self.scope == "nowhere":
            return update.weights, ctx.state
        return {name: self._project(w) if is_weight(name) else w for name, w in update.weights.items()}, ctx.state

    def _project(self, w: Tensor) -> Tensor:
        axes = tuple(range(1 if self.scope == "unit" else 0, w.ndim))
        norm = torch.linalg.vector_norm(w, dim=axes, keepdim=True)
        return w / torch.where(norm > 0.0, norm, 1.0)
