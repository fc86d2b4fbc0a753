"""Weights that are not negative."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.config.fields import choice
from regbench.regularizers.base import Context, Params, Regularizer, State, Update, is_weight


@dataclass(frozen=True, kw_only=True)
class NonNegative(Regularizer):
    """Non-negative weights: after each update every weight below zero is set to exactly zero.

    w ← max(w, 0). With scope `weights`, w runs over the weight matrices and kernels; with `all` over biases and norm
    parameters as well. Scope `nowhere` is off. The weights before the first update are those that the model was built
    with.

    Without hidden layers a run ends at the constrained optimum of its loss, non-negative least squares where numbers
    are predicted, under every optimizer: each weight is bounded by itself, so it makes no difference that adaptive
    ones go steps of different lengths. With increasing activations such as relu, no output falls as an input rises.

    When: where an input can only raise the prediction, as parts make up a whole, and where models are read by people,
    for many weights end at exactly zero. Where effects of both signs are to be expected, and in the deep layers of a
    network for its accuracy alone, it is in the way.

    Other libraries: Keras' NonNeg is the same, set for each layer.

    Source: Lawson & Hanson (1974), Solving least squares problems, chapter 23, for the problem; Levitin & Polyak
    (1966), Constrained minimization methods, for projected gradients.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}

    scope: str = choice(
        "weights",
        "all",
        "nowhere",
        off="nowhere",
        help="weight matrices and kernels, or biases and norms as well",
    )

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, those below zero set to zero."""
        if self.scope == "nowhere":
            return update.weights, ctx.state
        covered = {n: w.clamp_min(0.0) for n, w in update.weights.items() if self.scope == "all" or is_weight(n)}
        return {**update.weights, **covered}, ctx.state
