"""Large text tables of numbers, read piece by piece into the columns that they become.

A table of a million rows is then in memory once, and the text of it never.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv as csv_options

PIECE = 1 << 20
"""Bytes of text that are read at a time."""

RELEASED = 16
"""Pieces after which memory goes back to the system."""


def stream_numbers(
    place: Path, parse: csv_options.ParseOptions, convert: csv_options.ConvertOptions
) -> pd.DataFrame | None:
    """Return the rows of a text table of which every column holds numbers, as float64.

    None where a column holds something else, or where the table cannot be read: who reads it whole says why.
    """
    import pandas as pd
    import pyarrow as pa
    from pyarrow import csv as arrow

    pool = pa.system_memory_pool()
    try:
        with pa.OSFile(str(place)) as source:
            reader = arrow.open_csv(
                source,
                read_options=arrow.ReadOptions(block_size=PIECE),
                parse_options=parse,
                convert_options=convert,
                memory_pool=pool,
            )
            if not all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in reader.schema.types):
                return None
            columns = {name: np.empty(_count_lines(place)) for name in reader.schema.names}
            rows = 0
            for number, batch in enumerate(reader):
                for column, cells in zip(columns.values(), batch.columns, strict=True):
                    if not _fill(column[rows : rows + len(cells)], cells):
                        return None
                rows += batch.num_rows
                if number % RELEASED == 0:
                    pool.release_unused()
    except pa.ArrowInvalid:
        return None
    return pd.DataFrame({name: column[:rows] for name, column in columns.items()}, copy=False)


def _fill(column: np.ndarray, cells: pa.Array) -> bool:
    """Write cells into a column, NaN where they are empty; return whether they are numbers that float64 holds."""
    values = cells.to_numpy(zero_copy_only=False)
    missing = cells.null_count
    column[:] = values
    return bool(np.isfinite(column).sum() == len(column) - missing)


def _count_lines(place: Path) -> int:
    """Return a number of lines that is at least that of the rows."""
    with place.open("rb") as file:
        return 1 + sum(piece.count(b"\n") + piece.count(b"\r") for piece in iter(lambda: file.read(PIECE), b""))
