"""Numbers that are written as texts: with signs of money, percent, units, brackets, separators of thousands.

How a column writes its numbers is decided for the column as a whole, from its distinct texts: a comma means the same in
all of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW = 20
"""Distinct numbers up to which a column with other texts may be one of names, such as `1`, `2`, `3+`."""

MARKERS = frozenset(
    {
        *(
            "?",
            "-",
            "--",
            "---",
            "–",
            "—",
            ".",
            "..",
            "*",
            "n/a",
            "na",
            "n.a.",
            "nan",
            "null",
            "nil",
            "none",
            "missing",
        ),
        *(
            "unknown",
            "unk",
            "undefined",
            "tbd",
            "#n/a",
            "#na",
            "#value!",
            "#ref!",
            "#div/0!",
            "inf",
            "-inf",
            "infinity",
        ),
        *("(missing)", "(null)", "<na>", "nat", "not available", "no data", "k.a."),
    }
)
"""Texts, in small letters, that stand for a missing value in files of others."""

MONEY = frozenset(
    {
        *(
            "usd",
            "eur",
            "gbp",
            "chf",
            "jpy",
            "cny",
            "inr",
            "aud",
            "cad",
            "sek",
            "nok",
            "dkk",
            "pln",
            "brl",
            "mxn",
            "krw",
        ),
        *("us$", "a$", "c$", "r$", "hk$", "rs", "rs.", "kr", "kr.", "fr.", "zł", "dm", "euro", "dollars"),
    }
)
"""Words of money, in small letters, besides every character that Unicode calls a currency symbol."""

UNITS = frozenset(
    {
        *(
            "kg",
            "mg",
            "lb",
            "lbs",
            "oz",
            "km",
            "cm",
            "mm",
            "µm",
            "nm",
            "mi",
            "miles",
            "mile",
            "ft",
            "inch",
            "inches",
            "yd",
        ),
        *("ml", "cl", "hr", "hrs", "hours", "min", "mins", "minutes", "sec", "ms", "days", "day", "weeks", "months"),
        *(
            "month",
            "years",
            "year",
            "yrs",
            "yr",
            "°c",
            "°f",
            "°",
            "mv",
            "kv",
            "kw",
            "mw",
            "kwh",
            "wh",
            "ah",
            "mah",
            "ma",
        ),
        *(
            "hz",
            "khz",
            "mhz",
            "ghz",
            "kb",
            "mb",
            "gb",
            "tb",
            "mph",
            "km/h",
            "kmh",
            "kmph",
            "kmpl",
            "bhp",
            "hp",
            "ps",
            "cc",
        ),
        *("rpm", "km/kg", "pa", "kpa", "bar", "psi", "px", "pt", "mg/l", "mg/dl", "mmol/l", "sqft", "sqm", "m2", "m²"),
        *("m3", "m³", "ha", "acres", "ppm", "db", "%"),
    }
)
"""Units, in small letters, that make numbers of a column even where it has few distinct ones."""

MAGNITUDES = frozenset({"", "k", "m", "b", "mn", "bn", "mio", "mrd"})

SPACES = re.compile("[\\s\u00a0\u2007\u2009\u202f]+")
MINUSES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'"})
QUOTED = re.compile(r'="(.*)"')
SHAPE = re.compile(
    r"(?P<open>\()?(?P<sign>[+-])?(?P<before>[^\d\s.,'()+-][^\d\s,'()+-]{0,4})? ?(?P<inner>[+-])?"
    r"(?P<body>\d[\d.,' ]*|[.,]\d+)(?P<exponent>[eE][+-]?\d{1,3})? ?(?P<unit>[^\d\s.,'()+-][^\s()]{0,9})?"
    r"(?P<close>\))?(?P<trail>-)?"
)
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
POINT = re.compile(r"(\d+|\d{1,3}([ ,'])\d{3}(\2\d{3})*|\d{1,2}(,\d{2})+,\d{3})?(\.\d*)?")
COMMA = re.compile(r"(\d+|\d{1,3}([ .'])\d{3}(\2\d{3})*)?(,\d*)?")
LEADING_ZERO = re.compile(r"[+-]?0\d+")


class UnreadNumber(Exception):
    """A text of a column that is meant as numbers, which is none, or which can be read in two ways."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text, self.reason = text, reason


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written: what stands before and after each, and which mark the decimals have."""

    before: str = ""
    unit: str = ""
    decimal: str = "."


@dataclass(frozen=True)
class NumberTexts:
    """Numbers `[K]` of the distinct texts of a column, and how they were read; `read_as` is empty for plain numbers."""

    values: NDArray[np.float64]
    form: NumberForm
    read_as: str


@dataclass(frozen=True)
class _Parts:
    """One text taken apart: its digits with their separators, and all that stands around them."""

    negative: bool
    body: str
    exponent: str
    before: str
    unit: str


def read_number_texts(
    texts: Sequence[str], decimal: str | None = None, thousands: str | None = None
) -> NumberTexts | None:
    """Return the numbers that the distinct texts of a column are; None where the column is one of names.

    Args:
        texts: the distinct texts, none of them a missing value.
        decimal: the mark of decimals, `.` or `,`; None: found out.
        thousands: the mark between thousands; None: found out.

    Raises:
        UnreadNumber: the column is meant as numbers, but this text is not one, or another currency or unit, or it can
            be read in two ways.
    """
    parts = [_take_apart(text) for text in texts]
    _refuse_others(texts, parts)
    found = [part for part in parts if part is not None]
    if len(found) < len(texts) or not found:
        return None
    _refuse_magnitudes(texts, found)
    if not _are_numbers(texts, found):
        return None
    before, unit = _agree(texts, found, "before"), _agree(texts, found, "unit")
    mark = _find_decimal(texts, [part.body for part in found], decimal, thousands)
    form = NumberForm(before, unit, mark)
    values = np.array([_compute(part, mark) for part in found])
    if not np.isfinite(values).all():
        raise UnreadNumber(texts[int(np.flatnonzero(~np.isfinite(values))[0])], "is too large")
    return NumberTexts(values, form, _describe(form, texts, found))


def read_in_form(text: str, form: NumberForm) -> float | None:
    """Return the number that a text is, written as a column of training wrote its numbers; None for any other text."""
    part = _take_apart(text)
    if part is None or not _fits(part.body, form.decimal):
        return None
    zero = part.body.strip("0.,") == ""
    same = (part.before, part.unit) == (form.before, form.unit) or (zero and not part.before and not part.unit)
    return _compute(part, form.decimal) if same else None


def _take_apart(text: str) -> _Parts | None:
    plain = SPACES.sub(" ", text.translate(MINUSES)).strip()
    quoted = QUOTED.fullmatch(plain)
    match = SHAPE.fullmatch(quoted[1].strip() if quoted else plain)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    signs = [mark for mark in (match["sign"], match["inner"], match["trail"]) if mark]
    if len(signs) + bool(match["open"]) > 1 and signs != ["+"]:
        return None
    before, unit = (match["before"] or "").strip(), (match["unit"] or "").strip()
    if before and not _is_money(before):
        return None
    if unit and _is_money(unit):
        before, unit = before or unit, ""
    negative = bool(match["open"]) or "-" in signs
    return _Parts(negative, match["body"].strip(), match["exponent"] or "", before, unit)


def _is_money(word: str) -> bool:
    return word.lower() in MONEY or all(unicodedata.category(mark) == "Sc" for mark in word)


def _refuse_others(texts: Sequence[str], parts: Sequence[_Parts | None]) -> None:
    """Refuse the first text that is no number in a column that is meant as numbers.

    So it is if it has many distinct numbers, or if all that is not a number is a mark of missing values.
    """
    others = [text for text, part in zip(texts, parts, strict=True) if part is None]
    numbers = [text for text, part in zip(texts, parts, strict=True) if part is not None]
    plain = [text for text in numbers if PLAIN.fullmatch(text.strip()) or not text.strip()[-1:].isalpha()]
    if not others or not plain or any(LEADING_ZERO.fullmatch(text.strip()) for text in plain):
        return
    marked = [text for text in others if text.strip().lower() in MARKERS]
    if len(plain) > FEW or len(marked) == len(others):
        text = (marked or others)[0]
        what = f"set {advise_missing(marked or [text])} if it stands for a missing value"
        raise UnreadNumber(text, f"is not a number, but other cells are; {what}")


def _refuse_magnitudes(texts: Sequence[str], parts: Sequence[_Parts]) -> None:
    """Refuse `3M` beside `1.2K`: letters that multiply, which are not units."""
    units = [part.unit.lower() for part in parts]
    if set(units) <= MAGNITUDES and len(set(units) - {""}) > 1:
        other = next(text for text, unit in zip(texts, units, strict=True) if unit != units[0])
        raise UnreadNumber(other, f"is of another magnitude than {texts[0]!r}; write all numbers out")


def advise_missing(texts: Sequence[str]) -> str:
    """Say what to type so that texts count as missing values, in quotes as the shell and Hydra need them."""
    marks = ", ".join(text if re.fullmatch(r"[A-Za-z][\w.]*", text) else f'"{text}"' for text in texts[:3])
    return f"'dataset.missing=[{marks}]'"


def _are_numbers(texts: Sequence[str], parts: Sequence[_Parts]) -> bool:
    """Tell whether texts that all look like numbers are: codes such as `007`, and `10B` among few, are names."""
    if any(LEADING_ZERO.fullmatch(text.strip()) for text in texts):
        return False
    units = {part.unit.lower() for part in parts} - {""}
    return not units or units <= UNITS or (len(units) == 1 and len(texts) > FEW)


def _agree(texts: Sequence[str], parts: Sequence[_Parts], name: str) -> str:
    """Return what all numbers but zeros have before them, or after them.

    Raises:
        UnreadNumber: two have different ones.
    """
    first = getattr(parts[0], name)
    for text, part in zip(texts, parts, strict=True):
        own = getattr(part, name)
        if own == first or (not own and part.body.strip("0.,") == ""):
            continue
        if not first and parts[0].body.strip("0.,") == "":
            first = own
            continue
        raise UnreadNumber(text, f"is not written as {texts[0]!r} is; write all cells in one currency or unit")
    return str(first)


def _find_decimal(texts: Sequence[str], bodies: Sequence[str], decimal: str | None, thousands: str | None) -> str:
    """Return the mark of decimals.

    Raises:
        UnreadNumber: no mark reads all texts, or a comma may be either.
    """
    if decimal is None and thousands is not None:
        decimal = {",": ".", ".": ","}.get(thousands)
    marks = [mark for mark in (".", ",") if decimal in (None, mark)]
    fitting = [mark for mark in marks if all(_fits(body, mark) for body in bodies)]
    if not fitting:
        bad = next(text for text, body in zip(texts, bodies, strict=True) if not _fits(body, marks[0]))
        raise UnreadNumber(bad, "is not a number as the other cells are written")
    if len(fitting) == 2 and any("," in body for body in bodies):
        text = next(text for text, body in zip(texts, bodies, strict=True) if "," in body)
        raise UnreadNumber(
            text, "has a comma that may separate decimals or thousands; set dataset.decimal=, or dataset.thousands=,"
        )
    return fitting[0]


def _fits(body: str, decimal: str) -> bool:
    return (POINT if decimal == "." else COMMA).fullmatch(body) is not None


def _compute(part: _Parts, decimal: str) -> float:
    digits = part.body.replace(" ", "").replace("'", "")
    digits = digits.replace(",", "") if decimal == "." else digits.replace(".", "").replace(",", ".")
    value = float(digits + part.exponent)
    return -value if part.negative else value


def _describe(form: NumberForm, texts: Sequence[str], parts: Sequence[_Parts]) -> str:
    words = [f"currency {form.before}"] if form.before else []
    words += ["percent"] if form.unit == "%" else [f"unit {form.unit}"] if form.unit else []
    words += ["decimal comma"] if form.decimal == "," else []
    other = "," if form.decimal == "." else "."
    words += ["separated thousands"] if any(set(part.body) & {other, " ", "'"} for part in parts) else []
    words += ["brackets as minus"] if any("(" in text for text in texts) else []
    return ", ".join(words) or ("" if all(PLAIN.fullmatch(text) for text in texts) else "numbers in texts")
