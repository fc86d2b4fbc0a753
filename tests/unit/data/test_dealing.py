"""Units dealt into parts: whole, of the right sizes and with the right classes, wherever that is possible."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from regbench.data.dealing import deal


@settings(max_examples=60, deadline=None)
@given(pairs=st.integers(1, 30), classes=st.integers(1, 4), parts=st.integers(2, 6), seed=st.integers(0, 2**32 - 1))
def test_sizes_are_exact_where_rows_that_stand_alone_fill_them(pairs: int, classes: int, parts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    units = rng.permutation(np.concatenate([np.repeat(np.arange(pairs), 2), np.arange(pairs, 10 * pairs + 40)]))
    labels = rng.integers(0, classes, len(units))
    ends = np.sort(rng.choice(np.arange(1, len(units)), parts - 1, replace=False))
    sizes = np.diff([0, *ends, len(units)]).tolist()
    found = deal(units, labels, sizes, np.random.default_rng(seed))
    assert np.bincount(found, minlength=parts).tolist() == sizes or min(sizes) < 4
    assert all(len(set(found[units == unit])) == 1 for unit in range(pairs))
    counts = np.zeros((parts, classes))
    np.add.at(counts, (found, labels), 1)
    wanted = np.outer(np.array(sizes) / len(units), np.bincount(labels, minlength=classes))
    assert np.abs(counts - wanted).max() < 4


def test_folds_of_whole_groups_are_about_as_even_as_scikit_learns() -> None:
    """Distance from the wanted counts as in a chi-square, summed over folds and classes, mean over ten tables."""
    ours, theirs = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(60), rng.integers(2, 20, 60))
        y = rng.choice(3, len(groups), p=[0.5, 0.3, 0.2])
        wanted = np.bincount(y) / 5
        peer = np.zeros(len(groups), dtype=np.int64)
        for fold, (_, inside) in enumerate(StratifiedGroupKFold(5).split(groups, y, groups)):
            peer[inside] = fold
        sizes = [len(groups) // 5 + (fold < len(groups) % 5) for fold in range(5)]
        for found, distances in ((deal(groups, y, sizes, rng), ours), (peer, theirs)):
            counts = np.zeros((5, 3))
            np.add.at(counts, (found, y), 1)
            distances.append(((counts - wanted) ** 2 / wanted).sum())
    assert np.mean(ours) < 2 * np.mean(theirs)
    assert np.mean(ours) < 8, "rows dealt one by one by chance give (5 - 1) * 3 = 12"


def test_one_pair_is_in_each_part_as_often_as_other_rows() -> None:
    units = np.concatenate([[0, 0], np.arange(1, 99)])
    labels = np.arange(100) % 2
    labels[1] = 0
    tested = [deal(units, labels, [75, 25], np.random.default_rng(seed))[0] for seed in range(400)]
    assert abs(np.mean(tested) - 0.25) < 0.09, "four standard errors"


def test_the_largest_group_is_not_always_in_the_same_part() -> None:
    groups = np.repeat(np.arange(21), [20, *[4] * 20])
    found = {int(deal(groups, groups * 0, [50, 50], np.random.default_rng(seed))[0]) for seed in range(20)}
    assert found == {0, 1}
