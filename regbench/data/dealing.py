"""Rows dealt into parts of given sizes: units of several rows stay whole, and every part gets its share of each class.

Chance decides which units a part gets: they come in random order, and each goes where most is missing in proportion.
Of several orders the one counts whose parts are filled best. Rows that stand alone come last and fill what is left, so
where there are enough of them all sizes are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Floats, Rows

MOST_ORDERS, DEALT_AT_MOST = 64, 20_000
"""Random orders tried: 64, but in all not more than 20,000 units are dealt (at least one order)."""


@dataclass(frozen=True)
class Contents:
    """Rows of each unit by class: unit u has counts[i] rows of class classes[i] for starts[u] <= i < starts[u+1]."""

    starts: Rows
    classes: Rows
    counts: Rows

    def of(self, unit: int) -> list[tuple[int, int]]:
        """Return the classes of a unit, each with its number of rows."""
        own = slice(self.starts[unit], self.starts[unit + 1])
        return list(zip(self.classes[own].tolist(), self.counts[own].tolist(), strict=True))


def deal(units: Rows, classes: Rows, sizes: Sequence[int], rng: np.random.Generator) -> Rows:
    """Return the number of the part that each row goes to.

    Args:
        units: `[N]` rows of the same unit go to the same part.
        classes: `[N]` numbers of the classes, from 0; all 0 where proportions do not matter.
        sizes: rows that each part should get, together N.
        rng: decides which units go where.
    """
    _, unit, members = np.unique(units, return_inverse=True, return_counts=True)
    alone = members[unit] == 1
    share = np.asarray(sizes, dtype=np.float64) / len(units)
    wanted = share[:, None] * np.bincount(classes)
    parts = np.empty(len(units), dtype=np.int64)
    filled = np.zeros_like(wanted)
    if not alone.all():
        _, together = np.unique(unit[~alone], return_inverse=True)
        contents = _list_contents(together, classes[~alone])
        chosen = _deal_units(contents, wanted, rng)
        parts[~alone] = chosen[together]
        np.add.at(filled, (parts[~alone], classes[~alone]), 1)
    missing = np.asarray(sizes) - filled.sum(1).astype(np.int64)
    parts[alone] = _deal_rows(classes[alone], wanted - filled, missing, rng)
    return parts


def _list_contents(units: Rows, classes: Rows) -> Contents:
    width = int(classes.max()) + 1
    pairs, counts = np.unique(units * width + classes, return_counts=True)
    starts = np.searchsorted(pairs // width, np.arange(units.max() + 2))
    return Contents(starts, pairs % width, counts)


def _deal_units(contents: Contents, wanted: Floats, rng: np.random.Generator) -> Rows:
    """Return the part of each unit, from the order that overfills the parts least."""
    units = [contents.of(unit) for unit in range(len(contents.starts) - 1)]
    best, least = np.zeros(len(units), dtype=np.int64), np.inf
    for _ in range(max(1, min(MOST_ORDERS, DEALT_AT_MOST // len(units)))):
        chosen = _deal_in_order(units, rng.permutation(len(units)), wanted, rng.random(len(wanted)))
        overfull = _measure_excess(contents, chosen, wanted)
        if overfull < least:
            best, least = chosen, overfull
        if least == 0:
            break
    return best


def _deal_in_order(
    units: Sequence[list[tuple[int, int]]], order: NDArray[np.int64], wanted: Floats, phase: Floats
) -> Rows:
    """Give each unit in turn to the part where it lowers the distance to what is wanted most.

    The distance of a part is the sum over its classes, and over all its rows, of (filled - wanted)² / wanted, as in a
    chi-square. `phase` in [0, 1) lets every part begin a random share of a unit ahead, as if others had been dealt
    before: else the first unit would always go to the largest part.
    """
    totals = wanted.sum(1)
    ahead = phase * sum(count for unit in units for _, count in unit) / len(units)
    positive = np.maximum(wanted, 1e-9)
    want, total = positive.tolist(), totals.tolist()
    have, sums = (ahead[:, None] * positive / positive.min(0)).tolist(), (ahead * totals / totals.min()).tolist()
    chosen = np.empty(len(units), dtype=np.int64)
    for number in order.tolist():
        rows = sum(count for _, count in units[number])
        costs = [
            rows * (2 * (sums[part] - total[part]) + rows) / total[part]
            + sum(n * (2 * (have[part][c] - want[part][c]) + n) / want[part][c] for c, n in units[number])
            for part in range(len(total))
        ]
        part = costs.index(min(costs))
        chosen[number] = part
        sums[part] += rows
        for c, n in units[number]:
            have[part][c] += n
    return chosen


def _measure_excess(contents: Contents, chosen: Rows, wanted: Floats) -> float:
    """Return by how much units overfill the parts: rows beyond what is wanted, rounded up, squared, over the wanted."""
    filled = np.zeros_like(wanted)
    owners = np.repeat(chosen, np.diff(contents.starts))
    np.add.at(filled, (owners, contents.classes), contents.counts)
    excess = np.maximum(filled - np.ceil(wanted), 0.0) ** 2 / np.maximum(wanted, 1.0)
    totals = wanted.sum(1)
    return float(excess.sum() + (np.maximum(filled.sum(1) - totals, 0.0) ** 2 / totals).sum())


def _deal_rows(classes: Rows, needed: Floats, missing: Rows, rng: np.random.Generator) -> Rows:
    """Return the part of each row that stands alone.

    Args:
        classes: `[N]` their classes.
        needed: `[parts, classes]` rows that each part still lacks of each class.
        missing: `[parts]` rows that each part still lacks in all.
        rng: decides which row of a class goes where.
    """
    rest = np.bincount(classes, minlength=needed.shape[1])
    given = np.floor(_share_out(needed, rest)).astype(np.int64)
    left = missing - given.sum(1)
    for number in np.argsort(rest, kind="stable"):
        for _ in range(rest[number] - given[:, number].sum()):
            lacking = needed[:, number] - given[:, number]
            part = int(np.argmax(np.where(left > 0, lacking, -np.inf) if (left > 0).any() else lacking))
            given[part, number] += 1
            left[part] -= 1
    parts = np.empty(len(classes), dtype=np.int64)
    for number in np.flatnonzero(rest):
        own = rng.permutation(np.flatnonzero(classes == number))
        parts[own] = np.repeat(np.arange(len(given)), given[:, number])
    return parts


def _share_out(needed: Floats, rest: Rows) -> Floats:
    """Return the rows of each class that each part gets, as real numbers: in proportion to what it lacks."""
    lacking = np.maximum(needed, 0.0)
    sums = lacking.sum(0)
    equal = np.full_like(lacking, 1.0 / len(lacking))
    shares: Floats = np.divide(lacking, sums, out=equal, where=sums > 0)
    return shares * rest
