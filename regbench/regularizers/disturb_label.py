"""DisturbLabel: in every batch the labels of a few rows are drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.regularizers._classes import check_classes
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse


@dataclass(frozen=True, kw_only=True)
class DisturbLabel(Regularizer):
    """DisturbLabel: gives each row, with probability α, a label drawn from all N classes alike.

        ỹ = one-hot of U{1..N} with probability α, else y;   a label stays with probability 1 − α (N − 1) / N

    y `[B, N]` are targets. Rows and labels are drawn anew at every step, so that a row is wrong now and then, never for
    good. The draw includes the row's own class: with ten classes, α = 0.1 changes 9 % of the labels. α lies in [0, 1];
    0 is off, 1 leaves nothing to learn. On average over steps this is `label_smoothing` with ε = α, plus noise.
    `changed` is the measured share of rows whose label is another. Validation and test see the true labels.

    When: classification with a network large enough to learn its training rows by heart, as another source of noise
    beside dropout or instead of it. Not where labels are wrong already, where classes are rare, whose few rows turn up
    wrong too, or next to `label_smoothing`.

    Source: Xie, Wang, Wei, Wang & Tian (2016), DisturbLabel: regularizing CNN on the loss layer, section 3.
    """

    aim: ClassVar[str] = "outputs"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "make targets"}
    effects: ClassVar[tuple[str, ...]] = ("changed",)
    alpha: Hyper = hyper(0.1, high=1.0, search=(0.01, 0.4), log=True, off=0.0, help="share of rows with a drawn label")

    def check(self, facts: Facts) -> None:
        """Refuse what has no classes, and a single class, which has no other."""
        check_classes("disturb_label", facts, "it draws other classes as labels")
        if len(facts.class_counts) < 2:
            raise refuse("disturb_label", "needs classification with at least two classes")

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with the targets of some rows drawn."""
        count, classes = batch.y.shape
        # Compared in float64, in which the hyper-parameter is the same number alone and in a cohort.
        drawn = ctx.random.at("rows").uniform((count,), torch.float64) < self.alpha
        label = ctx.random.at("labels").integers(classes, (count,))
        one_hot = (label.unsqueeze(1) == torch.arange(classes, device=label.device)).to(batch.y.dtype)
        ctx.effect("changed", lambda: self._measure(drawn, one_hot, batch.y))
        return batch._replace(y=torch.where(drawn.unsqueeze(1), one_hot, batch.y))

    @staticmethod
    def _measure(drawn: Tensor, one_hot: Tensor, y: Tensor) -> Tensor:
        """Return the share of rows that lost their label."""
        return (drawn.to(y.dtype) * (1.0 - (one_hot * y).sum(1))).mean()
