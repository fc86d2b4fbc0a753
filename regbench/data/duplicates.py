"""Rows that are equal in all features, found exactly: hashed first, and compared value by value where hashes agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Columns, Numeric, Rows, Texts

Values: TypeAlias = NDArray[Any]
FEW_VALUES = 20
BLOCK = 1 << 15
"""Words that are hashed at a time, so few that they stay in the processor's cache."""

WORD = 8
"""Bytes of a word."""


def number_equal_rows(x: Values | Columns) -> Rows | None:
    """Return for each row the number of the first row with the same features; None where no two rows are equal.

    A missing value equals a missing value, and 0.0 equals -0.0.
    """
    hashes = _hash_array(x) if isinstance(x, np.ndarray) else _hash_columns(x)
    if _are_distinct(hashes):
        return None
    _, number, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    candidates = np.flatnonzero(counts[number] > 1)
    order = candidates[np.lexsort([column[candidates] for column in _iterate_columns(x)])]
    equal = np.ones(len(order) - 1, dtype=bool)
    for column in _iterate_columns(x):
        sorted_values = column[order]
        equal &= sorted_values[1:] == sorted_values[:-1]
    if not equal.any():
        return None
    runs = np.concatenate([[0], np.cumsum(~equal)])
    firsts = np.full(runs[-1] + 1, len(hashes))
    np.minimum.at(firsts, runs, order)
    numbers = np.arange(len(hashes))
    numbers[order] = firsts[runs]
    return numbers


def must_repeat(x: Values | Columns, among: Rows | None = None) -> bool:
    """Tell whether equal rows are no copies: all features together can take fewer values than there are rows.

    A table of sex and class has six different rows however many people it lists. A column of numbers or texts with more
    than 20 distinct ones counts as one that can take any. Only rows `among` these numbers count; None: all do.
    """
    rows, possible = 0, 1
    for values, is_open in zip(_iterate_columns(x), _are_open(x), strict=True):
        column = values if among is None else values[among]
        rows, distinct = len(column), len(np.unique(column))
        possible *= distinct
        if possible >= rows or (is_open and distinct > FEW_VALUES):
            return False
    return True


def _are_open(x: Values | Columns) -> Iterator[bool]:
    """Tell of each column whether it holds numbers or texts, which may take any value."""
    if isinstance(x, np.ndarray):
        yield from [True] * int(np.prod(x.shape[1:]))
    else:
        yield from (isinstance(column, (Numeric, Texts)) for column in x)


def _iterate_columns(x: Values | Columns) -> Iterator[Values]:
    """Yield the columns in a form in which equal cells are equal: NaN, which equals nothing, becomes infinity."""
    if isinstance(x, np.ndarray):
        flat = x.reshape(len(x), -1)
        yield from (flat[:, number] for number in range(flat.shape[1]))
        return
    for column in x:
        if isinstance(column, Numeric):
            yield np.where(np.isnan(column.values), np.inf, column.values)
        elif isinstance(column, Texts):
            from pandas import factorize

            yield factorize(np.array(column.texts, dtype=object))[0]
        else:
            yield column.codes


def _are_distinct(hashes: NDArray[np.uint64]) -> bool:
    """Tell whether no two hashes are equal: known sooner, and in less memory, than which ones are."""
    ordered = np.sort(hashes)
    return not bool((ordered[1:] == ordered[:-1]).any())


def _hash_columns(columns: Columns) -> NDArray[np.uint64]:
    total = np.zeros(0, dtype=np.uint64)
    for column, factor in zip(_iterate_columns(columns), _draw_factors(len(columns)), strict=True):
        total = total if len(total) else np.zeros(len(column), dtype=np.uint64)
        for start in range(0, len(column), BLOCK):
            block = column[start : start + BLOCK] + column.dtype.type(0)  # -0.0 + 0.0 is 0.0
            total[start : start + BLOCK] += hash_words(block.view(np.uint64)) * factor
    return total


def _hash_array(x: Values) -> NDArray[np.uint64]:
    """Hash the bytes of each row, eight at a time."""
    flat = x.reshape(len(x), -1)
    size = flat.shape[1] * flat.itemsize
    words = -(-size // WORD)
    factors, step = _draw_factors(words), max(1, BLOCK // words)
    padded = np.zeros((step, words * WORD), dtype=np.uint8)
    hashes = np.empty(len(flat), dtype=np.uint64)
    for start in range(0, len(flat), step):
        block = np.ascontiguousarray(flat[start : start + step] + flat.dtype.type(0))
        padded[: len(block), :size] = block.view(np.uint8)
        hashes[start : start + step] = (hash_words(padded[: len(block)].view(np.uint64)) * factors).sum(1)
    return hashes


def hash_words(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return other words, one for each, in which every bit depends on all (the finalizer of SplitMix64).

    Numbers differ in few bits, and the sums of products that hash a row lose the highest of them.
    """
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words ^ (words >> np.uint64(31))


def _draw_factors(count: int) -> NDArray[np.uint64]:
    """Return odd numbers, one a column, so that equal values in different columns are told apart."""
    return np.random.default_rng(0).integers(0, 2**63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
