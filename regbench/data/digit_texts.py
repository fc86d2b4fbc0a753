"""Digits in text tables that are no numbers, or not those that they look like: codes, long keys, divided thousands."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

CODE = re.compile(r"\s*[+-]?(0\d+|\d{16,})\s*")
"""Digits that as a number would lose something: zeros at the front, or what float64 does not tell apart."""

POINTED = re.compile(r"\s*[+-]?\d{1,3}(\.\d{3})+\s*")
COMMA = re.compile(r"\s*[+-]?\d[\d.]*,\d+\s*")

LONG = 1e15
"""The smallest number of 16 digits."""

BATCH = 256
"""Rows of which all cells are searched at once."""

BLOCK = 1 << 16
"""Bytes that are looked at together, so few that all that is made of them stays in the processor's cache."""

ZERO, POINT = ord("0"), ord(".")
SIGNS = np.frombuffer(b"+-", dtype=np.uint8)
EDGES = b"\r\n \t"


def find_digit_texts(head: str, header: Sequence[str], separator: str, quote: str, points_divide: bool) -> set[str]:
    """Return columns of digits that are to stay texts, as far as the beginning of a table tells.

    Postal codes and long keys would lose something; `1.234` is 1234 where points separate thousands, as they may where
    another column has decimal commas.
    """
    table = partial(_find_columns, head, header, separator, quote)
    if points_divide or table(COMMA):
        return table(CODE) | table(POINTED)
    return table(CODE)


def _find_columns(head: str, header: Sequence[str], separator: str, quote: str, pattern: re.Pattern[str]) -> set[str]:
    """Return the columns with a cell that matches a pattern as a whole, as far as the beginning of a table tells."""
    inside = re.compile(f"\0(?:{pattern.pattern})(?=\0)")
    found: set[str] = set()
    for rows in _batch_rows(head, separator, quote):
        if inside.search("\0".join(("", *chain.from_iterable(rows), ""))):  # rare: few batches are looked at by cell
            pairs = chain.from_iterable(zip(header, row, strict=True) for row in rows if len(row) == len(header))
            found |= {name for name, cell in pairs if name not in found and pattern.fullmatch(cell)}
    return found


def _batch_rows(head: str, separator: str, quote: str) -> Iterator[list[list[str]]]:
    """Yield the rows below the header, some at a time."""
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=separator, quotechar=quote)
    batch: list[list[str]] = []
    try:
        next(rows, None)
        while True:
            batch = []
            batch.extend(islice(rows, BATCH))
            if not batch:
                return
            yield batch
    except csv.Error:
        yield batch  # the rest of the head is a row cut short, or what the strict reader refuses


def has_leading_zeros(text: bytes, separator: str, quote: str) -> bool:
    """Tell whether a cell of a piece of a table may begin with a zero and a further digit."""
    edges = EDGES + f"{separator}{quote}".encode()
    if _begins_with_zero(np.frombuffer(b"\n\n" + text[: BLOCK + 1], dtype=np.uint8), edges):
        return True
    marks = np.frombuffer(text, dtype=np.uint8)
    starts = range(BLOCK, len(marks), BLOCK)
    return any(_begins_with_zero(marks[start - 2 : start + BLOCK + 1], edges) for start in starts)


def _begins_with_zero(marks: NDArray[np.uint8], edges: bytes) -> bool:
    """Tell the same of a block with two marks before it and one after it."""
    digits = (marks - ZERO) < 10  # unsigned: what lies before the digits is large
    starts = (marks[2:-1] == ZERO) & digits[3:]
    starts &= ~digits[1:-2]
    starts &= marks[1:-2] != POINT
    if not starts.any():  # most zeros follow a digit or a point
        return False
    zeros = np.flatnonzero(starts) + 2
    before = np.where(np.isin(marks[zeros - 1], SIGNS), marks[zeros - 2], marks[zeros - 1])
    return bool(np.isin(before, np.frombuffer(edges, dtype=np.uint8)).any())


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
