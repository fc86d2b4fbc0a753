"""Equal rows are found exactly: against numpy's own comparison of whole rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.data import duplicates
from regbench.data.duplicates import must_repeat, number_equal_rows
from regbench.data.records import Categorical, Numeric


def expected(x: np.ndarray) -> np.ndarray:
    _, first, number = np.unique(x, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[number.reshape(-1)])


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 60), columns=st.integers(1, 4), values=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_each_row_gets_the_number_of_the_first_like_it(rows: int, columns: int, values: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, values, (rows, columns)).astype(np.float64)
    for array in (x, x.astype(np.uint8), x.reshape(rows, 1, columns)):
        found = number_equal_rows(array)
        assert np.array_equal(np.arange(rows) if found is None else found, expected(x))
    table = tuple(Numeric(str(place), x[:, place]) for place in range(columns))
    found = number_equal_rows(table)
    assert np.array_equal(np.arange(rows) if found is None else found, expected(x))


def test_missing_values_are_equal_and_so_are_both_zeros() -> None:
    table = (Numeric("a", np.array([np.nan, np.nan, 0.0, -0.0])), Categorical("b", np.array([-1, -1, 0, 0]), ("x",)))
    assert np.array_equal(number_equal_rows(table), [0, 0, 2, 2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_zeros_of_an_array_are_equal(dtype: type[np.floating]) -> None:
    assert np.array_equal(number_equal_rows(np.array([[0.0, 1.0, 0.0], [-0.0, 1.0, 0.0]], dtype=dtype)), [0, 0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_rows_that_differ_in_two_places_hardly_share_a_hash(dtype: type[np.number]) -> None:
    """All 4,950 rows with two ones among a hundred zeros: floats differ in their highest bits alone."""
    first, second = np.triu_indices(100, 1)
    x = np.zeros((len(first), 100), dtype=dtype)
    x[np.arange(len(x)), first] = x[np.arange(len(x)), second] = 1
    assert len(np.unique(duplicates._hash_array(x))) == len(x)


def test_columns_are_not_confused() -> None:
    assert number_equal_rows(np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 0.0], [0.0, 3.0]])) is None


def test_rows_whose_hashes_agree_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_hash_array", lambda x: np.zeros(len(x), dtype=np.uint64))
    x = np.random.default_rng(0).integers(0, 3, (50, 2)).astype(np.float64)
    assert np.array_equal(number_equal_rows(x), expected(x))
    assert number_equal_rows(np.arange(20.0)[:, None]) is None


@pytest.mark.parametrize(
    ("levels", "numbers", "rows", "repeats"),
    [((3, 2), (), 7, True), ((3, 2), (), 6, False), ((3,), (20,), 61, True), ((3,), (21,), 900, False)],
)
def test_repeats_are_unavoidable_where_possible_rows_are_few(
    levels: tuple[int, ...], numbers: tuple[int, ...], rows: int, repeats: bool
) -> None:
    names = [Categorical("c", np.arange(rows) % count, tuple("abc"[:count])) for count in levels]
    values = [Numeric("n", (np.arange(rows) % count).astype(np.float64)) for count in numbers]
    assert must_repeat((*names, *values)) is repeats
