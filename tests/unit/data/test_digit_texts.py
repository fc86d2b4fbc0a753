"""Digits that are no numbers, looked for in the bytes of a table: the fast search against a pattern."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.data.digit_texts import has_leading_zeros

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
