"""From one column of a pandas table to a column of numbers or of names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.date_texts import UnreadDate, read_date_texts
from regbench.data.number_texts import UnreadNumber, read_number_texts
from regbench.data.records import Categorical, Floats, Numeric
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 1000
LARGEST_EXACT = 2**53
"""Whole numbers up to this size are told apart by float64."""

PLAIN_NAME = re.compile(r"(?!(?:null|true|false|nan|inf)$)[a-z_][a-z0-9_]*", re.IGNORECASE)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
DAY = 86_400.0
DEEDS = {"drop": "leave it out", "categories": "keep its texts as names"}
"""What settings that name a column do."""


@dataclass(frozen=True)
class ColumnRules:
    """What a person says of all columns of texts; None and `infer`: found out from the column as a whole.

    `dates` is `none` where texts are no dates, whatever they look like.

    `categories` are columns whose cells are names, even where all look like numbers. `remedies` are the settings of the
    data set that messages may advise for a column.
    """

    decimal: str | None = None
    thousands: str | None = None
    dates: str = "infer"
    categories: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ("drop", "categories")

    def advise(self, name: str, *, leads: str, settings: Sequence[str] = ("drop", "categories")) -> str:
        """Return what `leads` up to advice and the advice for a column; nothing where no setting helps."""
        told = [advise(DEEDS[setting], setting, name) for setting in settings if setting in self.remedies]
        return f"{leads}{', or '.join(told)}" if told else ""


def read_column(column: pd.Series[Any], where: str, rules: ColumnRules | None = None) -> Numeric | Categorical:
    """Return a feature column; `where` is what messages call it.

    Raises:
        ConfigError: it has no value at all, an infinite one, values of a kind that is neither number nor name, or
            texts among numbers or dates.
    """
    import pandas as pd

    rules = rules or ColumnRules()
    name = str(column.name)
    _refuse_empty(column, where, rules)
    if name in rules.categories:
        return _read_levels(column, where, rules)
    declared = isinstance(column.dtype, pd.CategoricalDtype)  # a file that declares categories means them
    numeric = None if declared or _merges(column) else read_numbers(column)
    if numeric is None:
        numeric = read_texts(column, where, rules, rules.advise(name, leads="; or "))
    if numeric is None:
        return _read_levels(column, where, rules)
    refuse_infinite(numeric, where)
    return numeric


def _refuse_empty(column: pd.Series[Any], where: str, rules: ColumnRules) -> None:
    if column.isna().all():
        advice = rules.advise(str(column.name), leads="; ", settings=["drop"])
        raise ConfigError(f"{where} has no value in any row{advice}")


def _merges(column: pd.Series[Any]) -> bool:
    """Tell whether a column has whole numbers so long that float64 takes some of them for equal: keys, not amounts."""
    if column.dtype.kind not in "iu" or column.abs().max() < LARGEST_EXACT:
        return False
    return bool(column.astype(np.float64).nunique() < column.nunique())


def read_amounts(column: pd.Series[Any], where: str, rules: ColumnRules) -> Floats | None:
    """Return the numbers or truth values of a column `[N]`, NaN where one is missing; None where it holds others.

    Raises:
        ConfigError: it has no value at all or an infinite one, or a text among numbers.
    """
    name = str(column.name)
    _refuse_empty(column, where, rules)
    if _merges(column):
        return None
    rules = replace(rules, dates="none")
    numeric = read_numbers(column) or read_texts(column, where, rules, rules.advise(name, leads="; or "))
    if numeric is None or numeric.kind not in ("number", "truth"):
        return None
    refuse_infinite(numeric, where)
    return numeric.values


def _read_levels(column: pd.Series[Any], where: str, rules: ColumnRules) -> Categorical:
    read = read_names(column, where)
    if len(read.levels) > MOST_LEVELS:
        advice = rules.advise(read.name, leads="; ", settings=["drop"])
        raise ConfigError(f"{where} has {len(read.levels)} distinct texts, {MOST_LEVELS} are allowed{advice}")
    return read


def read_texts(column: pd.Series[Any], where: str, rules: ColumnRules, remedy: str) -> Numeric | None:
    """Return the numbers or dates that a column of texts holds; None where its texts are names.

    Raises:
        ConfigError: it is meant as numbers or dates, but a text is not one, or can be read in two ways; the message
            ends with `remedy`, such as `; or leave it out`.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return None
    if column.dtype == object and not all(isinstance(value, str) for value in column.dropna()):
        return None
    codes, found = pd.factorize(column)
    texts = [str(text) for text in found]
    try:
        dates = None if rules.dates == "none" else read_date_texts(texts, rules.dates)
        if dates is not None:
            return Numeric(str(column.name), _spread(dates.days, codes), "date", dates.read_as, ("date", dates.order))
        numbers = read_number_texts(texts, rules.decimal, rules.thousands)
    except (UnreadDate, UnreadNumber) as refusal:
        row = int(np.flatnonzero(codes == texts.index(refusal.text))[0]) + 1
        shown = repr(refusal.text) if len(refusal.text) <= 60 else f"{refusal.text[:57]!r}..."
        raise ConfigError(f"{where}, row {row}: {shown} {refusal.reason}{remedy}") from None
    if numbers is None:
        return None
    form = numbers.form
    written = ("number", form.before, form.unit, form.decimal)
    return Numeric(str(column.name), _spread(numbers.values, codes), "number", numbers.read_as, written)


def _spread(values: Floats, codes: NDArray[np.intp]) -> Floats:
    """Return the value of each row from those of the distinct texts; NaN where there is none."""
    return np.append(values, np.nan)[codes]


def refuse_infinite(column: Numeric, where: str) -> None:
    """Refuse a column of numbers that holds an infinite one, naming its row."""
    infinite = np.flatnonzero(np.isinf(column.values))
    if len(infinite):
        raise ConfigError(
            f"{where}, row {infinite[0] + 1}: the value is {column.values[infinite[0]]}; it must be a finite number"
        )


def read_target(column: pd.Series[Any], where: str, rules: ColumnRules | None = None) -> NDArray[Any]:
    """Return a target column as numbers, truth values or texts; with `rules`, texts that are numbers as numbers.

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
    if rules is not None and str(column.name) not in rules.categories:
        read = read_texts(column, where, rules, "; or set dataset.task=classification if its texts are classes")
        # Whole numbers too long for a float64 to tell apart are names.
        if read is not None and read.kind == "number" and len(np.unique(read.values)) == column.nunique():
            return read.values
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
    if column.dtype == np.float64:
        return Numeric(name, column.to_numpy())  # no copy: large tables lie in memory once
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


def list_texts(column: pd.Series[Any]) -> tuple[str, ...]:
    """Return the cells of a column as texts, a missing one as the empty text."""
    values = column.astype(object)
    return tuple("" if gone else str(value) for value, gone in zip(values, column.isna(), strict=True))


def advise_drop(name: str) -> str:
    """Say how to leave a column out."""
    return advise(DEEDS["drop"], "drop", name)


def advise(deed: str, setting: str, name: str) -> str:
    """Say what to type so that a setting lists a column, in quotes where Hydra and the shell need them."""
    if PLAIN_NAME.fullmatch(name):
        return f"{deed}: 'dataset.{setting}=[{name}]'"
    if name.isprintable() and not set("'\"\\$") & set(name):
        return f"{deed}: 'dataset.{setting}=[\"{name}\"]'"
    return f"{deed} with dataset.{setting}"


def _refuse_strange(values: pd.Series[Any], where: str) -> None:
    """Refuse lists, bytes, mappings and whatever else is no single text, number, truth value or date."""
    for place, value in values.items():
        if not isinstance(value, (str, bool, int, float, Decimal, date, np.number, np.bool_)):
            raise ConfigError(
                f"{where}, row {int(str(place)) + 1}: holds a value of type {type(value).__name__}; "
                "allowed are numbers, texts, truth values and dates"
            )
