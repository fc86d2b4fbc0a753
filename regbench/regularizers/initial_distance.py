"""Distance from the initial weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.config.values import spell
from regbench.regularizers._strengths import like
from regbench.regularizers.base import Context, Facts, Params, Regularizer, Rows, State, Update, is_weight, note_unused


@dataclass(frozen=True, kw_only=True)
class InitialDistance(Regularizer):
    """Distance from the start: weights are held near those that the run began with, w₀, in place of near zero.

        penalty   adds ½ · strength · Σ (w − w₀)² to the mean loss
        ball      after each update, by layer:  w ← w₀ + (w − w₀) · min(1, radius / ‖w − w₀‖₂)

    w runs over the weight matrices and kernels; biases and norm parameters are free. Under `ball` each layer's weight
    as a whole is projected onto a ball of its own around its start, and one inside stays as it is, bit for bit. Each
    form has its own number: strength acts under `penalty`, radius under `ball`. Strength 0 is off under `penalty`,
    radius inf under `ball`. w₀ is kept in the checkpoint, so that a run that goes on keeps its start.

    When: where the start is worth something, as weights that were trained on other rows are; and as a measure of how
    far a network has to go. From random weights it holds the network near its random features, which can fit well when
    it is wide, and hinders it when it is narrow; there `l2` is the usual choice. Adam's steps are projected as they
    are, which does not lead to the optimum within the ball.

    Other libraries: none has it. The authors of L2-SP write α/2 for ½ · strength, and penalise a new output layer
    towards zero.

    Source: penalty: Li, Grandvalet & Davoine (2018), Explicit inductive bias for transfer learning with convolutional
    networks, L2-SP; ball: Gouk, Hospedales & Pontil (2021), Distance-based regularisation of deep networks for
    fine-tuning, with the Euclidean norm.
    """

    aim: ClassVar[str] = "bound"
    ranks: ClassVar[Mapping[str, str]] = {"after_update": "project"}

    strength: Hyper = hyper(1e-2, search=(1e-4, 1.0), log=True, off=0.0, help="form=penalty: weight in the loss")
    form: str = choice("penalty", "ball", help="part of the loss, or a bound on the distance")
    radius: Hyper = hyper(
        math.inf,
        open_low=True,
        search=(0.1, 10.0),
        log=True,
        off=math.inf,
        extra=True,
        help="form=ball: largest distance of a layer",
    )

    def contradiction(self) -> str | None:
        """Return why a radius cannot stand beside the form `penalty`."""
        if self.form == "penalty" and self.radius != math.inf:
            return f"radius={spell(self.radius)} has no effect with form=penalty; take form=ball"
        return None

    def note(self, facts: Facts) -> str | None:
        """Say that a setting was given which belongs to another form."""
        return None if self.form == "penalty" else note_unused(self, "strength", "form=penalty")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where the form's own number switches it off."""
        if self.form == "ball" and self.radius == math.inf:
            return "form=ball has the radius inf"
        if self.form == "penalty" and self.strength == 0.0:
            return "form=penalty has the strength 0"
        return None

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        """Return a copy of the initial weights."""
        return {name: w.clone() for name, w in weights.items() if is_weight(name)}

    def penalty(self, weights: Params, ctx: Context) -> Tensor | float:
        """Return ½ · strength · Σ (w − w₀)², 0-d, in the form `penalty`."""
        if self.form == "ball":
            return 0.0
        squares = torch.stack([(weights[name] - start).square().sum() for name, start in ctx.state.items()]).sum()
        return like(self.strength, squares) * (0.5 * squares)

    def after_update(self, update: Update, ctx: Context) -> tuple[Params, State]:
        """Return the weights, projected in the form `ball`."""
        if self.form == "penalty":
            return update.weights, ctx.state
        projected = {name: self._project(update.weights[name], start) for name, start in ctx.state.items()}
        return {**update.weights, **projected}, ctx.state

    def _project(self, w: Tensor, start: Tensor) -> Tensor:
        moved = w - start
        distance = torch.linalg.vector_norm(moved)
        radius = like(self.radius, w)
        return torch.where(distance > radius, start + moved * (radius / distance), w)
