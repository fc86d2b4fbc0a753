"""Digits in text tables that are no numbers, or not those that they look like: codes, long keys, divided thousands."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

CODE = re.compile(r"\s*[+-]?(0\d+|\d{16,})\s*")
"""Digits that as a number would lose something: zeros at the front, or what float64 does not tell apart."""

POINTED = re.compile(r"\s*[+-]?\d{1,3}(\.\d{3})+\s*")
COMMA = re.compile(r"\s*[+-]?\d[\d.]*,\d+\s*")

LONG = 1e15
"""The smallest number of 16 digits."""

ZERO, POINT = ord("0"), ord(".")
SIGNS = np.frombuffer(b"+-", dtype=np.uint8)
EDGES = b"\r\n \t"


def find_digit_texts(head: str, header: Sequence[str], separator: str, quote: str, points_divide: bool) -> set[str]:
    """Return columns of digits that are to stay texts, as far as the beginning of a table tells.

    Postal codes and long keys would lose something; `1.234` is 1234 where points separate thousands, as they may where
    another column has decimal commas.
    """
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=separator, quotechar=quote)
    codes: set[str] = set()
    pointed: set[str] = set()
    try:
        next(rows, None)
        for row in rows:
            if len(row) == len(header):
                codes |= {name for name, cell in zip(header, row, strict=True) if CODE.fullmatch(cell)}
                pointed |= {name for name, cell in zip(header, row, strict=True) if POINTED.fullmatch(cell)}
                points_divide = points_divide or any(COMMA.fullmatch(cell) for cell in row)
    except csv.Error:
        pass  # the rest of the head is a row cut short, or what the strict reader refuses
    return codes | (pointed if points_divide else set())


def has_leading_zeros(text: bytes, separator: str, quote: str) -> bool:
    """Tell whether a cell of a piece of a table may begin with a zero and a further digit."""
    marks = np.frombuffer(b"\n\n" + text + b"\n", dtype=np.uint8)
    digits = (marks - ZERO) < 10  # unsigned: what lies before the digits is large
    starts = (marks[2:-1] == ZERO) & digits[3:]
    starts &= ~digits[1:-2]
    starts &= marks[1:-2] != POINT
    zeros = np.flatnonzero(starts) + 2  # few: most zeros follow a digit or a point
    before = np.where(np.isin(marks[zeros - 1], SIGNS), marks[zeros - 2], marks[zeros - 1])
    edges = np.frombuffer(EDGES + f"{separator}{quote}".encode(), dtype=np.uint8)
    return bool(np.isin(before, edges).any())


def has_decimal_commas(table: pa.Table) -> bool:
    """Tell whether a column of texts has a number with a comma before its decimals."""
    import pyarrow as pa

    return any(pa.types.is_string(column.type) and _any_matches(column, COMMA) for column in table.columns)


def list_doubted(table: pa.Table, pieces: Iterable[bytes], separator: str, quote: str, points_divide: bool) -> set[str]:
    """Return columns that were read as numbers, of which the texts must be looked at.

    Args:
        table: the whole table, numbers where a column has nothing else.
        pieces: the same table as UTF-8, cut between lines.
        separator: mark between cells.
        quote: mark around cells.
        points_divide: whether points may separate thousands.
    """
    import pyarrow as pa

    kinds = dict(zip(table.column_names, table.schema.types, strict=True))
    numbers = {name for name, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)}
    if any(has_leading_zeros(piece, separator, quote) for piece in pieces):
        return numbers
    return {
        name
        for name in numbers
        if (points_divide and pa.types.is_floating(kinds[name])) or _reaches(table.column(name), LONG)
    }


def list_digit_texts(texts: pa.Table, points_divide: bool) -> set[str]:
    """Return the columns of which a text would lose something as a number, or which may be divided thousands."""
    patterns = (CODE, POINTED) if points_divide else (CODE,)
    columns = zip(texts.column_names, texts.columns, strict=True)
    return {name for name, column in columns if any(_any_matches(column, pattern) for pattern in patterns)}


def _any_matches(texts: pa.ChunkedArray, pattern: re.Pattern[str]) -> bool:
    """Tell whether a whole cell matches a pattern."""
    from pyarrow import compute

    return bool(compute.any(compute.match_substring_regex(texts, f"^(?:{pattern.pattern})$")).as_py())


def _reaches(numbers: pa.ChunkedArray, size: float) -> bool:
    """Tell whether a number is of this size or larger."""
    from pyarrow import compute

    ends = compute.min_max(numbers).as_py()
    return any(end is not None and abs(end) >= size for end in ends.values())
