"""Generalized cross-entropy: between the cross-entropy and the mean absolute error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.regularizers._losses import check_choices, others_than, read_choices, sum_costs
from regbench.regularizers.base import Context, Facts, Regularizer, Rows


@dataclass(frozen=True, kw_only=True)
class GeneralizedCrossEntropy(Regularizer):
    """Generalized cross-entropy: a loss that gives up on rows whose label looks wrong.

        ℓ = Σ_k y_k (1 − p_k^q) / q

    y are targets, one-hot or soft, and p = softmax of the outputs, `[B, N]` both. In a multilabel task each label is a
    choice between two with p = sigmoid, and ℓ is the mean over labels. q lies in [0, 1]: towards 0 it is the
    cross-entropy, and 0 is off; at 1 it is 1 − p of the label, half the mean absolute error. Its gradient is the
    cross-entropy's times p^q, so that a row counts the less the less its label is believed. ℓ is at most 1 / q.
    Training alone has it; reported losses are cross-entropies.

    When: a noticeable part of the labels is wrong. Not on clean data with hard rows, from which it learns slowly; with
    q near 1 and many classes training may not begin at all, as every p is small at first.

    Source: Zhang & Sabuncu (2018), Generalized cross entropy loss for training deep neural networks with noisy labels,
    equation 6 (without its truncation).
    """

    aim: ClassVar[str] = "labels"
    conflicts: ClassVar[tuple[str, ...]] = others_than("generalized_cross_entropy")
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "replace"}
    q: Hyper = hyper(0.7, high=1.0, search=(0.1, 1.0), off=0.0, help="0 the cross-entropy, 1 the absolute error")

    def check(self, facts: Facts) -> None:
        """Refuse regression."""
        check_choices("generalized_cross_entropy", facts)

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the generalized losses `[B]`."""
        task = ctx.facts.task
        log_p, y = read_choices(task, outputs, batch.y)
        q = torch.as_tensor(self.q, dtype=log_p.dtype, device=log_p.device)
        power = torch.where(q > 0.0, q, 1.0)  # both branches have finite gradients
        return sum_costs(task, y * torch.where(q > 0.0, torch.expm1(power * log_p) / power, log_p))
