"""Digits that are no numbers, looked for in the bytes of a table: the fast search against a pattern."""

from __future__ import annotations

import csv
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.data.digit_texts import BLOCK, find_digit_texts, has_leading_zeros

CELLS = st.text("0012.-+e ,", max_size=8)


@given(st.lists(CELLS, min_size=1, max_size=6), st.sampled_from(",;\t|"))
def test_leading_zeros_are_found_where_the_pattern_finds_them(cells: list[str], separator: str) -> None:
    text = separator.join(cells)
    start = rf"(?:^|[\r\n \t\"{re.escape(separator)}])[+-]?0\d"
    assert has_leading_zeros(text.encode(), separator, '"') == bool(re.search(start, text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("007,1\n", True),
        ("1,-01\n", True),
        ('1,"02"\n', True),
        ("1, 03\n", True),
        ("0,0.01,1e05,1.2e-05,100,10.007\n", False),
        ("-0.5,+0,0\n", False),
        ("", False),
        ("0", False),
    ],
)
def test_a_zero_before_a_digit_begins_a_code_only_at_the_start_of_a_cell(text: str, told: bool) -> None:
    assert has_leading_zeros(text.encode(), ",", '"') is told


TABLE_CELLS = ("7", "007", " +01 ", "0.5", "1.234", "12,5", "1.234,5", "1234567890123456", "a", "", '"x""0"', "0\n1")


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(st.sampled_from(TABLE_CELLS), min_size=2, max_size=2), max_size=6),
    many=st.sampled_from([0, 300]),
    divide=st.booleans(),
)
def test_columns_of_codes_are_those_of_their_cells(rows: list[list[str]], many: int, divide: bool) -> None:
    rows = [["1", "2"]] * many + rows
    quoted = ([cell.replace('"', '""') for cell in row] for row in rows)
    head = "".join(f'"{first}";"{second}"\n' for first, second in quoted)
    divide_in_all = divide or any(re.fullmatch(r"\d[\d.]*,\d+", cell) for row in rows for cell in row)
    expected = set()
    for name, cells in zip("ab", zip(*rows, strict=True), strict=True) if rows else ():
        codes = any(re.fullmatch(r"\s*\+?(0\d+|\d{16,})\s*", cell) for cell in cells)
        pointed = any(re.fullmatch(r"\d{1,3}(\.\d{3})+", cell) for cell in cells)
        expected |= {name} if codes or (divide_in_all and pointed) else set()
    assert find_digit_texts(f"a;b\n{head}1;2;3\n", ["a", "b"], ";", '"', divide) == expected


def test_rows_before_one_that_cannot_be_read_count() -> None:
    before = csv.field_size_limit(100)
    try:
        assert find_digit_texts(f"a,b\n007,1\n{'x' * 101},2\n", ["a", "b"], ",", '"', False) == {"a"}
    finally:
        csv.field_size_limit(before)


@pytest.mark.parametrize("place", range(BLOCK - 4, BLOCK + 4))
def test_leading_zeros_at_the_ends_of_blocks_are_seen(place: int) -> None:
    before = b"1," * BLOCK
    assert not has_leading_zeros(before, ",", '"')
    text = before[:place].rstrip(b",") + b"\n"
    assert has_leading_zeros(text + b"07,1\n" + before, ",", '"')
    assert has_leading_zeros(text + b"-07,1\n" + before, ",", '"')
    assert not has_leading_zeros(text + b"107,1\n" + before, ",", '"')
