"""Cells that stand for a missing value: blanks, and what a person lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def empty_missing(frame: pd.DataFrame, marks: Sequence[str]) -> pd.DataFrame:
    """Return a frame in which blank texts are missing, and cells that are one of the marks.

    Texts are compared without the spaces around them, numbers as numbers: the mark -999 stands for -999.0 too.
    """
    texts = {"", *(mark.strip() for mark in marks)}
    numbers = [number for number in map(_to_number, marks) if number is not None]
    changed = {}
    for name in frame.columns:
        column = frame[name]
        found = _find_numbers(column, numbers) if column.dtype.kind in "iuf" else _find_texts(column, texts)
        if found is not None and found.any():
            changed[name] = column.mask(found)
    return frame.assign(**changed) if changed else frame


def _find_numbers(column: pd.Series[Any], numbers: Sequence[float]) -> pd.Series[bool] | None:
    return column.isin(numbers) if numbers else None


def _find_texts(column: pd.Series[Any], texts: set[str]) -> pd.Series[bool] | None:
    if column.dtype.kind not in "OU" and str(column.dtype) not in ("str", "string"):
        return None
    cells = column if column.dtype == object else column.unique()  # cells of any object may not be comparable
    found = {cell for cell in cells if isinstance(cell, str) and cell.strip() in texts}
    return column.isin(found) if found else None


def _to_number(mark: str) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None
