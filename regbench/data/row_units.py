"""Rows that belong together, by a group or because they are equal, and what is said where parts tear them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from regbench.data.dataset import SplitRule
from regbench.data.duplicates import must_repeat, number_equal_rows
from regbench.data.records import FREE, Raw, Rows

NOTED = 0.1
"""Share of its size by which a part of whole groups may miss what was asked for without a word."""


class Units(NamedTuple):
    """Rows that belong together.

    `numbers` `[N]` are equal for rows that must not be torn apart; None where every row stands alone.
    `equal` `[N]` are equal for rows with the same features; None where there are none, or where it does not matter.
    """

    numbers: Rows | None
    equal: Rows | None
    notes: tuple[str, ...]


def find_units(raw: Raw, rule: SplitRule) -> Units:
    """Return which rows of a source belong together: those of its groups, and equal rows unless they may be apart.

    Rows whose part the source gives have no say in how the others are cut.
    """
    if rule.duplicates == "apart":
        return Units(raw.groups, None, ())
    equal = number_equal_rows(raw.x)
    if equal is None:
        return Units(raw.groups, None, ())
    free = None if raw.roles is None else np.flatnonzero(raw.roles == FREE)
    numbers = equal if free is None else _number_among(equal, free)
    count = len(numbers) - len(np.unique(numbers))
    if must_repeat(raw.x, free):
        note = (
            f"{count} row(s) repeat another in all features, as they must where all features together take fewer "
            "values than there are rows; equal rows may lie in different parts"
        )
        return Units(raw.groups, None, (note,))
    if rule.method == "time" or count == 0:
        return Units(raw.groups, equal, ())
    note = (
        f"{count} row(s) repeat another in all features; equal rows are kept in one part "
        "(dataset.split.duplicates=apart if they are different cases)"
    )
    return Units(numbers if raw.groups is None else join_groups(raw.groups, numbers), equal, (note,))


def _number_among(equal: Rows, free: Rows) -> Rows:
    """Return numbers `[N]` of equal rows: that of the first free one for every free row, their own for all others."""
    _, first, place = np.unique(equal[free], return_index=True, return_inverse=True)
    numbers = np.arange(len(equal))
    numbers[free] = free[first[place]]
    return numbers


def join_groups(one: Rows, other: Rows) -> Rows:
    """Return numbers `[N]` equal for rows that share a group of one kind or of the other, also by way of other rows."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = (np.unique(numbers, return_inverse=True)[1] for numbers in (one, other))
    size = int(first.max()) + 1
    nodes = size + int(second.max()) + 1
    edges = coo_array((np.ones(len(first), dtype=np.int8), (first, size + second)), shape=(nodes, nodes))
    _, labels = connected_components(edges, directed=False)
    joined: Rows = labels[first].astype(np.int64)
    return joined


def describe_size(part: str, rows: int, wanted: int) -> Iterator[str]:
    """Yield a note where whole groups made a part much smaller or larger than it was to be."""
    if abs(rows - wanted) > NOTED * wanted:
        yield f"the {part} part has {rows} rows, {wanted} were asked for: rows that belong together are not torn apart"


def describe_torn(raw: Raw, units: Units, train: Rows, val: Rows, test: Rows) -> Iterator[str]:
    """Yield a note for equal rows and for groups in more than one part, as there may be by time or in given parts."""
    for part, rows, others in (("validation", val, train), ("test", test, np.concatenate([train, val]))):
        if units.equal is None or len(rows) == 0:
            continue
        count = int(np.isin(units.equal[rows], units.equal[others]).sum())
        if count:
            yield f"{count} of {len(rows)} {part} row(s) equal a row of an earlier part in all features"
    if raw.groups is not None:
        held_out = np.concatenate([val, test])
        torn = np.intersect1d(raw.groups[train], raw.groups[held_out])
        if len(torn):
            yield f"{len(torn)} group(s) have rows in training and among those held out"
