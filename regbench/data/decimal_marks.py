"""Points that may separate decimals or thousands, in a table that has decimal commas elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(\.\d{3})+\s*|\s*[+-]?\d{1,3}\s*")
COMMA = re.compile(r"\s*[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\s*")
DECIDED = re.compile(r".*(,(\d{1,2}|\d{4,})|\.\d{3},\d+)\s*")
"""A comma that separates no thousands."""


def refuse_doubtful_points(frame: pd.DataFrame, path: str) -> None:
    """Refuse a table of which one column has decimal commas, and another only numbers such as `1.234`.

    Raises:
        ConfigError: names a cell of both.
    """
    texts = [name for name in frame.columns if str(frame[name].dtype) in ("object", "str", "string")]
    doubtful = next((name for name in texts if _find_doubtful(frame[name]) is not None), None)
    if doubtful is None:
        return
    for name in texts:
        comma = _find_comma(frame[name])
        if comma is not None:
            cell = _find_doubtful(frame[doubtful])
            row = int((frame[doubtful] == cell).to_numpy().argmax()) + 1
            raise ConfigError(
                f"{path}: column {escape(doubtful)!r}, row {row}: {cell!r} has a point that may separate decimals or "
                f"thousands, because column {escape(name)!r} has decimal commas such as {comma!r}; set "
                "dataset.decimal=, or write both columns alike"
            )


def _find_doubtful(column: pd.Series[Any]) -> str | None:
    """Return the first cell with a point, if every point of the column may separate thousands."""
    cells = column.dropna()
    if not all(isinstance(cell, str) and THOUSANDS.fullmatch(cell) for cell in cells):
        return None
    return next((cell for cell in cells if "." in cell), None)


def _find_comma(column: pd.Series[Any]) -> str | None:
    """Return the first cell with a comma that can only be a decimal one, if all cells can be read so."""
    cells = column.dropna()
    if not all(isinstance(cell, str) and COMMA.fullmatch(cell) for cell in cells):
        return None
    return next((cell for cell in cells if DECIDED.fullmatch(cell)), None)
