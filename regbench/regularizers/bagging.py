"""Bagging: several networks, each on its own bootstrap sample."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from regbench.config.fields import choice, integer
from regbench.randomness import Randomness
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task


@dataclass(frozen=True, kw_only=True)
class Bagging(Regularizer):
    """Bagging: trains M networks on bootstrap samples of the training rows and combines their predictions.

        bootstrap:  c ~ Multinomial(N, 1/N, ..., 1/N)    the counts of N draws with replacement
        poisson:    c_i ~ Poisson(1), independent        its limit for many rows
        mean:       p = (1/M) Σ_m p_m
        vote:       p_k = (v_k + 1/C) / (M + 1),   v_k = number of members whose largest p_m is class k

    c multiplies the rows' weights, so all members see every row but learn from about 63 % of them. A batch's loss is
    the weighted mean of its rows: in batches of very few rows, counts partly cancel. p_m `[M, N, C]` are probabilities
    (or predictions: `mean` only); C is the number of classes. The pseudo-vote of 1/C for every class keeps the loss of
    a unanimous error finite, at log(C (M + 1)). Each label of a multilabel task is combined by itself, as a choice
    between C = 2. Members have their own initial weights, batches and random numbers;
    with `smote`, each has its own synthetic rows, which its bootstrap draws from too. M = 1 is off: a single network
    on all rows.

    Averaging probabilities is not averaging logits or weights.

    When: predictions change much with the sample of training rows (high variance), and M times the cost of training and
    predicting can be paid; `dropout` is its cheap relative. Not against underfitting: the average of networks that are
    too simple is too simple.

    Other libraries: scikit-learn's and torchensemble's BaggingClassifier and BaggingRegressor, with samples as large as
    the training set, are `bootstrap` and, as they average probabilities, `mean`.

    Source: Breiman (1996), Bagging predictors; Oza & Russell (2001), Online bagging and boosting, for Poisson(1).
    """

    aim: ClassVar[str] = "members"
    ranks: ClassVar[Mapping[str, str]] = {"training_data": "weigh rows"}

    members: int = integer(5, low=1, high=1000, off=1)
    sampling: str = choice("bootstrap", "poisson")
    combination: str = choice("mean", "vote")

    @property
    def ensemble_size(self) -> int:
        """Number of members."""
        return self.members

    def check(self, facts: Facts) -> None:
        """Refuse votes on numbers, and batches of one row, whose weight cancels out of the mean."""
        if self.members > 1 and facts.batch_size == 1:
            raise refuse("bagging", "needs batches of at least 2 rows, and schedule.batch_size=1")
        if self.combination == "vote" and facts.task == Task.REGRESSION:
            raise refuse("bagging", "combination=vote needs classes or labels; it takes mean for a predicted number")

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the rows with their weights multiplied by this member's counts."""
        if self.members == 1:
            return rows
        return rows._replace(weight=rows.weight * self._counts(len(rows.weight), ctx.random).to(rows.weight.dtype))

    def combine(self, outputs: Tensor, facts: Facts) -> Tensor:
        """Return the logarithm of the mean probability or of the smoothed shares of votes, or the mean number.

        Labels, given as logits, are combined into logits.
        """
        if facts.task == Task.REGRESSION:
            return outputs.mean(0)
        if facts.task == Task.MULTILABEL:
            both = self._combine_classes(torch.stack([F.logsigmoid(-outputs), F.logsigmoid(outputs)], -1))
            return both[..., 1] - both[..., 0]
        return self._combine_classes(outputs)

    def _combine_classes(self, outputs: Tensor) -> Tensor:
        """Return the combined log-probabilities `[..., C]` of members' `[M, ..., C]`."""
        members, classes = len(outputs), outputs.shape[-1]
        if self.combination == "mean":
            # Not the mean of probabilities and then its logarithm: a confident error would underflow to -inf.
            return torch.logsumexp(outputs, 0) - math.log(members)
        votes = (
            (outputs.argmax(-1, keepdim=True) == torch.arange(classes, device=outputs.device)).to(outputs.dtype).sum(0)
        )
        return ((votes + 1.0 / classes) / (members + 1)).log()

    def _counts(self, rows: int, random: Randomness) -> Tensor:
        if self.sampling == "bootstrap":
            return torch.bincount(random.integers(rows, (rows,)), minlength=rows)
        return random.poisson(torch.ones(rows, device=random.device))
