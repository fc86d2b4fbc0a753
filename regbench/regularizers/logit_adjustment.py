"""Logit adjustment: rare classes must win by a margin in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.losses import row_losses
from regbench.regularizers._classes import BALANCED, are_balanced, check_classes
from regbench.regularizers._shares import measure_classes
from regbench.regularizers.base import Context, Facts, Params, Regularizer, Rows, State


@dataclass(frozen=True, kw_only=True)
class LogitAdjustment(Regularizer):
    """Logit adjustment: trains as if the logits knew how frequent each class is, and evaluates without.

        ℓ + CE(z + τ log π, y) − CE(z, y)

    z are the outputs and y the targets, `[B, N]` both; π are the classes' shares of the training rows by their weights,
    a class without rows having that of one row. Next to the cross-entropy the loss is CE(z + τ log π, y). Since z alone
    is evaluated, a rare class must win by a larger margin. τ is `tau`, at least 0: 1 aims at the mean accuracy of the
    classes, smaller values lie between that and the accuracy of rows. 0 is off. Where all classes have equally many
    training rows nothing changes.

    When: classes of very different size, and all of them matter alike. It costs nothing and leaves the sizes of steps
    as they are, unlike `class_weights`. Not where the accuracy over all rows is the aim, and not next to
    `class_weights` or `balanced_batches`, which make up for the same shares again. Predicted probabilities are those
    of equally frequent classes.

    Source: Menon, Jayasumana, Rawat, Jain, Veit & Kumar (2021), Long-tail learning via logit adjustment, equation 10.
    """

    aim: ClassVar[str] = "balance"
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "add"}
    tau: Hyper = hyper(1.0, search=(0.25, 2.0), off=0.0, help="how far the margins of rare classes go")

    def check(self, facts: Facts) -> None:
        """Refuse data without classes."""
        check_classes("logit_adjustment", facts, "it makes up for the shares of classes")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where all classes are equally large."""
        return BALANCED if are_balanced(facts.class_counts) and not facts.weighted else None

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        """Return log π less its largest value, `[N]`: 0 for classes of equal size."""
        size = measure_classes(rows, ctx.facts)
        log_share = torch.where(size > 0.0, size, 1.0).log()
        return {"log_share": (log_share - log_share.max()).to(rows.y.dtype)}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]` with what the adjustment changes in the cross-entropy."""
        tau = torch.as_tensor(self.tau, dtype=outputs.dtype, device=outputs.device)
        margin = tau * ctx.state["log_share"]
        task = ctx.facts.task
        change = row_losses(task, outputs + margin, batch.y) - row_losses(task, outputs, batch.y)
        # Not added where there is no margin: rounded, two gradients that cancel leave a third one changed.
        return losses + torch.where((margin != 0.0).any(), change, 0.0)
