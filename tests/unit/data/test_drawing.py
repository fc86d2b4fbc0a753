"""Rows drawn for a part are those of scikit-learn's `train_test_split`, and take little memory."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from pandas.util import hash_array
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from regbench.data.drawing import draw_rows
from regbench.data.duplicates import hash_words
from regbench.data.folds import number_folds


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


@pytest.mark.parametrize("seed", range(100))
def test_folds_are_those_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    count = int(generator.integers(8, 300))
    classes = None if seed % 4 == 0 else generator.permutation(draw_classes(generator, count))
    most = count if classes is None else int(np.bincount(classes).max())
    folds = int(generator.integers(2, max(3, min(12, most) + 1)))
    if folds > most:
        return
    kind = KFold if classes is None else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer rows than folds
        cuts = kind(folds, shuffle=True, random_state=seed).split(np.arange(count), classes)
        expected = [inside.tolist() for _, inside in cuts]
    numbers = number_folds(count, folds, seed, classes)
    assert [np.flatnonzero(numbers == fold).tolist() for fold in range(folds)] == expected


@pytest.mark.parametrize("kind", [np.float64, np.int64])
def test_hashes_are_those_of_pandas(kind: type[np.generic]) -> None:
    values = (np.random.default_rng(0).standard_normal(500) * 100).astype(kind)
    assert np.array_equal(hash_words(values.view(np.uint64)), hash_array(values))


def test_a_bundled_data_set_is_read_without_importing_what_takes_long() -> None:
    """scikit-learn and pandas take each worker of a sweep longer to import than a run may take to begin."""
    program = (
        "import sys; from regbench.data.loading import load; load({'name': 'digits'}); load({'name': 'digits', "
        "'split': {'method': 'folds', 'folds': 5, 'fold': 1}}); "
        "print({'sklearn', 'pandas', 'scipy'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"


def test_a_draw_takes_memory_for_a_few_columns_only() -> None:
    count = 200_000
    classes = np.arange(count) % 2
    tracemalloc.start()
    draw_rows(count, count // 5, 0, classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 8 * count
