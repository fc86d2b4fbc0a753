"""Curriculum: training begins with a part of the rows, the easy or the hard ones, and ends with all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, number
from regbench.regularizers._classes import labels_of
from regbench.regularizers.base import Context, Facts, Params, Regularizer, Rows, refuse
from regbench.tasks import Task

TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Curriculum(Regularizer):
    """Curriculum: rows beyond the g(t)-quantile of a score count nothing; g rises from `start` to 1.

        g(t) = start + (1 − start) · t / until,   t the share of training that is done;   1 from `until` on

    Score `loss` ranks the rows of each batch by their loss now (self-paced learning), in a regression too; `centroid`
    ranks all training rows once by their distance from the mean of their class, on the scale the network sees. Order
    `easy` begins with low scores, `hard` with high ones, which with score `loss` is selective backprop. Of n rows
    the ⌈g · n⌉ first count, those of a batch or those of the training set. The losses of the rows that count are
    scaled up by the share of the weight that does not, so that the batch's loss is their mean; all rows pass through
    the network, and batch statistics see them. start = 1 is off. `kept` is the measured share of rows that count.

    When: training begins badly and easy rows may lead the way (`easy`), or most rows are soon learnt and the time is to
    go to the others (`hard`). Not `hard` where labels may be wrong: wrong ones have the greatest losses.

    Other libraries: Composer's SelectiveBackprop is of the kind of `hard`, but draws rows at random, the likelier the
    greater their loss.

    Source: Bengio, Louradour, Collobert & Weston (2009); Kumar, Packer & Koller (2010) for the loss as the score;
    Jiang et al. (2019), Accelerating deep learning by focusing on the biggest losers, for `hard`.
    """

    aim: ClassVar[str] = "rows"
    ranks: ClassVar[Mapping[str, str]] = {"row_loss": "weigh"}
    effects: ClassVar[tuple[str, ...]] = ("kept",)
    start: float = number(0.3, low=0.0, high=1.0, open_low=True, off=1.0, help="share of the rows at first")
    until: float = number(0.5, low=0.0, high=1.0, open_low=True, help="share of training after which all rows count")
    score: str = choice("loss", "centroid", help="what is easy: a low loss now, or a place near the mean of the class")
    order: str = choice("easy", "hard", help="which rows come first")

    def check(self, facts: Facts) -> None:
        """Refuse distances from the class where there are no classes."""
        if self.score == "centroid" and facts.task != Task.CLASSIFICATION:
            raise refuse("curriculum", "score=centroid needs classification; score=loss fits any task")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where `start` leaves no row out."""
        rows = facts.batch_size if self.score == "loss" else facts.rows
        if math.ceil(self.start * rows) < rows:
            return None
        which = "a batch" if self.score == "loss" else "the training set"
        return f"start={self.start:g} of the {rows} rows of {which} is rounded up to all of them"

    def about(self, rows: Rows, ctx: Context) -> Params:
        """Return the rank of each row among all by its distance from the mean of its class, in [0, 1)."""
        if self.score == "loss":
            return {}
        labels, x = labels_of(rows), rows.x.flatten(1).to(torch.float64)
        counts = labels.bincount(minlength=rows.y.shape[1]).clamp_min(1)
        means = x.new_zeros(len(counts), x.shape[1]).index_add_(0, labels, x) / counts.unsqueeze(1)
        return {"rank": self._rank((x - means[labels]).norm(dim=1))}

    def row_loss(self, losses: Tensor, outputs: Tensor, batch: Rows, ctx: Context) -> Tensor:
        """Return the losses `[B]`, those of rows that do not count yet as 0 and the others scaled up."""
        share = self._share(ctx.moment.progress, losses.device)
        rank = self._rank(losses.detach()) if self.score == "loss" else ctx.about["rank"]
        counts = rank < share
        ctx.effect("kept", counts.to(losses.dtype).mean())
        weight = batch.weight * counts
        scale = batch.weight.sum() / weight.sum().clamp_min(TINY)
        return torch.where(counts, losses * scale, 0.0)

    def _share(self, progress: Hyper, device: torch.device) -> Tensor:
        """Return g, the share of the rows that count, 0-d float64."""
        done = (torch.as_tensor(progress, dtype=torch.float64, device=device) / self.until).clamp_max(1.0)
        return (self.start + (1.0 - self.start) * done).round(decimals=9)  # or 0.84 of 50 rows would be 43

    def _rank(self, scores: Tensor) -> Tensor:
        """Return the place of each of n scores in the order of rows, divided by n: 0 comes first, float64 `[n]`."""
        places = (scores if self.order == "easy" else -scores).argsort(stable=True).argsort(stable=True)
        return places.to(torch.float64) / len(scores)
