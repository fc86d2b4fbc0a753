"""Dates that are written as texts: with the year, the day or the month first, or with the month's name.

What comes first is decided for the column as a whole, from its distinct texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

FEW = 20
"""Dates up to which a column of which most texts are none may hold names."""

EPOCH = date(1970, 1, 1).toordinal()
TIME = (
    r"(?:[T ]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?)?"
)
YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[-./])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}}){TIME}")
YEAR_LAST = re.compile(rf"(?P<first>\d{{1,2}})(?P<mark>[-./])(?P<second_>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){TIME}")
SHORT_YEAR = re.compile(rf"\d{{1,2}}([-./])\d{{1,2}}\1\d{{2}}{TIME}")
WEEKDAY = r"(?:(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?\.?,?\s+)?"
DAY_NAME = re.compile(rf"{WEEKDAY}(?P<day>\d{{1,2}})[-. ]+(?P<name>[a-z]{{3,9}})\.?[-, ]+(?P<year>\d{{4}}){TIME}", re.I)
NAME_DAY = re.compile(rf"{WEEKDAY}(?P<name>[a-z]{{3,9}})\.?[- ]+(?P<day>\d{{1,2}}),?[- ]+(?P<year>\d{{4}}){TIME}", re.I)
MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
BY_NAME = {key: number for number, name in enumerate(MONTHS, 1) for key in (name, name[:3])} | {"sept": 9}
READ_AS = {"year_first": "", "day_first": "dates, day first", "month_first": "dates, month first"}


class UnreadDate(Exception):
    """A text of a column that is meant as dates, which is none, or which can be read in two ways."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text, self.reason = text, reason


@dataclass(frozen=True)
class DateTexts:
    """Days since 1970-01-01 `[K]` of the distinct texts of a column, and how they were read.

    `order` is year_first, day_first or month_first, and reads new texts in the same way.
    """

    days: NDArray[np.float64]
    order: str
    read_as: str


def read_date_texts(texts: Sequence[str], order: str = "infer") -> DateTexts | None:
    """Return the days that the distinct texts of a column are; None where the column is not meant as dates.

    Args:
        texts: the distinct texts, none of them a missing value.
        order: day_first or month_first for texts such as 3/4/2020; infer: by the texts that only one of them fits.

    Raises:
        UnreadDate: the column is meant as dates, but this text is not one, or can be read in two ways.
    """
    matches = [_match(text.strip()) for text in texts]
    others = [text for text, match in zip(texts, matches, strict=True) if match is None]
    short = [text for text in others if SHORT_YEAR.fullmatch(text.strip())]
    like = len(texts) - len(others) + len(short)
    if like == 0 or (2 * like < len(texts) and like <= FEW):
        return None
    if short:
        raise UnreadDate(short[0], "has a year of two digits; write four")
    if others:
        mark = f"'dataset.missing=[\"{others[0]}\"]'"
        raise UnreadDate(others[0], f"is not a date, but other cells are; set {mark} if it stands for a missing value")
    found = [match for match in matches if match is not None]
    order = _find_order(texts, found, order)
    days = np.array([_count_days(text, match, order) for text, match in zip(texts, found, strict=True)])
    return DateTexts(days, order, READ_AS[order])


def _match(text: str) -> re.Match[str] | None:
    for shape in (YEAR_FIRST, YEAR_LAST, DAY_NAME, NAME_DAY):
        match = shape.fullmatch(text)
        if match is not None and (match.groupdict().get("name") or "may").lower() in BY_NAME:
            return match
    return None


def _find_order(texts: Sequence[str], matches: Sequence[re.Match[str]], order: str) -> str:
    """Return what comes first in texts whose year comes last.

    Raises:
        UnreadDate: both readings fit, or some texts have the day first and others the month.
    """
    pairs = [(t, int(m["first"]), int(m["second_"])) for t, m in zip(texts, matches, strict=True) if m.re is YEAR_LAST]
    if not pairs:
        return "year_first"
    if order in ("day_first", "month_first"):
        return order
    days = [text for text, first, _ in pairs if first > 12]
    months = [text for text, _, second in pairs if second > 12]
    if days and months:
        fewer = min(days, months, key=len)[0]
        raise UnreadDate(fewer, "has day and month the other way round than other cells; write all dates alike")
    if days or months:
        return "day_first" if days else "month_first"
    unlike = [text for text, first, second in pairs if first != second]
    if unlike:
        raise UnreadDate(
            unlike[0],
            "may have the day or the month first, as all cells may; "
            "set dataset.dates=day_first or dataset.dates=month_first",
        )
    return "day_first"


def _count_days(text: str, match: re.Match[str], order: str) -> float:
    """Return the days since 1970-01-01 of one text, in universal time where it names a zone."""
    parts = match.groupdict()
    if match.re is YEAR_LAST:
        first, second = int(parts["first"]), int(parts["second_"])
        day, month = (first, second) if order == "day_first" else (second, first)
    else:
        day = int(parts["day"])
        month = BY_NAME[parts["name"].lower()] if parts.get("name") else int(parts["month"])
    try:
        whole = date(int(parts["year"]), month, day).toordinal() - EPOCH
    except ValueError:
        raise UnreadDate(text, "is not a day of the calendar; correct it, or leave the cell empty") from None
    return whole + _count_time(text, parts)


def _count_time(text: str, parts: dict[str, str | None]) -> float:
    """Return the time of day as a fraction of a day."""
    if parts["hour"] is None:
        return 0.0
    hour, minute, second = int(parts["hour"]), int(parts["minute"] or 0), float(parts["second"] or 0)
    if parts["half"]:
        if not 1 <= hour <= 12:
            raise UnreadDate(text, "is not a time of day")
        hour = hour % 12 + (12 if parts["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second >= 60:
        raise UnreadDate(text, "is not a time of day")
    zone = parts["zone"]
    offset = 0 if zone in (None, "Z") else (1 if zone[0] == "+" else -1) * (int(zone[1:3]) * 60 + int(zone[-2:]))
    return ((hour * 60 + minute - offset) * 60 + second) / 86_400.0
