"""Tables in Apache Parquet, with what pandas adds to them."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from regbench.data.columns import LARGEST_EXACT
from regbench.data.row_numbers import INDEX
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def parse_parquet(content: bytes, path: str, kept: Sequence[str] = (), names: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows of a Parquet file, without what pandas' own record calls the index.

    The names of what is left out stand in the attributes of the frame.

    Args:
        content: the bytes of the file.
        path: what messages call it.
        kept: columns that are returned even if they are the index.
        names: columns of which whole numbers are names, so that 1 must not become 1.0 where others are missing.

    Raises:
        ConfigError: it cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        index = [name for name in _list_index(table.schema.metadata) if name in table.column_names and name not in kept]
        declared = _list_categories(table.schema.metadata)
        frame: pd.DataFrame = _spell_keys(table.drop_columns(index), names, declared).to_pandas(ignore_metadata=True)
        frame.attrs[INDEX] = index
    except (pyarrow.ArrowException, OSError, ValueError) as reason:
        raise ConfigError(f"{path}: no readable Parquet file: {' '.join(str(reason).split())}") from None
    return frame


def _spell_keys(table: pa.Table, names: Collection[str], declared: Collection[str]) -> pa.Table:
    """Return a table with numbers as texts where they are names or float64 might merge them, `declared` categories."""
    import pyarrow as pa
    from pyarrow import compute

    for place, field in enumerate(table.schema):
        column, whole = table.column(place), pa.types.is_integer(field.type)
        if field.name in declared and (whole or pa.types.is_floating(field.type)):
            table = table.set_column(place, field.name, column.cast(pa.string()).dictionary_encode())
        elif whole and column.null_count:
            ends = compute.min_max(column).as_py().values()
            if field.name in names or any(end is not None and abs(end) >= LARGEST_EXACT for end in ends):
                table = table.set_column(place, field.name, column.cast(pa.string()))
    return table


def _list_index(metadata: dict[bytes, bytes] | None) -> list[str]:
    """Return the columns that pandas stored as the index: of a frame that was not indexed, its row numbers."""
    columns = _read_record(metadata).get("index_columns", [])
    return [name for name in columns if isinstance(name, str)] if isinstance(columns, list) else []


def _list_categories(metadata: dict[bytes, bytes] | None) -> set[str]:
    """Return the columns that pandas stored as categories; of numbers, Parquet itself does not keep that."""
    columns = _read_record(metadata).get("columns", [])
    found = [column for column in columns if isinstance(column, dict)] if isinstance(columns, list) else []
    return {str(column.get("name")) for column in found if column.get("pandas_type") == "categorical"}


def _read_record(metadata: dict[bytes, bytes] | None) -> dict[str, object]:
    """Return what pandas wrote about a table; empty where another program wrote it."""
    try:
        record = json.loads((metadata or {}).get(b"pandas", b"{}"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
