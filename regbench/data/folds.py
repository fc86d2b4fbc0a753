"""Rows dealt into folds at random: the very folds of scikit-learn's `KFold` and `StratifiedKFold`, shuffled.

Importing it takes as long as importing torch does, and every worker of a sweep would.
"""

from __future__ import annotations

import numpy as np

from regbench.data.records import Labels, Rows


def number_folds(count: int, folds: int, seed: int, classes: Labels | None) -> Rows:
    """Return the number of the fold of each of `count` rows, `[count]`; sizes differ by one row at most.

    Args:
        count: the rows.
        folds: how many, not more than there are rows.
        seed: of the shuffle.
        classes: `[count]` class numbers, which each fold has in proportion; None: they do not matter.
    """
    rng = np.random.RandomState(seed)
    numbers = np.empty(count, dtype=np.int64)
    if classes is None:
        order = np.arange(count)
        rng.shuffle(order)
        numbers[order] = np.sort(np.arange(count) % folds)
        return numbers
    _, first, inverse = np.unique(classes, return_index=True, return_inverse=True)
    by_appearance = np.argsort(np.argsort(first))[inverse]  # classes are numbered as they appear
    ordered = np.sort(by_appearance)
    shares = np.array([np.bincount(ordered[fold::folds], minlength=len(first)) for fold in range(folds)])
    for number in range(len(first)):
        own = np.arange(folds).repeat(shares[:, number])
        rng.shuffle(own)
        numbers[by_appearance == number] = own
    return numbers
