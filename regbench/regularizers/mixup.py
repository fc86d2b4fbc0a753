"""Mixup: convex combinations of rows and of their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import Hyper, choice, hyper
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse


@dataclass(frozen=True, kw_only=True)
class Mixup(Regularizer):
    """Mixup: trains on convex combinations of two rows of the batch and of their targets.

        x̃_i = λ x_i + (1 − λ) x_j,   ỹ_i = λ y_i + (1 − λ) y_j,   λ ~ Beta(α, α),   j a random partner

    Partners are a random permutation of the batch, so a row may meet itself. λ is drawn for each row (`per: row`) or
    once for the batch (`per: batch`, the paper's code). Targets `[B, C]` may be classes (soft), labels or numbers.
    A row of weight w counts like w equal rows, hence the mixed row weighs w_i · w_j: rows left out of a bootstrap
    sample stay out. α = 0 is off: λ = 1. `lambda` is the mean λ of the batch.

    When: a classifier of images, series or numbers has few rows or some wrong labels, and may change smoothly from
    class to class. Not where the mean of two rows is nothing that could occur, as with categories, and not for a
    network that underfits: mixed rows are harder to learn.

    Other libraries: α is that of Keras' MixUp, timm's Mixup(mixup_alpha), torchvision's, fastai's and Composer's. Keras
    and fastai draw λ for each row, Composer once for the batch; fastai and Composer fold λ to one side of ½, timm adds
    label smoothing of 0.1 and wants even batches; here is neither. kornia's RandomMixUpV2 has no α: its λ is uniform,
    as with α = 1.

    Source: Zhang, Cissé, Dauphin & Lopez-Paz (2018), section 2.
    """

    aim: ClassVar[str] = "rows"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "mix rows"}
    effects: ClassVar[tuple[str, ...]] = ("lambda",)

    alpha: Hyper = hyper(0.2, search=(0.05, 2.0), log=True, off=0.0)
    per: str = choice("row", "batch")

    def check(self, facts: Facts) -> None:
        """Refuse batches of a single row, which has no partner, and classification with fewer than two classes."""
        if facts.batch_size == 1:
            raise refuse("mixup", "needs batches of at least 2 rows, and schedule.batch_size=1")
        if facts.task == "classification" and sum(count > 0 for count in facts.class_counts) < 2:
            raise refuse("mixup", "needs training rows of at least two classes")

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the mixed rows."""
        x, y, weight = batch
        alpha = torch.as_tensor(self.alpha, dtype=torch.float64, device=x.device)
        drawn = ctx.random.at("lambda").beta(
            torch.where(alpha > 0, alpha, 1.0), (len(x) if self.per == "row" else 1,), x.dtype
        )
        share = torch.where(alpha > 0, drawn, 1.0)
        partner = ctx.random.at("partner").permutation(len(x))
        ctx.effect("lambda", share.mean())
        of_x, of_y = share.view(-1, *(1,) * (x.ndim - 1)), share.view(-1, *(1,) * (y.ndim - 1)).to(y.dtype)
        return Rows(
            x=of_x * x + (1.0 - of_x) * x[partner],
            y=of_y * y + (1.0 - of_y) * y[partner],
            weight=torch.where(alpha > 0, weight * weight[partner], weight),
        )
