"""Balanced batches: rows are drawn for the batches so that all classes are seen equally often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, hyper
from regbench.regularizers._classes import BALANCED, are_balanced, check_classes, labels_of
from regbench.regularizers.base import Context, Facts, Regularizer, Rows


@dataclass(frozen=True, kw_only=True)
class BalancedBatches(Regularizer):
    """Balanced batches: each epoch draws its rows with replacement, rows of small classes more often.

        P(row of class c) ∝ n_c^(−t),   so that class c is drawn with probability n_c^(1−t) / Σ_k n_k^(1−t)

    n_c are the training rows of class c and t is `strength`: 1 shows all classes equally often, ½ closes half of the
    gap on a log scale, 0 is off. An epoch has as many rows as without, but does not see every row: of a large class
    some are left out, those of a small one come several times. Where all classes are equally large nothing is drawn.
    Rows of weight 0 are neither counted nor drawn. Unlike weights on classes, this leaves the size of every step as it
    is, and a batch without a rare class becomes rare itself.

    When: classes are of very different size and rare ones matter as much as frequent ones, so that the mean accuracy
    over classes counts. Not where probabilities are to be those of the data, for the network learns from other
    frequencies; and with very few rows of a class it may learn these by heart.

    Other libraries: torch's WeightedRandomSampler(1 / n_c, N) is strength 1.

    Source: Shen, Lin & Huang (2016), Relay backpropagation, section 3.2 (class-aware sampling); for 0 < t < 1 Mahajan
    et al. (2018), section 2.2.
    """

    aim: ClassVar[str] = "balance"
    strength: Hyper = hyper(1.0, search=(0.25, 1.0), off=0.0, help="1 shows all classes equally often")

    def check(self, facts: Facts) -> None:
        """Refuse data without classes."""
        check_classes("balanced_batches", facts, "it shows all classes equally often")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where all classes are equally large."""
        return BALANCED if are_balanced(facts.class_counts) else None

    def row_order(self, numbers: Tensor, rows: Rows, ctx: Context) -> Tensor:
        """Return as many numbers as were given, drawn with replacement from the rows that have a weight."""
        if self.strength == 0.0:
            return numbers
        labels, seen = labels_of(rows), rows.weight > 0
        counts = torch.zeros_like(rows.y[0], dtype=torch.int64).index_add_(0, labels, seen.to(torch.int64))
        balanced = torch.where(counts > 0, counts, counts.max()).min() == counts.max()
        # A cumulated sum of chances in float64, and the first place at which it exceeds u: inversion.
        chances = torch.where(seen, counts[labels].to(torch.float64) ** -self.strength, 0.0)
        ends = chances.cumsum(0)
        u = ctx.random.uniform((len(numbers),), torch.float64) * ends[-1]
        last = (seen * torch.arange(len(seen), device=seen.device)).max()
        return torch.where(balanced, numbers, torch.searchsorted(ends, u, right=True).minimum(last))
