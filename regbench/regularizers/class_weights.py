"""Class weights: rows of rare classes count more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from regbench.config.fields import Hyper, choice, hyper, number
from regbench.regularizers._classes import BALANCED, are_balanced, check_classes
from regbench.regularizers._shares import measure_classes
from regbench.regularizers.base import Context, Facts, Params, Regularizer, Rows, State, note_unused


@dataclass(frozen=True, kw_only=True)
class ClassWeights(Regularizer):
    """Class weights: multiplies the weight of each row by a factor of its class, the larger the rarer the class.

        balanced:   f_c = (n / (C n_c))^t
        effective:  f_c ∝ ((1 − β) / (1 − β^{n_c}))^t

    n_c are the training rows of class c by their weights, n all of them and C the classes that have any. The factors
    are scaled so that the mean weight of the training rows stays as it is. t is `strength`, in [0, 2]: 1 lets all
    classes count the same, ½ is half of that on a log scale, 0 is off. β is `beta`, of `effective` alone: near 0 all
    rows count the same, towards 1 it becomes `balanced`; 1 / (1 − β) is about the number of rows beyond which further
    ones say nothing new. For soft targets a row's factor is the mean of its classes' factors.

    A batch's loss is the mean of its rows by their weights, so penalties stay as strong against it as they were. The
    rows' order and the figures reported are untouched.

    When: classes of different size, and errors on the rare ones count for more than their number. Not where the
    accuracy over all rows is the aim, and not for a class of very few rows in small batches: steps become uneven;
    `balanced_batches` and `logit_adjustment` do not have that. A ramp lets the weights set in late, when features are
    learned.

    Other libraries: scikit-learn's class_weight='balanced' is the default; torch's CrossEntropyLoss(weight=f) divides
    by the sum of the batch's weights, as here; Keras' class_weight divides by the number of rows.

    Source: King & Zeng (2001), Logistic regression in rare events data, section 4.2; effective: Cui, Jia, Lin, Song &
    Belongie (2019), Class-balanced loss based on effective number of samples.
    """

    aim: ClassVar[str] = "balance"
    ranks: ClassVar[Mapping[str, str]] = {"batch": "make targets"}
    strength: Hyper = hyper(1.0, high=2.0, search=(0.25, 1.5), off=0.0, help="1 lets all classes count the same")
    form: str = choice("balanced", "effective", help="by the number of rows, or by how much is new in them")
    beta: float = number(0.999, low=0.0, high=1.0, open_high=True, help="of form=effective: how few rows are new")

    def note(self, facts: Facts) -> str | None:
        """Say that a setting was given which belongs to another form."""
        return None if self.form == "effective" else note_unused(self, "beta", "form=effective")

    def check(self, facts: Facts) -> None:
        """Refuse data without classes."""
        check_classes("class_weights", facts, "it weighs classes")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where all classes get the same factor."""
        if self.form == "effective" and self.beta == 0.0:
            return "beta=0 lets every row count the same"
        return BALANCED if are_balanced(facts.class_counts) and not facts.weighted else None

    def begin(self, weights: Params, rows: Rows, ctx: Context) -> State:
        """Return the factor of each class at t = 1 up to a scale, and its share of the rows, `[N]` each."""
        size = measure_classes(rows, ctx.facts)
        held = torch.where(size > 0.0, size, size.max())  # a class without rows has no row to weigh
        factor = self._scale_down(held) if self.form == "effective" else 1.0 / held
        share = size / size.sum()
        return {"factor": (factor / factor.max()).to(rows.y.dtype), "share": share.to(rows.y.dtype)}

    def batch(self, batch: Rows, ctx: Context) -> Rows:
        """Return the batch with the weights of its rows multiplied by their classes' factors."""
        share, strength = ctx.state["share"], torch.as_tensor(self.strength, dtype=batch.y.dtype, device=batch.y.device)
        factor = ctx.state["factor"] ** strength
        # At t = 0 every factor is 1 and the scale exactly 1; so it is for classes of the same size.
        scale = (share * factor).sum() / share.sum()
        return batch._replace(weight=batch.weight * ((batch.y * factor).sum(1) / scale))

    def _scale_down(self, size: Tensor) -> Tensor:
        """Return (1 − β) / (1 − β^n) for the size of each class, where 1 − β^n keeps its digits."""
        beta = torch.as_tensor(self.beta, dtype=size.dtype, device=size.device)
        return (1.0 - beta) / -torch.expm1(size * beta.log())
