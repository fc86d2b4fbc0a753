"""Large text tables of numbers, read piece by piece into the columns that they become.

A table of a million rows is then in memory once, and the text of it never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from regbench.data.digit_texts import LONG, has_leading_zeros
from regbench.data.records import Floats

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PIECE = 1 << 19
"""Bytes of text that are read at a time."""

MOST_WORKERS = 8
"""Threads that read pieces side by side."""

KEPT = 16
"""Pieces after which freed memory goes back to the system: after each, its pages would have to be found anew."""

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

    # The system's allocator gives memory back where pyarrow's own keeps it.
    memory = pa.system_memory_pool()
    read = partial(_read_piece, header=header, separator=separator, quote=quote, missing=missing)
    most = _count_lines(place)
    columns = {name: np.empty(most) for name in header}
    rows = 0
    workers = min(pa.cpu_count(), MOST_WORKERS)
    with place.open("rb") as file, ThreadPoolExecutor(workers) as pool:
        file.readline()
        for number, table in enumerate(_map_in_order(pool, read, list_pieces(file), workers + 1)):
            end = rows + (0 if table is None else len(table[0]))
            if table is None or end > most:  # more rows than lines: these end with a carriage return alone
                return None
            for name, cells in zip(header, table, strict=True):
                columns[name][rows:end] = cells
            rows = end
            del table, cells
            if number % KEPT == KEPT - 1:
                memory.release_unused()
    return pd.DataFrame({name: column[:rows] for name, column in columns.items()}, copy=False)


def _read_piece(
    piece: bytes, header: Sequence[str], separator: str, quote: str, missing: Sequence[str]
) -> list[Floats] | None:
    """Return the columns of a piece of a table, NaN where a cell is empty; None where float64 would lose something."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if quote.encode() in piece or has_leading_zeros(piece, separator, quote):
        return None
    read = arrow.ReadOptions(column_names=list(header), block_size=2 * len(piece), use_threads=False)
    parse = arrow.ParseOptions(delimiter=separator, quote_char=False)
    convert = arrow.ConvertOptions(
        column_types=dict.fromkeys(header, pa.float64()), null_values=["", *missing], strings_can_be_null=True
    )
    try:
        table = arrow.read_csv(pa.BufferReader(piece), read, parse, convert, memory_pool=pa.system_memory_pool())
    except pa.ArrowInvalid:
        return None
    columns = [_view_cells(column) for column in table.columns]
    told_apart = (
        (np.abs(cells) < LONG).sum() == len(cells) - column.null_count
        for cells, column in zip(columns, table.columns, strict=True)
    )
    return columns if all(told_apart) else None


def _view_cells(column: pa.ChunkedArray) -> Floats:
    """Return the numbers of a column, NaN where one is missing; copied only where some are."""
    cells: Floats = column.chunk(0).to_numpy(zero_copy_only=False) if column.num_chunks == 1 else column.to_numpy()
    return cells


def _map_in_order(
    pool: ThreadPoolExecutor, read: Callable[[bytes], list[Floats] | None], pieces: Iterable[bytes], ahead: int
) -> Iterator[list[Floats] | None]:
    """Yield what a function makes of each piece, in their order; at most `ahead` pieces are in memory."""
    waiting: deque[Future[list[Floats] | None]] = deque()
    for piece in pieces:
        waiting.append(pool.submit(read, piece))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def list_pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a text, cut at ends of lines."""
    while piece := file.read(PIECE):
        piece += file.readline()
        if not piece.endswith(b"\n"):
            last = piece.rfind(b"\n") + 1
            piece = piece if piece[last:].strip() else piece[:last]
        if piece:
            yield piece


def _count_lines(place: Path) -> int:
    """Return the number of lines that end with a line feed, and one more."""
    with place.open("rb") as file:
        pieces = iter(lambda: file.read(PIECE), b"")
        return 1 + sum(int(np.count_nonzero(np.frombuffer(piece, dtype=np.uint8) == LINE_FEED)) for piece in pieces)
