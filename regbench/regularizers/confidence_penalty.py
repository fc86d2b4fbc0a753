"""Confidence penalty: confident predictions cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper
from regbench.losses import entropies
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task


@dataclass(frozen=True, kw_only=True)
class ConfidencePenalty(Regularizer):
    """Confidence penalty: rewards predictions of high entropy.

        plain:  L − β H(p)
        hinge:  L + β max(0, Γ − H(p)),      H(p) = −Σ_k p_k log p_k

    p = softmax of the outputs `[B, N]`; H is in nats, between 0 and log N. β is `strength`, Γ is `threshold`: with
    the hinge, a prediction whose entropy exceeds Γ pays nothing. Γ is not used by `plain`. β = 0 is off. In a
    multilabel task H is, as the loss is, a mean over labels: of −p log p − (1 − p) log(1 − p), between 0 and log 2.
    The reported losses of training and validation data are without the penalty.

    With the sign the wrong way round, the technique rewards overconfidence; `plain` can make the objective negative.

    When: a classifier is too sure of itself: its validation loss rises while its accuracy hardly falls, or its
    probabilities are to be believed. It asks for entropy only, where `label_smoothing` says how the rest is spread over
    the classes; together both pull the same way. Not in a regression, which has no such probabilities.

    Other libraries: none of torch, Keras, timm, fastai and Composer has it.

    Source: Pereyra, Tucker, Chorowski, Kaiser & Hinton (2017), section 3.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "add"}
    strength: Hyper = hyper(0.1, search=(0.01, 2.0), log=True, off=0.0)
    threshold: Hyper = hyper(0.5, search=(0.1, 2.0))
    form: str = choice("plain", "hinge")

    def check(self, facts: Facts) -> None:
        """Refuse regression, where predictions have no entropy."""
        if facts.task == Task.REGRESSION:
            raise refuse("confidence_penalty", "needs classes or labels; a predicted number has no entropy")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where no entropy can be below the threshold."""
        return "no entropy is below threshold=0" if self.form == "hinge" and self.threshold == 0.0 else None

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]` with the penalty."""
        entropy = entropies(ctx.facts.task, outputs)
        if self.form == "plain":
            return losses - entropy * self.strength
        return losses + F.relu(self.threshold - entropy) * self.strength
