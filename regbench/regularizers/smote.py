"""SMOTE: synthetic training rows for the smaller classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from regbench.config.fields import integer, number
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse


@dataclass(frozen=True, kw_only=True)
class Smote(Regularizer):
    """SMOTE: adds rows between neighbours of the same class until small classes are as large as the largest.

        x̃ = x_i + u (x_j − x_i),   u ~ U(0, 1),   j one of the k nearest neighbours of i within its class

    `strength` t in [0, 1] is how much of each class's gap to the largest class is filled: round(t · (n_max − n_c)) new
    rows. t = 1 balances the classes, 0 is off. New rows follow the original ones, which stay as they are; they weigh 1
    and their target is their class. Images and series are taken as vectors of their values. Distances are Euclidean on
    the scale the network sees, so standardise. Only training rows are ever resampled or looked at.

    A class to be filled needs more than `neighbours` rows. The resampling is imbalanced-learn's, once per run.

    Source: Chawla, Bowyer, Hall & Kegelmeyer (2002), section 4.2.
    """

    ranks: ClassVar[Mapping[str, str]] = {"training_data": "make rows"}
    strength: float = number(1.0, low=0.0, high=1.0, off=0.0, help="share of the gap to the largest class")
    neighbours: int = integer(5, low=1)

    def check(self, facts: Facts) -> None:
        """Refuse regression, and a class with too few rows to have neighbours."""
        if facts.task != "classification":
            raise refuse("smote", "needs classification; it fills up small classes")
        least = min((facts.class_counts[c] for c in self._wanted(facts.class_counts)), default=self.neighbours + 1)
        if least <= self.neighbours:
            raise refuse(
                "smote",
                f"a class to fill up has {least} training rows; it takes more than neighbours={self.neighbours}",
            )

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the original rows, followed by the synthetic ones."""
        labels = rows.y.argmax(1)
        counts = torch.bincount(labels, minlength=rows.y.shape[1]).tolist()
        wanted = self._wanted(counts)
        if not wanted:
            return rows
        from imblearn.over_sampling import SMOTE

        state = int(ctx.random.integers(2**31 - 1, (1,))[0])
        smote = SMOTE(sampling_strategy=wanted, k_neighbors=self.neighbours, random_state=state)
        x, y = smote.fit_resample(rows.x.flatten(1).numpy(), labels.numpy())
        new_x = torch.from_numpy(x[len(labels) :]).to(rows.x.dtype).view(-1, *rows.x.shape[1:])
        new_y = torch.nn.functional.one_hot(torch.from_numpy(y[len(labels) :]), rows.y.shape[1]).to(rows.y.dtype)
        new_weight = torch.ones(len(new_y), dtype=rows.weight.dtype)
        return Rows(*(torch.cat(pair) for pair in zip(rows, (new_x, new_y, new_weight), strict=True)))

    def _wanted(self, counts: Sequence[int]) -> dict[int, int]:
        """Return the final number of rows of each class that grows."""
        new = {c: round(self.strength * (max(counts) - n)) for c, n in enumerate(counts)}
        return {c: counts[c] + extra for c, extra in new.items() if extra}
