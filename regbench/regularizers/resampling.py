"""Resampling: the classes balanced by repeating or leaving out training rows, or cleaned where they overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from regbench.config.fields import choice, number
from regbench.regularizers._classes import (
    BALANCED,
    are_balanced,
    check_classes,
    count_classes,
    draw_state,
    fill_classes,
    labels_of,
    refuse_empty_class,
    take_rows,
    thin_classes,
    values_of,
)
from regbench.regularizers._synthetic import Recipe, choose_kind, fill_up, note_kind, refuse_few_rows
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse

THINNING = ("under", "near_miss")
CLEANING = ("tomek", "enn")
COMBINED = {"smote_enn": "enn", "smote_tomek": "tomek"}
NEIGHBOURS = 5
"""Of SMOTE."""

NEAR_MISS_NEIGHBOURS = 3


@dataclass(frozen=True, kw_only=True)
class Resampling(Regularizer):
    """Resampling: repeats rows of small classes, leaves out rows of large ones, or cleans where classes overlap.

        over         small classes grow by round(t · (n_max − n_c)) of their rows, drawn with replacement
        under        large classes lose round(t · (n_c − n_min)) of their rows, drawn at random
        near_miss    the same, and those stay that are closest to their three nearest rows of the smallest class
        tomek        of two rows of different classes that are each other's nearest, the one of the larger class leaves
        enn          rows of all but the smallest class leave whose three nearest are not all of their class
        smote_enn    `smote`, then enn on all classes
        smote_tomek  `smote`, then tomek, and both rows leave

    `strength` t in [0, 1] is how much of the gap between classes is closed; for tomek and enn, the share of the rows
    found that leave, chosen at random. 0 is off. `shrinkage` s > 0 moves every repeated row of `over` by normal noise,
    the smoothed bootstrap: standard deviation s · (4 / ((D + 2) N))^(1 / (D + 4)) · σ_c for D columns, N rows and each
    column's deviation σ_c in the class; columns of categories stay as they are. Rows keep their weights, repeated ones
    those of their originals. Distances are Euclidean on the scale the network sees, so standardise. Only training rows
    are ever resampled or looked at.

    The resampling is imbalanced-learn's, once per run. How many rows smote_enn and smote_tomek leave depends on the
    seed; the cleaning ones leave a number that depends on the data.

    When: classes are of unequal size: `over` where rows are few, `under` and `near_miss` where the large classes have
    rows to spare, tomek and enn where noise makes classes overlap. Not beside other ways to balance the same classes
    (`balanced_batches`, `smote`), and not where probabilities are to be those of the data.

    Other libraries: in imbalanced-learn these are RandomOverSampler(shrinkage), RandomUnderSampler, NearMiss,
    TomekLinks, EditedNearestNeighbours, SMOTEENN and SMOTETomek, in the order above; their default, which balances the
    classes fully, is strength 1.

    Source: Menardi & Torelli (2014), section 3 (ROSE, the smoothed bootstrap); Mani & Zhang (2003), NearMiss-1;
    Tomek (1976); Wilson (1972), edited nearest neighbours; Batista, Prati & Monard (2004), section 3.
    """

    aim: ClassVar[str] = "balance"
    ranks: ClassVar[Mapping[str, str]] = {"training_data": "make rows"}
    form: str = choice("over", "under", *CLEANING, "near_miss", *COMBINED, help="what is done with the rows")
    strength: float = number(1.0, low=0.0, high=1.0, off=0.0, help="share of the gap, or of the rows found")
    shrinkage: float = number(0.0, low=0.0, help="noise on repeated rows, 1 for the smoothed bootstrap; over only")

    def check(self, facts: Facts) -> None:
        """Refuse data without classes, classes too small for the form, and noise on rows that are not repeated."""
        check_classes("resampling", facts, "it evens out the sizes of classes")
        if self.shrinkage > 0.0 and self.form != "over":
            raise refuse(
                "resampling", f"shrinkage={self.shrinkage:g} moves repeated rows, which form={self.form} lacks"
            )
        if self.form in COMBINED:
            wanted = fill_classes(facts.class_counts, self.strength)
            refuse_few_rows("resampling", {c: facts.class_counts[c] for c in wanted}, NEIGHBOURS)
        if self.form == "near_miss" and self.strength > 0.0 and min(facts.class_counts) < NEAR_MISS_NEIGHBOURS:
            raise refuse("resampling", f"form=near_miss needs {NEAR_MISS_NEIGHBOURS} training rows of every class")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where no class grows or shrinks."""
        if self.form in CLEANING or self.form in COMBINED:
            return None
        if are_balanced(facts.class_counts):
            return BALANCED
        change = thin_classes if self.form in THINNING else fill_classes
        if not change(facts.class_counts, self.strength):
            return f"strength={self.strength:g} of every gap between classes is rounded to 0 rows"
        return None

    def note(self, facts: Facts) -> str | None:
        """Return that categories are kept whole."""
        return note_kind("regular", facts) if self.form in COMBINED else None

    def alone(self) -> bool:
        """Tell whether the form cleans rows that were drawn."""
        return self.form in COMBINED

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the rows as the form leaves them, in their order, repeated and synthetic ones last."""
        if self.strength == 0.0:
            return rows
        if self.form == "over":
            return self._repeat(rows, ctx)
        if self.form in THINNING:
            return self._thin(rows, ctx)
        if self.form in CLEANING:
            return self._clean(rows, ctx)
        return self._fill_and_clean(rows, ctx)

    def _repeat(self, rows: Rows, ctx: Context) -> Rows:
        from imblearn.over_sampling import RandomOverSampler

        wanted = fill_classes(count_classes(rows), self.strength)
        if not wanted:
            return rows
        sampler = RandomOverSampler(
            sampling_strategy=wanted, random_state=draw_state(ctx), shrinkage=self.shrinkage or None
        )
        made, _ = sampler.fit_resample(values_of(rows), labels_of(rows).numpy())
        count = len(rows.weight)
        source = torch.from_numpy(np.asarray(sampler.sample_indices_[count:], dtype=np.int64))
        repeated = Rows(*(part[source] for part in rows))
        if self.shrinkage > 0.0:
            x = torch.from_numpy(made[count:]).to(rows.x.dtype)
            for first, end in ctx.facts.categories:
                x[:, first:end] = repeated.x[:, first:end]
            repeated = repeated._replace(x=x.view_as(repeated.x))
        return Rows(*(torch.cat(pair) for pair in zip(rows, repeated, strict=True)))

    def _thin(self, rows: Rows, ctx: Context) -> Rows:
        from imblearn.under_sampling import NearMiss, RandomUnderSampler

        wanted = thin_classes(count_classes(rows), self.strength)
        if not wanted:
            return rows
        if self.form == "under":
            sampler: Any = RandomUnderSampler(sampling_strategy=wanted, random_state=draw_state(ctx))
        else:
            sampler = NearMiss(sampling_strategy=wanted, n_neighbors=NEAR_MISS_NEIGHBOURS)
        return take_rows(rows, kept_by(sampler, rows))

    def _clean(self, rows: Rows, ctx: Context) -> Rows:
        count = len(rows.weight)
        stays = torch.zeros(count, dtype=torch.bool)
        stays[kept_by(make_cleaner(self.form, "auto"), rows)] = True
        found = torch.nonzero(~stays).flatten()
        chosen = found[ctx.random.permutation(len(found))[: round(self.strength * len(found))]]
        leaves = torch.zeros(count, dtype=torch.bool)
        leaves[chosen] = True
        return _without(rows, leaves)

    def _fill_and_clean(self, rows: Rows, ctx: Context) -> Rows:
        wanted = fill_classes(count_classes(rows), self.strength)
        if wanted:
            recipe = Recipe(choose_kind("regular", ctx.facts), NEIGHBOURS, NEIGHBOURS, draw_state(ctx))
            rows = fill_up("resampling", rows, wanted, recipe, ctx.facts.categories)
        leaves = torch.ones(len(rows.weight), dtype=torch.bool)
        leaves[kept_by(make_cleaner(COMBINED[self.form], "all"), rows)] = False
        return _without(rows, leaves)


def make_cleaner(form: str, classes: str) -> Any:
    """Return imbalanced-learn's sampler that removes rows where classes overlap.

    Args:
        form: tomek or enn.
        classes: `all`, or `auto` for all but the smallest.
    """
    from imblearn.under_sampling import EditedNearestNeighbours, TomekLinks

    return (TomekLinks if form == "tomek" else EditedNearestNeighbours)(sampling_strategy=classes)


def kept_by(sampler: Any, rows: Rows) -> Tensor:
    """Return the numbers of the rows that one of imbalanced-learn's samplers keeps, in order, int64."""
    sampler.fit_resample(values_of(rows), labels_of(rows).numpy())
    return torch.from_numpy(np.sort(np.asarray(sampler.sample_indices_, dtype=np.int64)))


def _without(rows: Rows, leaves: Tensor) -> Rows:
    """Return the rows less some of them.

    Raises:
        ConfigError: a class would have none left.
    """
    kept = take_rows(rows, torch.nonzero(~leaves).flatten())
    refuse_empty_class("resampling", count_classes(rows), count_classes(kept))
    return kept
