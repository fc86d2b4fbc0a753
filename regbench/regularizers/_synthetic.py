"""Synthetic rows for the smaller classes, for the regularizers that make some: imbalanced-learn's kinds of SMOTE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regbench.errors import ConfigError
from regbench.regularizers._classes import count_classes, labels_of, values_of
from regbench.regularizers.base import Facts, Rows, refuse

Values: TypeAlias = NDArray[Any]
Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Columns `(first, end)` that encode one category each."""

CATEGORICAL = "categorical"
BORDERLINE = {"borderline1": "borderline-1", "borderline2": "borderline-2"}
KINDS = ("regular", *BORDERLINE, "svm", "adasyn", "kmeans", CATEGORICAL)
FAILURES = {
    "adasyn": "no row of another class is near a class to fill up",
    "kmeans": "no cluster has enough different rows of a class to fill up, with this seed",
    "svm": "every support vector of a class to fill up lies among rows of other classes",
}
"""What it means that imbalanced-learn raises an error."""


@dataclass(frozen=True)
class Recipe:
    """A kind of SMOTE, its numbers of neighbours, and the seed of its random numbers."""

    kind: str
    neighbours: int
    near: int
    seed: int


def choose_kind(kind: str, facts: Facts) -> str:
    """Return the kind to use on these data: `regular` is SMOTE-NC where a table has categories."""
    return CATEGORICAL if kind == "regular" and facts.categories else kind


def note_kind(kind: str, facts: Facts) -> str | None:
    """Return the sentence that a kind was replaced; None where it was not."""
    if choose_kind(kind, facts) == kind:
        return None
    return f"it is SMOTE-NC (kind={CATEGORICAL}), because the table has categories"


def refuse_few_rows(name: str, counts: Mapping[int, int], neighbours: int) -> None:
    """Refuse a class to fill up that has no more rows than it takes neighbours.

    Args:
        name: the regularizer.
        counts: the rows of each class that is to be filled up.
        neighbours: how many neighbours of its class a row needs.

    Raises:
        ConfigError: a class has too few rows.
    """
    least = min(counts.values(), default=neighbours + 1)
    if least <= neighbours:
        raise refuse(name, f"a class to fill up has {least} training rows; it takes more than neighbours={neighbours}")


def fill_up(name: str, rows: Rows, wanted: Mapping[int, int], recipe: Recipe, categories: Ranges) -> Rows:
    """Return the rows, followed by synthetic ones that fill classes up to the wanted numbers.

    A synthetic row weighs as much as the rows of its class on average.

    Args:
        name: the regularizer, for refusals.
        rows: the training rows.
        wanted: the final number of rows of each class to fill up.
        recipe: how.
        categories: columns of a table that encode one category each.

    Raises:
        ConfigError: a class is too small, or the kind finds no rows to start from.
    """
    counts = count_classes(rows)
    refuse_few_rows(name, {c: counts[c] for c in wanted}, recipe.neighbours)
    try:
        with np.errstate(invalid="ignore"):  # of clusters whose rows are all equal, which raises an error too
            x, labels = sample(values_of(rows), labels_of(rows).numpy(), wanted, recipe, categories)
    except (ValueError, RuntimeError) as reason:
        words = FAILURES.get(recipe.kind) or " ".join(str(reason).split()).rstrip(".")
        raise refuse(name, f"kind={recipe.kind}: {words}; take kind=regular") from None
    missing = [number for number in wanted if not (labels == number).any()]
    if missing and recipe.kind in BORDERLINE:  # imbalanced-learn leaves the class as it is and says nothing
        raise refuse(
            name,
            f"kind={recipe.kind} finds no row of class {missing[0]} (counted from 0) near those of other classes "
            "to start from; take kind=regular",
        )
    weights = _mean_weights(rows)
    added = Rows(
        x=torch.from_numpy(x).to(rows.x.dtype).view(-1, *rows.x.shape[1:]),
        y=torch.nn.functional.one_hot(torch.from_numpy(labels), rows.y.shape[1]).to(rows.y.dtype),
        weight=weights[torch.from_numpy(labels)],
    )
    return Rows(*(torch.cat(pair) for pair in zip(rows, added, strict=True)))


def sample(
    x: Values, labels: Values, wanted: Mapping[int, int], recipe: Recipe, categories: Ranges
) -> tuple[Values, Values]:
    """Return synthetic rows `[M, D]` and their classes `[M]`."""
    if recipe.kind != CATEGORICAL:
        made, classes = make_sampler(recipe, wanted).fit_resample(x, labels)
        return made[len(x) :], classes[len(x) :]
    coded = encode_categories(x, categories)
    made, classes = make_categorical_sampler(recipe, wanted, coded).fit_resample(coded.values, labels)
    return coded.decode(made[len(x) :]), classes[len(x) :]


def make_sampler(recipe: Recipe, wanted: Mapping[int, int]) -> Any:
    """Return imbalanced-learn's sampler of a kind for columns of numbers."""
    from imblearn import over_sampling

    common = {"sampling_strategy": dict(wanted), "random_state": recipe.seed}
    if recipe.kind == "adasyn":
        return over_sampling.ADASYN(n_neighbors=recipe.neighbours, **common)
    common["k_neighbors"] = recipe.neighbours
    if recipe.kind == "kmeans":
        return over_sampling.KMeansSMOTE(**common)
    if recipe.kind == "svm":
        return over_sampling.SVMSMOTE(m_neighbors=recipe.near, **common)
    if recipe.kind == "regular":
        return over_sampling.SMOTE(**common)
    return over_sampling.BorderlineSMOTE(kind=BORDERLINE[recipe.kind], m_neighbors=recipe.near, **common)


# -- categories ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Coded:
    """A table with each category as one column of codes, after the columns of numbers."""

    values: Values
    """`[N, numbers + categories]`."""
    plain: NDArray[np.int64]
    """Places of the columns of numbers in the original table."""
    ranges: Ranges
    levels: tuple[Values, ...]
    """Of each category, the values `[L, width]` that its columns have in the rows: codes number them."""

    def decode(self, values: Values) -> Values:
        """Return coded rows as rows of the original table, `[M, D]`."""
        width = len(self.plain) + sum(end - first for first, end in self.ranges)
        table = np.empty((len(values), width), dtype=self.values.dtype)
        table[:, self.plain] = values[:, : len(self.plain)]
        for place, ((first, end), levels) in enumerate(zip(self.ranges, self.levels, strict=True)):
            table[:, first:end] = levels[values[:, len(self.plain) + place].astype(np.int64)]
        return table


def encode_categories(x: Values, ranges: Ranges) -> Coded:
    """Return a table `[N, D]` with each category as one column of codes."""
    found = [_number_levels(x[:, first:end]) for first, end in ranges]
    inside = {column for first, end in ranges for column in range(first, end)}
    plain = np.array([column for column in range(x.shape[1]) if column not in inside], dtype=np.int64)
    codes = [codes[:, None].astype(x.dtype) for _, codes in found]
    return Coded(np.hstack([x[:, plain], *codes]), plain, ranges, tuple(levels for levels, _ in found))


def _number_levels(columns: Values) -> tuple[Values, NDArray[np.int64]]:
    """Return the different rows `[L, width]` of a category's columns, and for each row `[N]` the number of its own.

    One-hot rows are numbered in the order of their levels, which is the reverse of the order of their values.
    """
    sign = -1.0 if columns.shape[1] > 1 else 1.0
    levels, codes = np.unique(sign * columns, axis=0, return_inverse=True)
    return (sign * levels).astype(columns.dtype), codes.reshape(-1).astype(np.int64)


def make_categorical_sampler(recipe: Recipe, wanted: Mapping[int, int], coded: Coded) -> Any:
    """Return SMOTE-NC, or its relative SMOTE-N where a table has nothing but categories."""
    from imblearn.over_sampling import SMOTEN, SMOTENC

    common = {
        "sampling_strategy": dict(wanted),
        "random_state": recipe.seed,
        "k_neighbors": recipe.neighbours,
    }
    numbers, columns = len(coded.plain), coded.values.shape[1]
    return SMOTENC(list(range(numbers, columns)), **common) if numbers else SMOTEN(**common)


def check_categories(name: str, kind: str, facts: Facts) -> None:
    """Refuse a kind that would make fractions of categories, or one that needs some.

    Raises:
        ConfigError: the kind does not fit the columns.
    """
    if kind == CATEGORICAL and not facts.categories:
        raise refuse(name, f"kind={CATEGORICAL} needs a table with a column of texts or truth values")
    if facts.categories and kind not in ("regular", CATEGORICAL):
        raise _refuse_kind(name, kind)


def _refuse_kind(name: str, kind: str) -> ConfigError:
    return refuse(
        name,
        f"kind={kind} would make fractions of categories, and the table has some; take kind={CATEGORICAL} (SMOTE-NC)",
    )


def _mean_weights(rows: Rows) -> Tensor:
    """Return the mean weight of the rows of each class, `[C]`; 0 for a class without rows."""
    labels, classes = labels_of(rows), rows.y.shape[1]
    total = rows.weight.new_zeros(classes).index_add_(0, labels, rows.weight)
    return total / labels.bincount(minlength=classes).clamp_min(1)
