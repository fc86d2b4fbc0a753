"""Rows of text tables that have more or fewer fields than the header: found by counting marks, and named by line."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np

from regbench.errors import ConfigError

LINE_FEED, CARRIAGE_RETURN = 10, 13


def has_equal_rows(table: bytes, separator: str, quote: str) -> bool:
    """Tell whether all rows are sure to have as many fields as the first; empty lines are none.

    False says nothing: fields in quotes, lines that end with a carriage return alone, zero bytes and separators beyond
    ASCII are left to `refuse_ragged`, which reads field by field.
    """
    mark = separator.encode()
    if len(mark) != 1 or quote.encode() in table or b"\0" in table or not table:
        return False
    if table.count(b"\r") != table.count(b"\r\n"):
        return False
    marks = np.frombuffer(table, dtype=np.uint8)
    ends = np.flatnonzero(marks == LINE_FEED)
    if not len(ends) or ends[-1] != len(marks) - 1:
        ends = np.append(ends, len(marks))
    starts = np.append(0, ends[:-1] + 1)
    separators = np.searchsorted(np.flatnonzero(marks == mark[0]), ends)
    fields = np.diff(separators, prepend=0)
    empty = (ends == starts) | ((ends == starts + 1) & (marks[starts] == CARRIAGE_RETURN))
    return len(np.unique(fields[~empty])) <= 1


def refuse_ragged(table: str, separator: str, quote: str, path: str) -> None:
    """Refuse a text table with a row of more or fewer fields than its header, an open quote, or a zero byte.

    Raises:
        ConfigError: names the line.
    """
    before, zero, _ = table.partition("\0")
    if zero:
        raise ConfigError(
            f"{path}: line {before.count(chr(10)) + 1} has a zero byte, which no text has; save the file as UTF-8"
        )
    width = 0
    limit = csv.field_size_limit(sys.maxsize)  # a cell may be as long as the file; the limit is the module's own
    rows = csv.reader(io.StringIO(table, newline=""), delimiter=separator, quotechar=quote, strict=True)
    try:
        for fields in rows:
            width = width or len(fields)
            if fields and len(fields) != width:
                raise ConfigError(
                    f"{path}: line {rows.line_num} has {len(fields)} field(s), the header has {width}; they must agree"
                )
    except csv.Error as reason:
        raise ConfigError(f"{path}: line {rows.line_num}: {reason}") from None
    finally:
        csv.field_size_limit(limit)
