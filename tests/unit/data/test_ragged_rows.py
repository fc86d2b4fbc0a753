"""Rows of equal length are known by counting marks, never where Python's own reader would refuse a row."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from regbench.data.ragged_rows import has_equal_rows, refuse_ragged
from regbench.errors import ConfigError


def is_refused(table: str, separator: str) -> bool:
    try:
        refuse_ragged(table, separator, '"', "t.csv")
    except ConfigError:
        return True
    return False


@settings(max_examples=500, deadline=None)
@given(table=st.text('ab,;\n\r" \0é', max_size=24), separator=st.sampled_from(",;é"))
@example(table="a,b\n1,2\n\n3", separator=",")
@example(table="a,b\r1,2\r", separator=",")
@example(table='a,b\n"1,2",3\n', separator=",")
def test_no_table_passes_that_is_refused(table: str, separator: str) -> None:
    if has_equal_rows(table.encode(), separator, '"'):
        assert not is_refused(table, separator)


@settings(max_examples=300, deadline=None)
@given(
    rows=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_plain_tables_are_told_apart_as_by_the_careful_reader(rows: list[int], end: str, last: bool) -> None:
    table = end.join("" if count == 0 else ",".join("1" * count) for count in rows) + end * last
    told = has_equal_rows(table.encode(), ",", '"')
    assert told is (bool(table) and len({count for count in rows if count}) <= 1)
    assert told is not is_refused(table, ",") or not table
