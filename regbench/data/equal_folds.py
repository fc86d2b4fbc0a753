"""Folds of one size: rows by which a fold is larger than the others are in none, and so always train."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Floats, Rows

EQUAL_STREAM = 4
NO_FOLD = -1


def level_folds(numbers: Rows, folds: int, units: Rows | None, classes: Rows, seed: int) -> Rows:
    """Return the fold of each row `[N]`, NO_FOLD for those left over, so that a fold has floor(N / folds) rows.

    Each fold gives up what is largest beyond its share of the classes, whole units at a time. A fold stays larger where
    no unit is small enough, and smaller where it was.

    Args:
        numbers: `[N]` the fold of each row.
        folds: how many there are.
        units: `[N]` rows of the same unit stay together; None: every row stands alone.
        classes: `[N]` numbers of the classes, from 0; all 0 where proportions do not matter.
        seed: decides between rows that are equally good to leave out.
    """
    size = len(numbers) // folds
    wanted: Floats = np.bincount(classes) * np.float64(size / len(numbers))
    rng = np.random.default_rng([seed, EQUAL_STREAM])
    levelled = numbers.copy()
    for fold in range(folds):
        own = np.flatnonzero(numbers == fold)
        alone = np.arange(len(own)) if units is None else np.unique(units[own], return_inverse=True)[1]
        levelled[own[_choose_spare(alone, classes[own], wanted, len(own) - size, rng)]] = NO_FOLD
    return levelled


def _choose_spare(
    units: Rows, classes: Rows, wanted: Floats, excess: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which rows `[n]` of a fold are left out: at most `excess`, as many as whole units allow."""
    sizes = np.bincount(units)
    order = rng.permutation(len(sizes))
    spare = np.zeros(len(units), dtype=np.bool_)
    fits = sizes[order] <= excess
    while fits.any():
        surplus = np.bincount(classes[~spare], minlength=len(wanted)) - wanted
        means = np.bincount(units, weights=surplus[classes])[order] / sizes[order]
        place = int(np.argmax(np.where(fits, means, -np.inf)))
        spare |= units == order[place]
        excess -= int(sizes[order[place]])
        fits &= sizes[order] <= excess
        fits[place] = False
    return spare
