"""What a person should know of their data before anything is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from regbench.data.dataset import Dataset
from regbench.data.duplicates import number_equal_rows
from regbench.data.preparing import prepare
from regbench.data.reading import Reading
from regbench.data.records import Categorical, Column, Floats, Labels, Numeric, Raw, Rows, Texts
from regbench.data.splitting import split_rows
from regbench.tasks import Task

BINS = 10
TELLS_ALL = 0.99
"""Share of held-out rows (classes) or of the variance (numbers) above which one column alone is suspected of a leak."""

MOST_ROWS = 20_000
"""Training rows that the search for leaks looks at."""


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column of the source.

    `histogram` counts the values in equal bins from `low` to `high`; of a category, the rows of its most frequent
    levels, from the most frequent. `alone` is how well the column alone tells the target of held-out rows: the share of
    right classes, or R² of numbers; None where that was not asked.
    """

    name: str
    kind: str
    missing: int
    distinct: int
    low: float | str
    high: float | str
    histogram: tuple[int, ...]
    alone: float | None = None
    leaks: bool = False


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The data of a run, as its settings read and split them.

    `targets` are the columns of the numbers or labels to predict; `classes` counts the rows of each class, by name.
    `duplicates` counts the held-out rows that are equal to a training row in every input, `contradictions` those of
    them with another target.
    """

    reading: Reading
    columns: tuple[ColumnProfile, ...]
    targets: tuple[ColumnProfile, ...]
    classes: tuple[tuple[str, int], ...]
    duplicates: int
    contradictions: int
    held_out: int


def profile(dataset: Dataset) -> Profile:
    """Read a data set and describe it.

    Raises:
        ConfigError: it cannot be read or split as its settings say.
    """
    raw = dataset.read()
    train, val, test, _ = split_rows(raw, dataset)
    held_out = np.concatenate([val, test])
    duplicates, contradictions = count_duplicates(raw, train, held_out)
    return Profile(
        reading=prepare(dataset, raw).reading,
        columns=tuple(_mark_leak(_describe(column), column, raw, train, held_out) for column in list_columns(raw)),
        targets=describe_targets(raw),
        classes=count_classes(raw),
        duplicates=duplicates,
        contradictions=contradictions,
        held_out=len(held_out),
    )


def list_columns(raw: Raw) -> Sequence[Column]:
    """Return the columns of a table; none of series and images."""
    if not isinstance(raw.x, np.ndarray):
        return raw.x
    if raw.layout != "table":
        return ()
    return [Numeric(name, raw.x[:, place].astype(np.float64)) for place, name in enumerate(raw.features)]


def describe_targets(raw: Raw) -> tuple[ColumnProfile, ...]:
    """Return the columns of the numbers or labels to predict; none where there are classes."""
    if raw.task == Task.CLASSIFICATION:
        return ()
    kind = "truth" if raw.task == Task.MULTILABEL else "number"
    columns = zip(raw.outputs or ("target",), raw.y.reshape(len(raw.y), -1).T, strict=True)
    return tuple(_describe(Numeric(name, values, kind)) for name, values in columns)


def count_classes(raw: Raw) -> tuple[tuple[str, int], ...]:
    """Return the rows of each class, by name; none for numbers."""
    if raw.task != "classification":
        return ()
    counts = np.bincount(raw.y, minlength=len(raw.classes))
    return tuple(zip(raw.classes, counts.tolist(), strict=True))


def count_duplicates(raw: Raw, train: Rows, held_out: Rows) -> tuple[int, int]:
    """Return how many held-out rows equal a training row in every input, and how many of them differ in the target."""
    equal = number_equal_rows(raw.x)
    if equal is None:
        return 0, 0
    target = np.unique(raw.y, axis=0, return_inverse=True)[1].reshape(-1)
    both = equal * (target.max() + 1) + target
    repeats = np.isin(equal[held_out], equal[train])
    agrees = np.isin(both[held_out], both[train])
    return int(repeats.sum()), int((repeats & ~agrees).sum())


def tell_alone(column: Numeric | Categorical, y: Labels, train: Rows, held_out: Rows, task: str) -> float:
    """Return how well one column alone tells the target of held-out rows: share of right classes, or R².

    Numbers are cut by a small decision tree, names told apart by the mean or the most frequent class of their level.
    """
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    chosen = train[:MOST_ROWS] if len(train) <= MOST_ROWS else train[:: len(train) // MOST_ROWS + 1]
    x = _as_inputs(column)
    if task == "classification":
        tree = DecisionTreeClassifier(max_leaf_nodes=max(8, 4 * len(np.unique(y))), random_state=0)
        return float(accuracy_score(y[held_out], tree.fit(x[chosen], y[chosen]).predict(x[held_out])))
    regression = DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
    return float(r2_score(y[held_out], regression.fit(x[chosen], y[chosen]).predict(x[held_out])))


def _mark_leak(found: ColumnProfile, column: Column, raw: Raw, train: Rows, held_out: Rows) -> ColumnProfile:
    """Say how well a column alone tells the target, or that of several targets which it tells best."""
    if len(held_out) < BINS or isinstance(column, Texts):
        return found
    varied = [y for y in raw.y.reshape(len(raw.y), -1).T if np.ptp(y[held_out]) > 0]
    if not varied:
        return found
    told = [_tell_one(column, y, raw.task, train, held_out) for y in varied]
    return replace(found, alone=max(alone for alone, _ in told), leaks=any(leaks for _, leaks in told))


def _tell_one(column: Numeric | Categorical, y: Labels, task: str, train: Rows, held_out: Rows) -> tuple[float, bool]:
    """Return how well a column alone tells a target `[N]`, and whether that is suspicious."""
    if task == Task.MULTILABEL:
        y, task = y.astype(np.int64), Task.CLASSIFICATION
    alone = tell_alone(column, y, train, held_out, task)
    usual = np.bincount(y[held_out]).max() / len(held_out) if task == Task.CLASSIFICATION else 0.0
    # Where nearly all rows are of one class, any column reaches such a share.
    return alone, alone > usual and alone >= max(TELLS_ALL, (1.0 + usual) / 2)


def _describe(column: Column) -> ColumnProfile:
    if isinstance(column, Categorical):
        return _describe_levels(column)
    if isinstance(column, Texts):
        return _describe_texts(column)
    known = column.values[~np.isnan(column.values)]
    counts = np.histogram(known, bins=BINS)[0] if len(known) else np.zeros(BINS, dtype=np.int64)
    return ColumnProfile(
        name=column.name,
        kind=f"{column.kind} ({column.read_as})" if column.read_as else column.kind,
        missing=len(column.values) - len(known),
        distinct=len(np.unique(known)),
        low=_show(column.kind, known.min()) if len(known) else "",
        high=_show(column.kind, known.max()) if len(known) else "",
        histogram=tuple(counts.tolist()),
    )


def _describe_levels(column: Categorical) -> ColumnProfile:
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    order = np.argsort(-counts, kind="stable")
    return ColumnProfile(
        name=column.name,
        kind="category",
        missing=int((column.codes < 0).sum()),
        distinct=int((counts > 0).sum()),
        low=column.levels[order[0]],
        high=column.levels[order[min(1, len(order) - 1)]] if len(order) > 1 else "",
        histogram=tuple(counts[order][:BINS].tolist()),
    )


def _describe_texts(column: Texts) -> ColumnProfile:
    """Describe texts by their lengths in characters."""
    lengths = np.array([len(text) for text in column.texts])
    return ColumnProfile(
        name=column.name,
        kind="text",
        missing=int((lengths == 0).sum()),
        distinct=len(set(column.texts)),
        low=f"{lengths.min()} characters",
        high=f"{lengths.max()} characters",
        histogram=tuple(np.histogram(lengths, bins=BINS)[0].tolist()),
    )


def _show(kind: str, value: float) -> float | str:
    """Return a value as the person wrote it: days since 1970 as a date."""
    return str(np.datetime64(round(value), "D")) if kind == "date" else float(value)


def _as_inputs(column: Numeric | Categorical) -> Floats:
    """Return a column `[N, L]` as a tree takes it: numbers, missing ones far below; each frequent level by itself."""
    if isinstance(column, Numeric):
        known = column.values[~np.isnan(column.values)]
        below = known.min() - 1.0 if len(known) else 0.0
        return np.where(np.isnan(column.values), below, column.values)[:, None]
    order = np.argsort(-np.bincount(column.codes + 1, minlength=len(column.levels) + 1), kind="stable")[:50]
    marks: NDArray[np.bool_] = (column.codes + 1)[:, None] == order[None, :]
    return marks.astype(np.float64)
