"""Large text tables of numbers, read piece by piece into the columns that they become.

A table of a million rows is then in memory once, and the text of it never.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from regbench.data.digit_texts import LONG, has_leading_zeros

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PIECE = 1 << 22
"""Bytes of text that are read at a time."""

BLOCK = 1 << 20
"""Bytes of a piece that one thread reads."""

LINE_FEED = 10


def stream_numbers(
    place: Path, header: Sequence[str], separator: str, quote: str, missing: Sequence[str]
) -> pd.DataFrame | None:
    """Return the rows of a text table of which every column holds numbers, as float64.

    None where a column holds something else or digits that may be no number, a cell stands in quotes, or the table
    cannot be read: who reads it whole says why.

    Args:
        place: the file, in UTF-8.
        header: names of the columns.
        separator: mark between cells.
        quote: mark around cells.
        missing: texts that stand for a missing value, besides the empty cell.
    """
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv as arrow

    # The system's allocator gives memory back where pyarrow's own keeps it.
    pool = pa.system_memory_pool()
    read = arrow.ReadOptions(column_names=list(header), block_size=BLOCK)
    parse = arrow.ParseOptions(delimiter=separator, quote_char=False)
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(header, pa.float64()), null_values=["", *missing], strings_can_be_null=True
    )
    most = _count_lines(place)
    columns = {name: np.empty(most) for name in header}
    rows = 0
    with place.open("rb") as file:
        file.readline()
        for piece in list_pieces(file):
            if quote.encode() in piece or has_leading_zeros(piece, separator, quote):
                return None
            try:
                table = arrow.read_csv(pa.BufferReader(piece), read, parse, convert, memory_pool=pool)
            except pa.ArrowInvalid:
                return None
            if rows + table.num_rows > most:  # lines end with a carriage return alone
                return None
            for name in header:
                if not _fill(columns[name][rows:], table.column(name)):
                    return None
            rows += table.num_rows
            del table
            pool.release_unused()
    return pd.DataFrame({name: column[:rows] for name, column in columns.items()}, copy=False)


def list_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a text, cut at ends of lines."""
    rest = b""
    while piece := file.read(PIECE):
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest.strip():
        yield rest


def _fill(column: np.ndarray, cells: pa.ChunkedArray) -> bool:
    """Write cells into a column, NaN where they are empty; return whether float64 tells all of them apart."""
    start = 0
    for chunk in cells.chunks:
        own = column[start : start + len(chunk)]
        own[:] = chunk.to_numpy(zero_copy_only=False)
        if (np.abs(own) < LONG).sum() != len(chunk) - chunk.null_count:
            return False
        start += len(chunk)
    return True


def _count_lines(place: Path) -> int:
    """Return the number of lines that end with a line feed, and one more."""
    with place.open("rb") as file:
        pieces = iter(lambda: file.read(BLOCK), b"")
        return 1 + sum(int(np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) == LINE_FEED)) for piece in pieces)
