"""Dates that are written as texts: with the year, the day or the month first, or with the month's name.

What comes first is decided for the column as a whole, from its distinct texts: `03/04/2020` alone may be two days.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regbench.data.number_texts import advise_missing

FEW = 20
"""Dates up to which a column of which most texts are none may be one of names."""

EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400 * 10**6
"""Microseconds of a day."""

ISO, YEAR_FIRST, YEAR_LAST, NAMED = "iso", "year first", "year last", "months by name"
TWO_DIGITS = "has a year of two digits; write four"
NO_DAY = "is not a day of the calendar; correct it, or leave the cell empty"
NO_TIME = "has no time of day after its date; correct it, or leave the cell empty"
EITHER = "reads as a day or as a month first; set dataset.dates=day_first or dataset.dates=month_first"
OTHER_WAY = "has day and month the other way round than other cells; write all dates alike"
MISFITS = {
    "year_first": "does not have its year first, as the other dates do",
    "day_first": "is not a day of the calendar with the day first",
    "month_first": "is not a day of the calendar with the month first",
}

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
WEEKDAY = (
    r"(?:(?:mon(?:day)?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:r|rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
    r"(?:[.,]+ *| +))?"
)
ZONE = r"(?: *(?P<zone>Z|[+-]\d{2}:?\d{2}))?"
FRACTION = r"(?:\.(?P<fraction>\d{1,9}))?"
ISO_TIME = rf"(?:[T ](?P<hour>\d{{2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}){FRACTION})?(?P<half>){ZONE})?"
TIME = (
    rf"(?:(?:T| +)(?P<hour>\d{{1,2}}):(?P<minute>\d{{2}})(?::(?P<second>\d{{2}}){FRACTION})?"
    rf"(?: *(?P<half>[ap]m))?{ZONE})?"
)
SHAPES = tuple(
    (shape, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for shape, pattern in (
        (ISO, rf"(?P<year>\d{{4}})-(?P<month>\d{{2}})-(?P<day>\d{{2}}){ISO_TIME}"),
        (YEAR_FIRST, rf"(?P<year>\d{{4}})(?P<mark>[-./])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){TIME}"),
        (YEAR_LAST, rf"(?P<day>\d{{1,2}})(?P<mark>[-./])(?P<month>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d{{2}}){TIME}"),
        (NAMED, rf"{WEEKDAY}(?P<day>\d{{1,2}})[-./ ] *{MONTH}[-,/ ] *(?P<year>\d{{4}}|\d{{2}}){TIME}"),
        (NAMED, rf"{WEEKDAY}{MONTH}[- ] *(?P<day>\d{{1,2}})[-, ] *(?P<year>\d{{4}}|\d{{2}}){TIME}"),
    )
)


class UnreadDate(Exception):
    """A text of a column that is meant as dates, which is none, or which can be read in two ways.

    `reason` is a clause that goes on after the text: `is not a day of the calendar`.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text, self.reason = text, reason


@dataclass(frozen=True)
class DateTexts:
    """Days since 1970-01-01 `[K]` of the distinct texts of a column, and how they were read.

    `order` is year_first, day_first or month_first, and reads new texts in the same way; `read_as` is empty for plain
    ISO texts.
    """

    days: NDArray[np.float64]
    order: str
    read_as: str


class _Reading(NamedTuple):
    """What one text may be: its days with the day and with the month first (NaN: none), its shape, what it lacks."""

    day_first: float
    month_first: float
    shape: str
    fault: str = ""


def read_date_texts(texts: Sequence[str], order: str = "infer") -> DateTexts | None:
    """Return the days that the distinct texts of a column are; None where the column is not meant as dates.

    It is meant as dates if at least half of the texts look like dates, or more than `FEW` do.

    Args:
        texts: the distinct texts, none of them a missing value.
        order: day_first or month_first for texts such as 3/4/2020; year_first: neither, so such texts are refused;
            infer: by the texts that only one of them fits.

    Raises:
        UnreadDate: the column is meant as dates, but this text is not one, or can be read in two ways.
        ValueError: `order` is none of these.
    """
    if order != "infer" and order not in MISFITS:
        raise ValueError(f"order={order!r}; allowed are infer, {', '.join(MISFITS)}")
    readings = [_read(text.strip()) for text in texts]
    found = [reading for reading in readings if reading is not None]
    if not found or (2 * len(found) < len(texts) and len(found) <= FEW):
        return None
    for text, reading in zip(texts, readings, strict=True):
        if reading is None:
            advice = f"set {advise_missing([text])} if it stands for a missing value"
            raise UnreadDate(text, f"is not a date, but other cells are; {advice}")
        if reading.fault:
            raise UnreadDate(text, reading.fault)
    days = np.array([reading[:2] for reading in found], dtype=np.float64)
    order = _infer_order(texts, days) if order == "infer" else order
    _refuse_misfits(texts, days, order)
    shapes = {reading.shape for reading in found}
    return DateTexts(days[:, int(order == "month_first")].copy(), order, _describe(shapes, order))


def _read(text: str) -> _Reading | None:
    """Return what a text may be; None where it does not look like a date."""
    for shape, pattern in SHAPES:
        match = pattern.fullmatch(text)
        if match is not None:
            return _interpret(shape, match)
    return None


def _interpret(shape: str, match: re.Match[str]) -> _Reading:
    """Return what a text that looks like a date may be.

    Formula: (86400·10^6·day + microseconds) / (86400·10^6), rounded once: a time of whole seconds is the same number as
    in a column of type date.
    """
    year = match["year"]
    if len(year) == 2:
        return _Reading(math.nan, math.nan, shape, TWO_DIGITS)
    day = int(match["day"])
    month = MONTHS.index(match["name"][:3].lower()) + 1 if shape == NAMED else int(match["month"])
    first = _count_days(int(year), month, day)
    second = _count_days(int(year), day, month) if shape == YEAR_LAST else first
    if first is None and second is None:
        return _Reading(math.nan, math.nan, shape, NO_DAY)
    micros = 0 if match["hour"] is None else _count_micros(match)
    if micros is None:
        return _Reading(math.nan, math.nan, shape, NO_TIME)
    day_first, month_first = (math.nan if days is None else (days * DAY + micros) / DAY for days in (first, second))
    return _Reading(day_first, month_first, shape)


def _count_days(year: int, month: int, day: int) -> int | None:
    """Return the days since 1970-01-01; None where the calendar has no such day."""
    try:
        return date(year, month, day).toordinal() - EPOCH
    except ValueError:
        return None


def _count_micros(match: re.Match[str]) -> int | None:
    """Return the microseconds since midnight, universal time where the text has an offset; None for no time of day.

    Formula: 10^6·(60·(60·hour + minute − offset) + second) + fraction, digits beyond the sixth cut off.
    """
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    half, zone = (match["half"] or "").lower(), match["zone"] or "Z"
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    offset = 0
    if zone not in "Zz":
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > 23 or minutes > 59:
            return None
        offset = (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((match["fraction"] or "0").ljust(6, "0")[:6])
    return ((hour * 60 + minute - offset) * 60 + second) * 10**6 + fraction


def _infer_order(texts: Sequence[str], days: NDArray[np.float64]) -> str:
    """Return what comes first in the dates `[K, 2]` of a column; year_first where that makes no difference.

    Raises:
        UnreadDate: some texts have the day first and others the month, or all may have either.
    """
    day_only, month_only = np.flatnonzero(np.isnan(days[:, 1])), np.flatnonzero(np.isnan(days[:, 0]))
    if len(day_only) and len(month_only):
        rarer = min(day_only, month_only, key=lambda rows: (len(rows), -int(rows[0])))
        raise UnreadDate(texts[int(rarer[0])], OTHER_WAY)
    if len(day_only) or len(month_only):
        return "day_first" if len(day_only) else "month_first"
    unlike = np.flatnonzero(days[:, 0] != days[:, 1])
    if len(unlike):
        raise UnreadDate(texts[int(unlike[0])], EITHER)
    return "year_first"


def _refuse_misfits(texts: Sequence[str], days: NDArray[np.float64], order: str) -> None:
    """Refuse the first text that is no date in this order.

    Raises:
        UnreadDate: there is one.
    """
    unlike = days[:, 0] != days[:, 1]  # true where one of them is NaN
    misfits = unlike if order == "year_first" else np.isnan(days[:, int(order == "month_first")])
    if misfits.any():
        raise UnreadDate(texts[int(misfits.argmax())], MISFITS[order])


def _describe(shapes: set[str], order: str) -> str:
    """Say how dates were read, by the shape among theirs that is read with the most assumptions."""
    if YEAR_LAST in shapes:
        return "dates, month first" if order == "month_first" else "dates, day first"
    if NAMED in shapes:
        return "dates, months by name"
    return "dates, year first" if YEAR_FIRST in shapes else ""
