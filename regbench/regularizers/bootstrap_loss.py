"""Bootstrap loss: the network's own prediction is a part of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers._losses import check_choices, others_than, read_choices, sum_costs
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse


@dataclass(frozen=True, kw_only=True)
class BootstrapLoss(Regularizer):
    """Bootstrap loss: mixes what the network believes into the target, so that it may doubt a label.

        ℓ = −Σ_k (β y_k + (1 − β) q_k) log p_k;   soft: q = p,   hard: q = one-hot of the largest p

    y are targets and p = softmax of the outputs, `[B, N]` both. In a multilabel task each label is a choice between two
    with p = sigmoid, and ℓ is the mean over labels. β is what the label keeps, in [0, 1]; 1 is off. With gradient
    `stop`, q is a constant target. With `through` the soft q is part of what is derived: the loss is then
    β · cross-entropy + (1 − β) · entropy of p, which rewards confidence. The largest p has no gradient, so that hard
    and `through` exclude each other. Training alone has it; reported losses are cross-entropies.

    When: some labels are wrong and the network learns the right ones first; a rise of 1 − β by `schedule.ramp` waits
    until it has. Not for a network that is overconfident already, and not with β near 0, where it believes itself.

    Source: Reed, Lee, Anguelov, Szegedy, Erhan & Rabinovich (2015), Training deep neural networks on noisy labels with
    bootstrapping, section 3.
    """

    aim: ClassVar[str] = "labels"
    conflicts: ClassVar[tuple[str, ...]] = others_than("bootstrap_loss")
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "replace"}
    beta: Hyper = hyper(0.95, high=1.0, search=(0.5, 0.99), off=1.0, help="share of the label in the target")
    form: str = choice("soft", "hard", help="the predicted probabilities, or the class that they favour")
    gradient: str = choice("stop", "through", help="whether the prediction in the target is derived too")

    def check(self, facts: Facts) -> None:
        """Refuse regression, and a gradient through what has none."""
        check_choices("bootstrap_loss", facts)
        if self.form == "hard" and self.gradient == "through":
            raise refuse("bootstrap_loss", "form=hard has no gradient to go through; take gradient=stop or form=soft")

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]` against the mixed targets."""
        task = ctx.facts.task
        log_p, y = read_choices(task, outputs, batch.y)
        return sum_costs(task, (y * self.beta + self._believe(log_p) * (1.0 - self.beta)) * log_p)

    def _believe(self, log_p: Tensor) -> Tensor:
        """Return q, in the shape of the predicted probabilities."""
        if self.form == "hard":
            places = torch.arange(log_p.shape[-1], device=log_p.device)
            return (log_p.argmax(-1, keepdim=True) == places).to(log_p.dtype)
        return (log_p if self.gradient == "through" else log_p.detach()).exp()
