"""Indented JSON with short lines, against the standard library."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from regbench.store.json_text import format_lines, sort_keys

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_it_reads_back_equal_and_in_the_same_order(value: object) -> None:
    assert json.dumps(json.loads(format_lines(value))) == json.dumps(value)


@given(VALUES)
@settings(max_examples=200, deadline=None)
def test_sorted_keys_are_those_of_the_standard_library(value: object) -> None:
    assert json.dumps(sort_keys(value)) == json.dumps(value, sort_keys=True)


def test_no_line_of_an_object_is_longer_than_it_may_be() -> None:
    long = {f"figure_{number}": number / 3 for number in range(8)}
    assert format_lines(long).count("\n") == len(long) + 1
    assert format_lines({"short": 1, "list": [0.5] * 3}).count("\n") == 3
