"""Columns that look like keys (a patient, a session) and whose rows the split has torn apart: figures too good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Categorical, Columns, Floats, Numeric, Raw, Rows, Texts

FEWEST_VALUES = 10
SAMPLED_ROWS, SAMPLED_COLUMNS = 2_000, 30
MOST_SEARCHED = 100
"""Features beyond which only the columns that were left out are searched for keys."""

CONSTANT, DROP = 0.8, 0.2


class Key(NamedTuple):
    """A column whose values may name what rows belong to: `ranks` `[N]` number the values in order, -1 for missing."""

    name: str
    ranks: Rows
    values: int


def find_torn_keys(raw: Raw, train: Rows, held_out: Rows) -> Iterator[str]:
    """Yield a note for each column that looks like a key and has values both in training and among rows held out.

    A key has at least 10 values, each in two rows on average or more, and its rows are alike: within a value most of
    the features, or the target, vary by less than a fifth of what they vary in all (unbiased variances). What tells a
    key from a quantity that rises with the features is that two neighbouring values have nothing in common: taken
    together, their rows are much less alike.
    """
    if isinstance(raw.x, np.ndarray):
        return
    rng = np.random.default_rng(0)
    searched = (*raw.aside, *(raw.x if len(raw.x) <= MOST_SEARCHED else ()))
    for key in _list_candidates(searched):
        torn = len(np.intersect1d(key.ranks[train], key.ranks[held_out]))
        if torn and _binds_rows(key, raw, rng):
            yield (
                f"column {key.name!r} looks like a key: rows of one value are alike, and {torn} of its {key.values} "
                "values have rows both in training and among those held out, so figures may be too good; "
                f"dataset.split.method=groups dataset.split.groups={key.name} keeps them together"
            )


def _list_candidates(columns: Columns) -> Iterator[Key]:
    from pandas import factorize

    for column in columns:
        if isinstance(column, Categorical):
            values: NDArray[np.generic] = np.where(column.codes < 0, np.nan, column.codes)
        elif isinstance(column, Numeric) and column.kind == "number" and _are_whole(column.values):
            values = column.values
        else:
            continue
        ranks, found = factorize(values, sort=True)
        known = int((ranks >= 0).sum())
        if FEWEST_VALUES <= len(found) <= known / 2:
            yield Key(column.name, ranks.astype(np.int64), len(found))


def _are_whole(values: Floats) -> bool:
    """Tell whether all values are whole numbers or missing; most columns that are not show it at once."""
    with np.errstate(invalid="ignore"):
        return all((np.isnan(own) | (own == np.round(own))).all() for own in (values[:SAMPLED_ROWS], values))


def _binds_rows(key: Key, raw: Raw, rng: np.random.Generator) -> bool:
    rows = _sample_rows(key, rng)
    ranks = key.ranks[rows]
    assert not isinstance(raw.x, np.ndarray)
    others = [column for column in raw.x if column.name != key.name and not isinstance(column, Texts)]
    chosen = [others[number] for number in rng.permutation(len(others))[:SAMPLED_COLUMNS]]
    alike = [_is_alike(ranks, _to_numbers(column, rows)) for column in chosen]
    known = [one for one in alike if one is not None]
    target = raw.y[rows].astype(np.float64) if not raw.classes else np.eye(len(raw.classes))[raw.y[rows]]
    return sum(known) > len(known) / 2 or _is_alike(ranks, target.reshape(len(rows), -1)) is True


def _sample_rows(key: Key, rng: np.random.Generator) -> Rows:
    """Return all rows of some values, taken in pairs of neighbours, about 2,000 rows in all."""
    counts = np.bincount(key.ranks[key.ranks >= 0], minlength=key.values)
    pairs = rng.permutation((key.values + 1) // 2)
    sizes = np.add.reduceat(counts, np.arange(0, key.values, 2))[pairs]
    taken = pairs[: max(FEWEST_VALUES // 2, int(np.searchsorted(np.cumsum(sizes), SAMPLED_ROWS)) + 1)]
    return np.flatnonzero((key.ranks >= 0) & np.isin(key.ranks // 2, taken))


def _to_numbers(column: Numeric | Categorical, rows: Rows) -> Floats:
    """Return a column as numbers `[rows, 1]`, or a 0/1 column for each of its most frequent names."""
    if isinstance(column, Numeric):
        values = column.values[rows]
        gone = np.isnan(values)
        filled: Floats = np.where(gone, values[~gone].mean() if not gone.all() else 0.0, values)
        return filled[:, None]
    codes = column.codes[rows]
    names, counts = np.unique(codes, return_counts=True)
    frequent = names[np.argsort(-counts, kind="stable")[:SAMPLED_COLUMNS]]
    indicators: Floats = (codes[:, None] == frequent).astype(np.float64)
    return indicators


def _is_alike(ranks: Rows, values: Floats) -> bool | None:
    """Tell whether rows of one rank are alike and rows of two neighbouring ranks are not; None where all are equal."""
    own = _share_explained(ranks, values)
    if own is None:
        return None
    paired = _share_explained(ranks // 2, values)
    return own >= CONSTANT and paired is not None and own - paired >= DROP


def _share_explained(groups: Rows, values: Floats) -> float | None:
    """Return 1 - (variance within groups) / (variance in all), both unbiased, summed over columns `[N, columns]`.

    Groups that have nothing to do with the values give 0 in expectation, however small they are.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of values whose squares overflow nothing can be said
        scaled = values - values.mean(0)
        total = float((scaled**2).sum())
        size = float((values**2).sum())
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if not np.isfinite(total) or total <= 1e-12 * max(1.0, size) or len(counts) >= len(values):
        return None
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, number, scaled)
    within = total - float((sums**2 / counts[:, None]).sum())
    return 1.0 - (within / (len(values) - len(counts))) / (total / (len(values) - 1))
