"""From the columns of a table to numbers, fitted on the training rows."""

from __future__ import annotations

import numpy as np

from regbench.data.records import Categorical, Columns, Floats, Numeric
from regbench.data.splitting import Rows
from regbench.errors import ConfigError

MISSING = "(missing)"


def encode(columns: Columns, train: Rows, origin: str) -> tuple[Floats, tuple[str, ...]]:
    """Return the columns as numbers `[N, D]` and the D names.

    A missing number becomes the median of the training rows. A column of names becomes one column of 0 and 1 for each
    name that the training rows have, `(missing)` being a name like the others; other names give zeros in all of them.

    Raises:
        ConfigError: a column has no value in any training row.
    """
    blocks: list[Floats] = []
    names: list[str] = []
    for column in columns:
        if isinstance(column, Numeric):
            blocks.append(fill_missing(column, train, origin)[:, None])
            names.append(column.name)
        else:
            block, levels = mark_levels(column, train)
            blocks.append(block)
            names.extend(f"{column.name}={level}" for level in levels)
    return np.concatenate(blocks, axis=1), tuple(names)


def fill_missing(column: Numeric, train: Rows, origin: str) -> Floats:
    """Return the values `[N]` with the median of the known training values for each missing one."""
    missing = np.isnan(column.values)
    if not missing.any():
        return column.values
    known = column.values[train][~missing[train]]
    if len(known) == 0:
        raise ConfigError(
            f"{origin}: column {column.name!r} has no value in the training rows; drop it with dataset.drop"
        )
    return np.where(missing, np.median(known), column.values)


def mark_levels(column: Categorical, train: Rows) -> tuple[Floats, list[str]]:
    """Return 0 and 1 `[N, L]` for the L levels of the training rows, in sorted order, missing last."""
    seen = np.unique(column.codes[train])
    kept = [code for code in seen if code >= 0] + [code for code in seen if code < 0]
    block = (column.codes[:, None] == np.array(kept)[None, :]).astype(np.float64)
    return block, [column.levels[code] if code >= 0 else MISSING for code in kept]
