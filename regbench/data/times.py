"""Times of rows: numbers, or dates with or without a time of day."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.columns import ColumnRules, read_column
from regbench.data.date_texts import DAY
from regbench.data.lines import read_number, show
from regbench.data.records import Floats, Numeric
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Times = NDArray[Any]
"""Times `[N]` as float64 or as datetime64[us], universal time where a zone is given; none is missing."""


def read_time(text: str) -> float | None:
    """Return a number, or a date as seconds since 1970-01-01; None for anything else."""
    number = read_number(text)
    if number is not None:
        return None if math.isnan(number) else number
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def read_times(column: pd.Series[Any], where: str, rules: ColumnRules | None = None) -> Times:
    """Return the times of a column; `rules` are what the person says of columns of texts.

    Raises:
        ConfigError: a time is missing, or neither a number nor a date; `where` is what the message calls the column.
    """
    import pandas as pd

    missing = np.flatnonzero(column.isna())
    if len(missing):
        raise ConfigError(f"{where}, row {missing[0] + 1}: the time is missing; every row needs one")
    if column.dtype.kind in "iuf":
        numbers = column.to_numpy(dtype=np.float64)
        if not np.isfinite(numbers).all():
            row = int(np.flatnonzero(~np.isfinite(numbers))[0])
            raise ConfigError(f"{where}, row {row + 1}: the time is {numbers[row]}; it must be a finite number")
        return numbers
    dates = pd.to_datetime(column, format="ISO8601", utc=True, errors="coerce")
    if not dates.isna().any():
        return dates.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    unread = int(np.flatnonzero(dates.isna())[0])
    read = None
    if dates.isna().all():  # dates in another form, if the tables' reader knows it
        read = read_column(column, where, replace(rules or ColumnRules(), remedies=()))
    if isinstance(read, Numeric):
        return (read.values * DAY).round().astype("datetime64[us]") if read.kind == "date" else read.values
    raise ConfigError(
        f"{where}, row {unread + 1}: {show(str(column.iloc[unread]))} is neither a number nor a date such as "
        "2020-12-31 or 2020-12-31 23:59:59"
    )


def name_time(times: Times, place: int) -> str:
    """Return a time as messages show it."""
    time = times[place]
    return f"{time:g}" if times.dtype.kind == "f" else str(time.astype("datetime64[s]")).replace("T", " ")


def refuse_irregular(times: Times, rows: NDArray[np.int64], where: str) -> None:
    """Refuse times, in their order, of which two are equal or whose steps are not all the same.

    Months are steps of one size, and so are the days from one working day to the next.

    Args:
        times: `[N]`, ascending.
        rows: their rows in the file, from 0.
        where: what messages call the column.

    Raises:
        ConfigError: names the first row that is not one step after the row before.
    """
    for place in np.flatnonzero(times[1:] == times[:-1]).tolist():
        one, other = sorted((int(rows[place]) + 1, int(rows[place + 1]) + 1))
        raise ConfigError(f"{where}: rows {one} and {other} have one time, {name_time(times, place)}")
    if len(times) < 3:
        return  # one step is equal to itself
    odd = min((_find_odd(steps) for steps in _count_steps(times)), key=len)
    if len(odd) == 0:
        return
    place = int(odd[0])
    raise ConfigError(
        f"{where}, row {int(rows[place + 1]) + 1}: {name_time(times, place + 1)} does not follow "
        f"{name_time(times, place)} by the step of the other rows; a forecast needs times in equal steps: fill the "
        "gaps (an empty cell counts as the last known value), or name a column of row numbers if they mean nothing"
    )


def _find_odd(steps: Floats) -> NDArray[np.int64]:
    """Return the places of the steps that differ from the median by more than the rounding of numbers explains."""
    usual = np.median(steps)
    return np.flatnonzero(np.abs(steps - usual) > 1e-6 * abs(usual))


def _count_steps(times: Times) -> list[Floats]:
    """Return the steps `[N - 1]` in every unit in which they may be equal: time itself, months, working days.

    Months count where all times are at one moment of their month, or of the days before the next one.
    """
    if times.dtype.kind == "f":
        return [np.diff(times)]
    steps = [np.diff(times.astype(np.int64)).astype(np.float64)]
    for moved in (times, times + np.timedelta64(1, "D")):
        months = moved.astype("datetime64[M]")
        if len(np.unique(moved - months)) == 1:
            steps.append(np.diff(months.astype(np.int64)).astype(np.float64))
    days = times.astype("datetime64[D]")
    if len(np.unique(times - days)) == 1 and np.is_busday(days).all():
        steps.append(np.busday_count(days[:-1], days[1:]).astype(np.float64))
    return steps
