"""Rows to predict, read as the rows of training were: the same columns, each with the same meaning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.columns import list_texts, read_names, read_numbers, refuse_infinite
from regbench.data.date_texts import UnreadDate, read_date_texts
from regbench.data.digit_texts import POINTED
from regbench.data.encoding import MISSING, CategoryColumn, Encoding, NumberColumn
from regbench.data.missing_marks import empty_missing
from regbench.data.number_parts import PLAIN
from regbench.data.number_texts import NumberForm, read_in_form
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Categorical, Column, Columns, Floats, Numeric, Texts
from regbench.data.row_numbers import find_row_numbers
from regbench.data.text_tables import refuse_repeated
from regbench.data.words import TextColumn
from regbench.errors import ConfigError, escape, suggest

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"number": "numbers", "truth": "truth values", "date": "dates", "duration": "durations"}
SHOWN_LEVELS = 3


def read_frame(frame: pd.DataFrame, fitted: Preprocessing, where: str) -> Columns:
    """Return the columns of a table in the order of training; the target and dropped columns may be among them.

    Raises:
        ConfigError: a column is missing, unknown or twice there, there are no rows, or a cell cannot be read as the
            column's cells were in training.
    """
    names = [str(name) for name in frame.columns]
    refuse_repeated(names, where)
    needed = [column.name for column in fitted.columns]
    commas = {each.name for each in fitted.columns if isinstance(each, NumberColumn) and each.written[3:] == (",",)}
    frame = empty_missing(frame.set_axis(names, axis="columns").reset_index(drop=True), fitted.missing, commas)
    known = {*needed, *fitted.ignored, *find_row_numbers(frame, where)}
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: column {escape(name)!r} was not there in training; {suggest(name, needed)}")
    for name in needed:
        if name not in names:
            raise ConfigError(f"{where}: column {escape(name)!r} is missing; the model was trained with it")
    if len(frame) == 0:
        raise ConfigError(f"{where}: the table has no rows")
    return tuple(_read_column(frame[column.name], column, where) for column in fitted.columns)


def read_array(rows: NDArray[Any], fitted: Preprocessing, where: str) -> Floats:
    """Return rows `[N, *shape]` as float64.

    Raises:
        ConfigError: they are not finite numbers of this shape.
    """
    if rows.dtype.kind not in "iufb":
        raise ConfigError(f"{where}: an array of type {rows.dtype}; it must be numbers")
    if rows.ndim != len(fitted.shape) + 1 or rows.shape[1:] != fitted.shape or len(rows) == 0:
        sizes = ", ".join(str(size) for size in fitted.shape)
        raise ConfigError(f"{where}: an array of shape {rows.shape}; the model takes rows [N, {sizes}], at least one")
    numbers = rows.astype(np.float64)
    if not np.isfinite(numbers).all():
        place = tuple(int(axis) for axis in np.argwhere(~np.isfinite(numbers))[0])
        raise ConfigError(f"{where}[{', '.join(map(str, place))}] is {numbers[place]}; it must be a finite number")
    return numbers


def list_unseen(columns: Columns, fitted: Preprocessing) -> list[str]:
    """Say of each column in how many rows it holds a name that no training row had, and which; nothing otherwise."""
    lines = []
    for encoding, column in zip(fitted.columns, columns, strict=True):
        if isinstance(encoding, CategoryColumn) and isinstance(column, Categorical):
            rows = np.flatnonzero(encoding.find_levels(column) < 0)
            codes = dict.fromkeys(column.codes[rows].tolist())
            found = [MISSING if code < 0 else repr(column.levels[code]) for code in codes]
            if found:
                shown = escape(", ".join(found[:SHOWN_LEVELS])) + (", ..." if len(found) > SHOWN_LEVELS else "")
                lines.append(
                    f"column {escape(column.name)!r}: {len(rows)} row(s) hold what no training row had ({shown}); "
                    "they count as none of its levels"
                )
        elif isinstance(encoding, TextColumn) and isinstance(column, Texts):
            unknown = encoding.count_unknown(column)
            if unknown:
                lines.append(f"column {escape(column.name)!r}: {unknown} text(s) have no word of training")
    return lines


def _read_column(column: pd.Series[Any], trained: Encoding, where: str) -> Column:
    where = f"{where}: column {escape(trained.name)!r}"
    if isinstance(trained, CategoryColumn):
        _refuse_lost_spelling(column, trained, where)
        return read_names(column, where)
    if isinstance(trained, TextColumn):
        return Texts(trained.name, list_texts(column))
    numeric = _read_numbers(column, trained, where)
    missing = np.flatnonzero(np.isnan(numeric.values))
    if trained.fill is None and len(missing):
        raise ConfigError(f"{where}, row {missing[0] + 1}: the value is missing, and none was in training")
    refuse_infinite(numeric, where)
    return numeric


def _refuse_lost_spelling(column: pd.Series[Any], trained: CategoryColumn, where: str) -> None:
    """Refuse numbers where training had names such as `01`: as a number, `01` and `1` are the same.

    Raises:
        ConfigError: the column holds numbers, and a name of training is not how its number is written.
    """
    if column.dtype.kind not in "iuf":
        return
    lost = next((level for level in trained.levels if _is_respelled(level)), None)
    if lost is not None:
        name = escape(trained.name)
        raise ConfigError(
            f"{where} holds numbers, but training had names such as {lost!r}; read it as text: dtype={{{name!r}: str}}"
        )


def _is_respelled(level: str) -> bool:
    """Tell whether a name reads as a number that is written in another way, as `01` or `1e3` are."""
    try:
        number = float(level)
    except ValueError:
        return False
    return level not in (str(number), str(int(number)) if number.is_integer() else "")


def _read_numbers(column: pd.Series[Any], trained: NumberColumn, where: str) -> Numeric:
    """Return the values as training read them; a column without any value may have any type."""
    import pandas as pd

    if column.isna().all():
        return Numeric(trained.name, np.full(len(column), np.nan), trained.kind)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    found = read_numbers(column)
    if found is None:
        return _list_texts(column, trained, where)
    if not _fits(found, trained.kind):
        raise ConfigError(f"{where} holds {KINDS[found.kind]}; in training it held {KINDS[trained.kind]}")
    return found


def _fits(found: Numeric, kind: str) -> bool:
    """Tell whether values are of a kind; truth values are the numbers 0 and 1, and those are truth values."""
    if kind == "truth":
        zero_or_one = np.isin(found.values[~np.isnan(found.values)], (0.0, 1.0)).all()
        return found.kind in ("number", "truth") and bool(zero_or_one)
    return found.kind == kind or (found.kind, kind) == ("truth", "number")


def _list_texts(column: pd.Series[Any], trained: NumberColumn, where: str) -> Numeric:
    """Return a column of texts that are all numbers, where those are due; refuse the first cell of any other kind."""
    import pandas as pd

    if trained.kind in ("number", "date") and all(isinstance(value, str) for value in column.dropna()):
        codes, texts = pd.factorize(column)
        values = np.append([_read_text(str(text), trained) for text in texts], np.nan)[codes]
        unread = (codes >= 0) & np.isnan(values)
        if not unread.any():
            return Numeric(trained.name, values, trained.kind)
        row = int(unread.argmax())
    else:
        cells = enumerate(zip(column, column.isna(), strict=True))
        row = next(row for row, (value, missing) in cells if not missing and not _is_readable(value, trained.kind))
    shown = repr(column.iloc[row])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    raise ConfigError(f"{where}, row {row + 1}: {escape(shown)} is not one of the {KINDS[trained.kind]} of training")


def _read_text(text: str, trained: NumberColumn) -> float:
    """Return the number that a text is, written as in training; NaN where it is none."""
    if trained.kind == "date":
        try:
            dates = read_date_texts([text], trained.written[1] if trained.written else "infer")
        except UnreadDate:
            return math.nan
        return math.nan if dates is None else float(dates.days[0])
    if not trained.written:
        # A text of this form was not read as a number, because a column beside it has decimal commas.
        doubtful = POINTED.fullmatch(text)
        return float(text) if PLAIN.fullmatch(text.strip()) and not doubtful else math.nan
    found = read_in_form(text, NumberForm(*trained.written[1:]))
    return math.nan if found is None else found


def _is_readable(value: object, kind: str) -> bool:
    """Tell whether a cell alone is read as a value of this kind."""
    import pandas as pd

    found = read_numbers(pd.Series([value], dtype=object))
    return found is not None and _fits(found, kind)
