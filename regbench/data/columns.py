"""From one column of a pandas table to a column of numbers or of names."""

from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Categorical, Floats, Numeric
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS, FEW_LEVELS, MOSTLY = 1000, 20, 0.8
COMMA_NUMBER = re.compile(r"[+-]?(\d+(\.\d{3})*,\d+|\d{1,3}(,\d{3})+(\.\d+)?)")
PLAIN_NAME = re.compile(r"(?!(?:null|true|false|nan|inf)$)[a-z_][a-z0-9_]*", re.IGNORECASE)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
DAY = 86_400.0


def read_column(column: pd.Series[Any], where: str) -> Numeric | Categorical:
    """Return a feature column; `where` is what messages call it.

    Raises:
        ConfigError: it has no value at all, an infinite one, values of a kind that is neither number nor name,
            more than 1,000 distinct texts, or texts among numbers.
    """
    name = str(column.name)
    if column.isna().all():
        raise ConfigError(f"{where} has no value in any row; {advise_drop(name)}")
    numeric = read_numbers(column)
    if numeric is None:
        return _read_levels(column, where)
    refuse_infinite(numeric, where)
    return numeric


def refuse_infinite(column: Numeric, where: str) -> None:
    """Refuse a column of numbers that holds an infinite one, naming its row."""
    infinite = np.flatnonzero(np.isinf(column.values))
    if len(infinite):
        raise ConfigError(
            f"{where}, row {infinite[0] + 1}: the value is {column.values[infinite[0]]}; it must be a finite number"
        )


def read_target(column: pd.Series[Any], where: str) -> NDArray[Any]:
    """Return a target column as numbers, truth values or texts.

    Raises:
        ConfigError: a value is missing, or is neither number nor name.
    """
    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise ConfigError(
            f"{where}, row {missing[0] + 1}: the target is missing (in {len(missing)} row(s) in all); "
            "every row needs one"
        )
    if column.dtype.kind == "b":
        return column.to_numpy(dtype=bool)
    if column.dtype.kind in "iuf":  # unsigned ones stay so: as float64, classes above 2^53 would merge
        return column.to_numpy(dtype={"i": np.int64, "u": np.uint64, "f": np.float64}[column.dtype.kind])
    values = column.astype(object)
    _refuse_strange(values, where)
    if all(isinstance(value, (int, float, Decimal)) for value in values):
        numbers = np.array([_to_float(value) for value in values])
        merged = len(np.unique(numbers)) < values.nunique() and all(isinstance(value, int) for value in values)
        if not merged:  # whole numbers too long for a float64 to tell apart are names
            return numbers
    return values.map(str).to_numpy(dtype=np.str_)


def read_numbers(column: pd.Series[Any]) -> Numeric | None:
    """Return a column of numbers, truth values, dates or durations, NaN for missing values; None for any other."""
    import pandas as pd

    name, kind = str(column.name), column.dtype.kind
    if kind in "iufb":
        numbers: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return Numeric(name, numbers, "truth" if kind == "b" else "number")
    if kind in "mM":
        return Numeric(name, _count_days(column), "duration" if kind == "m" else "date")
    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    known = column.dropna()
    if all(isinstance(value, (bool, int, float, Decimal, np.number, np.bool_)) for value in known):
        numbers = np.array(
            [np.nan if gone else _to_float(value) for value, gone in zip(column, column.isna(), strict=True)]
        )
        return Numeric(
            name, numbers, "truth" if all(isinstance(value, (bool, np.bool_)) for value in known) else "number"
        )
    if all(isinstance(value, date) or (isinstance(value, str) and ISO_DATE.fullmatch(value)) for value in known):
        days = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        return Numeric(name, _count_days(days), "date") if days.notna().sum() == len(known) else None
    return None


def _to_float(value: Any) -> float:
    """Return a number as a float; one that is too large for it is infinite, and refused as such."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _count_days(column: pd.Series[Any]) -> Floats:
    """Return durations in days, and dates as days since 1970-01-01, universal time where they have a time zone."""
    import pandas as pd

    if column.dtype.kind == "M":
        zone = "UTC" if getattr(column.dtype, "tz", None) is not None else None
        column = column.dt.as_unit("us") - pd.Timestamp("1970-01-01", tz=zone).as_unit("us")  # reaches year 9999
    seconds: Floats = column.dt.total_seconds().to_numpy(dtype=np.float64, na_value=np.nan)
    return seconds / DAY


def _read_levels(column: pd.Series[Any], where: str) -> Categorical:
    refuse_stray_texts(column, where, advise_drop(str(column.name)))
    read = read_names(column, where)
    if len(read.levels) > MOST_LEVELS:
        raise ConfigError(
            f"{where} has {len(read.levels)} distinct texts, {MOST_LEVELS} are allowed; {advise_drop(read.name)}"
        )
    return read


def read_names(column: pd.Series[Any], where: str) -> Categorical:
    """Return a column of names, whatever its values look like as texts.

    Raises:
        ConfigError: a value is neither text nor number, truth value or date.
    """
    import pandas as pd

    values = column.astype(object)
    _refuse_strange(values[column.notna()], where)
    codes, levels = pd.factorize(values.where(column.isna(), values.map(str)), sort=True)
    return Categorical(str(column.name), codes.astype(np.int64), tuple(str(level) for level in levels))


def read_texts(column: pd.Series[Any]) -> tuple[str, ...]:
    """Return the cells of a column as texts, a missing one as the empty text."""
    values = column.astype(object)
    return tuple("" if gone else str(value) for value, gone in zip(values, column.isna(), strict=True))


def refuse_stray_texts(column: pd.Series[Any], where: str, remedy: str) -> None:
    """Refuse a column of texts that is meant as numbers: most values are, with more than 20 distinct ones, not all.

    Decimal commas and commas between thousands mean numbers too, but which of the two a comma is, nobody can tell.

    Raises:
        ConfigError: names the first value that is no number, and ends with `remedy`.
    """
    import pandas as pd

    texts = column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):  # a file that declares categories means them
        return
    if not all(isinstance(value, str) for value in texts) or texts.nunique() <= FEW_LEVELS:
        return
    number = pd.to_numeric(texts, errors="coerce").notna()
    comma = texts.map(lambda value: COMMA_NUMBER.fullmatch(value.strip()) is not None).astype(bool)
    if number.all() or (number | comma).mean() < MOSTLY:
        return
    row = int(np.flatnonzero(column.notna())[np.flatnonzero(~number)[0]]) + 1
    value = texts[~number].iloc[0]
    shown = repr(value) if len(value) <= 60 else f"{value[:57]!r}..."
    if COMMA_NUMBER.fullmatch(value.strip()):
        raise ConfigError(f"{where}, row {row}: {shown} has a comma; write numbers as 1234.5, or {remedy}")
    raise ConfigError(
        f"{where}, row {row}: {shown} is not a number, but most values are; correct or empty such fields, or {remedy}"
    )


def advise_drop(name: str) -> str:
    """Say how to leave a column out: what to type, in quotes where Hydra and the shell need them."""
    if PLAIN_NAME.fullmatch(name):
        return f"leave it out: 'dataset.drop=[{name}]'"
    if name.isprintable() and not set("'\"\\$") & set(name):
        return f"leave it out: 'dataset.drop=[\"{name}\"]'"
    return "leave it out with dataset.drop"


def _refuse_strange(values: pd.Series[Any], where: str) -> None:
    """Refuse lists, bytes, mappings and whatever else is no single text, number, truth value or date."""
    for place, value in values.items():
        if not isinstance(value, (str, bool, int, float, Decimal, date, np.number, np.bool_)):
            raise ConfigError(
                f"{where}, row {int(str(place)) + 1}: holds a value of type {type(value).__name__}; "
                "allowed are numbers, texts, truth values and dates"
            )
