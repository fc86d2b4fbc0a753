"""SMOTE: synthetic training rows for the smaller classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from regbench.config.fields import choice, integer, number
from regbench.regularizers._classes import (
    BALANCED,
    are_balanced,
    check_classes,
    count_classes,
    draw_state,
    fill_classes,
)
from regbench.regularizers._synthetic import (
    KINDS,
    Recipe,
    check_categories,
    choose_kind,
    fill_up,
    note_kind,
    refuse_few_rows,
)
from regbench.regularizers.base import Context, Facts, Regularizer, Rows, refuse

NEEDS_NEAR = ("borderline1", "borderline2", "svm")


@dataclass(frozen=True, kw_only=True)
class Smote(Regularizer):
    """SMOTE: adds rows between neighbours of the same class until small classes are as large as the largest.

        x̃ = x_i + u (x_j − x_i),   u ~ U(0, 1),   j one of the k nearest neighbours of i within its class

    `strength` t in [0, 1] is how much of each class's gap to the largest class is filled: round(t · (n_max − n_c)) new
    rows. t = 1 balances the classes, 0 is off. New rows follow the original ones, which stay as they are; their target
    is their class, and they weigh as much as its rows on average. Images and series are taken as vectors of their
    values. Distances are Euclidean on the scale the network sees, so standardise. Only training rows are ever
    resampled or looked at. A class to be filled needs more than `neighbours` rows.

    Kinds differ in where new rows lie:
        regular      anywhere between neighbours; where a table has categories it is `categorical`
        borderline1  starts from rows that have at least half, not all, of their `near` neighbours in other classes
        borderline2  the same, and goes half-way towards neighbours of other classes too
        svm          starts from the support vectors of an SVM
        adasyn       the more rows, the more of the `neighbours` are of other classes
        kmeans       in clusters in which the class is frequent
        categorical  SMOTE-NC: columns of numbers as above, and each category the one most frequent among the neighbours

    The others than `regular` and `categorical` are refused where a table has categories (columns of texts or truth
    values), of which they would make fractions. adasyn, kmeans and svm make about as many rows as were asked for;
    how many, for kmeans and svm, depends on the seed.

    The resampling is imbalanced-learn's, once per run.

    When: a class of a table has few rows, and what lies between two of them belongs to the class. Not for images, whose
    mean is no image, and not where classes overlap, for new rows then lie among those of others; for these `resampling`
    has forms that clean. Resampled before the split, copies of a row would be on both sides of it; here that cannot
    happen.

    Other libraries: imbalanced-learn's SMOTE(k_neighbors) is `regular` with `neighbours`, and its default, which
    balances fully, strength 1.

    Source: Chawla, Bowyer, Hall & Kegelmeyer (2002), sections 4.2 and 6.1 (SMOTE-NC); Han, Wang & Mao (2005) for
    borderline, Nguyen, Cooper & Kamei (2011) for svm, He, Bai, Garcia & Li (2008) for ADASYN, Last, Douzas & Bacao
    (2017) for kmeans.
    """

    aim: ClassVar[str] = "balance"
    ranks: ClassVar[Mapping[str, str]] = {"training_data": "make rows"}
    kind: str = choice(*KINDS, help="where new rows lie")
    strength: float = number(1.0, low=0.0, high=1.0, off=0.0, help="share of the gap to the largest class")
    neighbours: int = integer(5, low=1, help="of the same class, from which one is chosen")
    near: int = integer(10, low=1, help="neighbours of any class that tell a border; borderline1, borderline2, svm")

    def check(self, facts: Facts) -> None:
        """Refuse data without classes, too few rows to have neighbours, and a kind that does not fit the columns."""
        check_classes("smote", facts, "it fills up small classes")
        check_categories("smote", self.kind, facts)
        wanted = fill_classes(facts.class_counts, self.strength)
        refuse_few_rows("smote", {c: facts.class_counts[c] for c in wanted}, self.neighbours)
        if wanted and self.kind in NEEDS_NEAR and facts.rows <= self.near:
            raise refuse("smote", f"near={self.near} takes more than {self.near} training rows, there are {facts.rows}")

    def idle(self, facts: Facts) -> str | None:
        """Return the reason where no class grows."""
        if are_balanced(facts.class_counts):
            return BALANCED
        if not fill_classes(facts.class_counts, self.strength):
            return f"strength={self.strength:g} of every gap between classes is rounded to 0 rows"
        return None

    def note(self, facts: Facts) -> str | None:
        """Return that categories are kept whole."""
        return note_kind(self.kind, facts)

    def alone(self) -> bool:
        """Tell whether the kind draws how many rows it makes."""
        return self.kind in ("kmeans", "svm")

    def training_data(self, rows: Rows, ctx: Context) -> Rows:
        """Return the original rows, followed by the synthetic ones."""
        wanted = fill_classes(count_classes(rows), self.strength)
        if not wanted:
            return rows
        recipe = Recipe(choose_kind(self.kind, ctx.facts), self.neighbours, self.near, draw_state(ctx))
        return fill_up("smote", rows, wanted, recipe, ctx.facts.categories)
