"""Removal of outliers: the training rows that fit least among the others are left out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from regbench.config.fields import choice, flag, number
from regbench.regularizers._classes import (
    count_classes,
    draw_state,
    labels_of,
    refuse_empty_class,
    take_rows,
    values_of,
)
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse
from regbench.tasks import Task

LOCAL_NEIGHBOURS = 20

Values: TypeAlias = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class OutlierRemoval(Regularizer):
    """Removal of outliers: leaves out the share of the training rows with the worst scores.

        isolation_forest      how few random cuts separate a row from the others
        local_outlier_factor  how thinly its neighbourhood is settled, compared with those of its 20 neighbours
        zscore                max_k |x_k − μ_k| / σ_k, the most extreme of its values

    round(share · N) rows leave, of each class by itself with `per_class`, so that the classes keep their proportions
    and a rare class is not taken for a collection of outliers; in a regression `per_class` has no effect. share in
    [0, ½); 0 is off. Columns of categories count for the first two methods only: a rare category has a large z.
    Images and series are taken as vectors of their values. Only training rows are ever looked at or left out:
    validation and test keep their outliers.

    The scores are scikit-learn's with its defaults, once per run; isolation_forest draws random trees.

    When: some training rows are errors of measurement or entry, unlike all others. Not where rare rows are what matters
    (fraud, faults, rare diseases): they are outliers too. And not to make a validation score look better: validation
    rows keep theirs.

    Other libraries: the first two scores are those of scikit-learn's IsolationForest and LocalOutlierFactor, whose
    `contamination` is `share`; without `per_class` they rank all rows together.

    Source: Liu, Ting & Zhou (2008), Isolation forest; Breunig, Kriegel, Ng & Sander (2000), LOF.
    """

    aim: ClassVar[str] = "rows"
    ranks: ClassVar[Mapping[str, str]] = {"training_data": "remove rows"}
    share: float = number(0.05, low=0.0, high=0.5, open_high=True, off=0.0, help="of the training rows")
    method: str = choice("isolation_forest", "local_outlier_factor", "zscore", help="how rows are scored")
    per_class: bool = flag(True, help="score and leave out the rows of each class by itself")

    def check(self, facts: Facts) -> None:
        """Refuse z-scores of a table that has nothing but categories."""
        if self.method == "zscore" and facts.categories and not _numbers(facts.shape[0], facts):
            raise refuse("outlier_removal", "method=zscore needs a column of numbers; take isolation_forest")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where the share is less than half a row."""
        counts = facts.class_counts if self.per_class and facts.class_counts else (facts.rows,)
        if not any(round(self.share * count) for count in counts):
            of = "of every class" if len(counts) > 1 else "of the training rows"
            return f"share={self.share:g} {of} is rounded to 0 rows"
        return None

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the rows that stay, in their order."""
        if self.share == 0.0:
            return rows
        x, seed = values_of(rows), draw_state(ctx)
        if self.method == "zscore":
            x = x[:, _numbers(x.shape[1], ctx.facts)]
        stays = np.ones(len(x), dtype=bool)
        for members in self._groups(rows, ctx.facts):
            leaving = round(self.share * len(members))
            if leaving:
                worst = np.argsort(-score(self.method, x[members], seed), kind="stable")[:leaving]
                stays[members[worst]] = False
        kept = take_rows(rows, torch.from_numpy(np.flatnonzero(stays)))
        if ctx.facts.class_counts:
            refuse_empty_class("outlier_removal", count_classes(rows), count_classes(kept))
        return kept

    def _groups(self, rows: Rows, facts: Facts) -> list[NDArray[np.int64]]:
        """Return the numbers of the rows that are compared with each other."""
        if not self.per_class or facts.task != Task.CLASSIFICATION:
            return [np.arange(len(rows.weight))]
        labels = labels_of(rows).numpy()
        return [np.flatnonzero(labels == number) for number in np.unique(labels)]


def score(method: str, x: Values, seed: int) -> NDArray[np.float64]:
    """Return how much each row `[N, D]` is an outlier among the others, `[N]`."""
    if method == "zscore":
        return _score_extremes(x)
    if method == "isolation_forest":
        from sklearn.ensemble import IsolationForest

        return np.asarray(-IsolationForest(random_state=seed).fit(x).score_samples(x))
    from sklearn.neighbors import LocalOutlierFactor

    neighbours = min(LOCAL_NEIGHBOURS, len(x) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of many equal rows, whose neighbourhoods are infinitely dense
        return np.asarray(-LocalOutlierFactor(n_neighbors=neighbours).fit(x).negative_outlier_factor_)


def _score_extremes(x: Values) -> NDArray[np.float64]:
    """Return each row's largest distance from a column's mean, in its standard deviations; 0 in a constant column."""
    exact = x.astype(np.float64)
    spread = exact.std(0)
    away = np.abs(exact - exact.mean(0)) / np.where(spread > 0.0, spread, np.inf)
    return np.asarray(away.max(1, initial=0.0))


def _numbers(columns: int, facts: Facts) -> list[int]:
    """Return the places of the columns that belong to no category."""
    inside = {column for first, end in facts.categories for column in range(first, end)}
    return [column for column in range(columns) if column not in inside]
