"""Cells that stand for a missing value: blanks, and what a person lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from regbench.data.decimal_marks import DECIDED
from regbench.data.number_parts import MINUSES

if TYPE_CHECKING:
    import pandas as pd

DIVIDED = re.compile(r"[.,]\d{3}$")
NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)?([.,]\d*)?")
"""A number alone; with a zero in front, as in 0999, it is a code."""


def empty_missing(frame: pd.DataFrame, marks: Sequence[str], commas: Collection[str] = ()) -> pd.DataFrame:
    """Return a frame in which blank texts are missing, and cells that are one of the marks.

    Texts are compared without the spaces around them, numbers as numbers: the mark -999 stands for -999.0 too.

    Args:
        frame: the table.
        marks: what stands for a missing value besides blanks.
        commas: columns that are known to have decimal commas; of the others, their cells tell.
    """
    texts = {"", *(mark.strip() for mark in marks)}
    numbers = [number for number in map(_to_number, marks) if number is not None]
    changed = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "iuf":
            found = column.isin(numbers) if numbers else None
        else:
            found = _find_texts(column, texts, numbers, name in commas)
        if found is not None and found.any():
            changed[name] = column.mask(found)
    return frame.assign(**changed) if changed else frame


def _find_texts(column: pd.Series[Any], texts: set[str], numbers: Sequence[float], comma: bool) -> Any:
    """Return which cells of a column of texts are a mark; None where none is, or it is no such column."""
    if column.dtype.kind not in "OU" and str(column.dtype) not in ("str", "string"):
        return None
    cells = column if column.dtype == object else column.unique()  # cells of any object may not be comparable
    written = {cell for cell in cells if isinstance(cell, str)}
    comma = comma or (bool(numbers) and any(DECIDED.fullmatch(cell) for cell in written))
    found = {cell for cell in written if cell.strip() in texts or (numbers and _read_alone(cell, comma) in numbers)}
    return column.isin(found) if found else None


def _read_alone(cell: str, comma: bool) -> float | None:
    """Return the number that a cell is, without a currency, a unit or separated thousands."""
    plain = cell.strip().translate(MINUSES)
    if NUMBER.fullmatch(plain) is None or (DIVIDED.search(plain) and ("," in plain) != comma):
        return None
    return _to_number(plain.replace(",", "."))


def _to_number(mark: str) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None
