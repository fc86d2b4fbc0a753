"""Rows drawn at random for a part, each class its share: the very rows that scikit-learn's `train_test_split` draws.

It lists every row as a Python number, which for a million rows takes more memory than ten of their columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Labels

Counts = NDArray[np.int64]


def draw_rows(count: int, size: int, seed: int, classes: Labels | None) -> NDArray[np.bool_]:
    """Return which of `count` rows are drawn, `size` of them.

    Args:
        count: the rows.
        size: how many are drawn.
        seed: of the draw.
        classes: `[count]` class numbers, of each of which a part is drawn and a part stays; None: they do not matter.
    """
    rng = np.random.RandomState(seed)
    drawn = np.zeros(count, dtype=np.bool_)
    if classes is None:
        drawn[rng.permutation(count)[:size]] = True
        return drawn
    counts = np.unique(classes, return_counts=True)[1]
    staying = _share_out(counts, count - size, rng)
    going = _share_out(counts - staying, size, rng)
    ends = np.cumsum(counts)
    by_class = np.argsort(classes, kind="stable")
    for start, end, stay, go in zip(ends - counts, ends, staying, going, strict=True):
        drawn[by_class[start:end][rng.permutation(end - start)[stay : stay + go]]] = True
    return drawn


def _share_out(counts: Counts, size: int, rng: np.random.RandomState) -> Counts:
    """Return how many of `size` rows each class gives: its share rounded down, then one more by the largest rests.

    Equal rests are drawn from.
    """
    exact = counts / counts.sum() * size
    shares = np.floor(exact)
    rests = exact - shares
    left = int(size - shares.sum())
    for rest in np.unique(rests)[::-1]:
        if left == 0:
            break
        equal = np.flatnonzero(rests == rest)
        chosen = rng.choice(equal, size=min(len(equal), left), replace=False)
        shares[chosen] += 1
        left -= len(chosen)
    whole: Counts = shares.astype(np.int64)
    return whole
