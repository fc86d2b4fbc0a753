"""Tables in Apache Parquet, with what pandas adds to them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from regbench.data.row_numbers import INDEX
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd


def parse_parquet(content: bytes, path: str, kept: Sequence[str] = ()) -> pd.DataFrame:
    """Return the rows of a Parquet file, without what pandas' own record calls the index.

    The names of what is left out stand in the attributes of the frame.

    Args:
        content: the bytes of the file.
        path: what messages call it.
        kept: columns that are returned even if they are the index.

    Raises:
        ConfigError: it cannot be read.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
        index = [name for name in _list_index(table.schema.metadata) if name in table.column_names and name not in kept]
        frame: pd.DataFrame = table.drop_columns(index).to_pandas(ignore_metadata=True)
        frame.attrs[INDEX] = index
    except (pyarrow.ArrowException, OSError, ValueError) as reason:
        raise ConfigError(f"{path}: no readable Parquet file: {' '.join(str(reason).split())}") from None
    return frame


def _list_index(metadata: dict[bytes, bytes] | None) -> list[str]:
    """Return the columns that pandas stored as the index: of a frame that was not indexed, its row numbers."""
    try:
        columns = json.loads((metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    except (ValueError, AttributeError):
        return []
    return [name for name in columns if isinstance(name, str)]
