"""Rows drawn for a part are those of scikit-learn's `train_test_split`, and take little memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from regbench.data.drawing import draw_rows


def draw_classes(generator: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Return classes of unequal or of equal sizes, at least two rows of each."""
    most = int(generator.integers(1, min(12, count // 2) + 1))
    if generator.random() < 0.5:
        return np.arange(count) % most
    return np.concatenate([np.repeat(np.arange(most), 2), generator.integers(most, size=count - 2 * most)])


@pytest.mark.parametrize("seed", range(200))
def test_rows_are_those_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count = int(generator.integers(8, 300))
    classes = None if seed % 4 == 0 else draw_classes(generator, count)
    fewest = 1 if classes is None else int(classes.max()) + 1
    if count < 2 * fewest:
        return
    size = int(generator.integers(fewest, count - fewest + 1))
    kept, taken = train_test_split(np.arange(count), test_size=size, random_state=seed, stratify=classes)
    drawn = draw_rows(count, size, seed, classes)
    assert np.array_equal(np.flatnonzero(drawn), np.sort(taken))
    assert np.array_equal(np.flatnonzero(~drawn), np.sort(kept))


def test_a_draw_takes_memory_for_a_few_columns_only() -> None:
    count = 200_000
    classes = np.arange(count) % 2
    tracemalloc.start()
    draw_rows(count, count // 5, 0, classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 8 * count
