"""Columns that only number the rows: what pandas stores as the index of a table, and what looks like it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from regbench.data.columns import advise_drop
from regbench.data.records import Column, Floats, Numeric
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd

INDEX = "index"
"""Key of a frame's attributes: names of the columns that a file declares as its index."""

UNNAMED = re.compile(r"|Unnamed: 0(\.\d+)*")
"""Names of the index in a text table: none, or what pandas calls that column once it has read it."""


DECIMAL = re.compile(r"[+-]?\d*\.\d+")
"""Numbers that are rather values than names."""


def find_row_numbers(frame: pd.DataFrame, path: str) -> dict[str, str]:
    """Return the columns of a table that are its index, each with the reason why it is no feature.

    Raises:
        ConfigError: a column without a name is not the first.
    """
    found = {str(name): "pandas index" for name in frame.attrs.get(INDEX, ())}
    for place, name in enumerate(frame.columns):
        first = all(UNNAMED.fullmatch(before) for before in frame.columns[:place])
        if not UNNAMED.fullmatch(name) or (name == "" and not first):
            continue
        found[name] = "row numbers" if frame[frame.columns[place]].dtype.kind in "iuf" else "row names"
    unnamed = [place for place, name in enumerate(frame.columns) if name == "" and name not in found]
    if unnamed:
        raise ConfigError(f"{path}: column {unnamed[0] + 1} has no name; give it one in the first line")
    return found


def note_row_numbers(columns: Iterable[Column]) -> list[str]:
    """Say which columns seem to number the rows: whole numbers, another in every row, in order."""
    return [
        f"column {column.name!r} may number the rows: it has another whole number in every row, in order; if so, "
        f"{advise_drop(column.name)}"
        for column in columns
        if isinstance(column, Numeric) and column.kind == "number" and _is_in_order(column.values)
    ]


def note_missing_header(frame: pd.DataFrame) -> list[str]:
    """Say that the names of the columns look like a row of values: most are numbers with decimals, in no order."""
    numbers = np.array([float(name) for name in frame.columns if DECIMAL.fullmatch(name.strip())])
    steps = np.diff(numbers)
    if len(numbers) < 2 or 2 * len(numbers) < len(frame.columns):
        return []
    if (np.sign(steps) == np.sign(steps[0])).all() and np.abs(steps).max() < 1.5 * np.abs(steps).min():
        return []  # in equal steps, such as the wavelengths of spectra, which do name columns
    named = ", ".join(escape(name) for name in frame.columns[:4])
    return [f"the first line names the columns: {named}, ...; if it holds values, add a line of names before it"]


def _is_in_order(values: Floats) -> bool:
    """Tell whether numbers are whole, and rise or fall from each row to the next."""
    if len(values) < 3 or not np.all(values == np.round(values)):  # NaN is unequal to itself
        return False
    steps = np.diff(values)
    return bool(np.all(steps > 0) or np.all(steps < 0))
