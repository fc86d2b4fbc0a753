"""Focal loss: rows that are predicted well count less."""

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
class FocalLoss(Regularizer):
    """Focal loss: multiplies each row's cross-entropy by how far its prediction is from certain.

        ℓ = −Σ_k y_k (1 − p_k)^γ log p_k

    y are targets, one-hot or soft, and p = softmax of the outputs, `[B, N]` both. In a multilabel task each label is a
    choice between two with p = sigmoid, and ℓ is the mean over labels. γ is `gamma`, at least 0: at 2, a row whose
    class has p = 0.9 counts a hundredth of what it did. 0 is off. It replaces the loss of training alone; reported
    losses are cross-entropies.

    When: many easy rows drown the hard ones, typically those of a rare class. It takes no account of how large classes
    are: that is `class_weights`, and the two go together. Not where labels are wrong: a wrong label is the hardest row
    of all. Probabilities come out less sure than with the cross-entropy.

    Other libraries: Keras' CategoricalFocalCrossentropy(gamma) is gamma with `class_weights` in place of its alpha,
    which multiplies everything by 0.25 unless told otherwise; torchvision's sigmoid_focal_loss(alpha=-1) is the
    multilabel one.

    Source: Lin, Goyal, Girshick, He & Dollár (2017), Focal loss for dense object detection, equation 4.
    """

    aim: ClassVar[str] = "balance"
    conflicts: ClassVar[tuple[str, ...]] = others_than("focal_loss")
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "replace"}
    gamma: Hyper = hyper(2.0, search=(0.25, 5.0), log=True, off=0.0, help="how much less certain rows count")

    def check(self, facts: Facts) -> None:
        """Refuse regression."""
        check_choices("focal_loss", facts)

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the focal losses `[B]`."""
        task = ctx.facts.task
        log_p, y = read_choices(task, outputs, batch.y)
        # 1 − p without cancelled digits, and off 0, where the gradient of a power below 1 is infinite.
        missing = (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)
        gamma = torch.as_tensor(self.gamma, dtype=log_p.dtype, device=log_p.device)
        return sum_costs(task, y * log_p * missing**gamma)
