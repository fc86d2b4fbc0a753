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

from regbench.data.number_words import MAGNITUDES, MARKERS, MONEY, UNITS

FEW = 20
"""Distinct numbers up to which a column with other texts may be one of names, such as `1`, `2`, `3+`."""

SPACES = re.compile("[\\s\u00a0\u2007\u2009\u202f]+")
MINUSES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'"})
QUOTED = re.compile(r'="(.*)"')
BRACKETED = re.compile(r"([^\d\s()+-]{0,5}) ?\(([^()]+)\) ?([^\d\s()+-]{0,10})")
SHAPE = re.compile(
    r"(?P<sign>[+-])?(?P<before>[^\d\s.,'()+-][^\d\s,'()+-]{0,4})? ?(?P<inner>[+-])?"
    r"(?P<body>\d[\d.,' ]*|[.,]\d+)(?P<exponent>[eE][+-]?\d{1,3})? ?"
    # A unit begins with a letter or its sign, not with the colon of 12:30 or the slash of 1/2.
    r"(?P<unit>[^\d\s.,'()+\-:;/*<>=~^&|!?_#@×±][^\s()]{0,9})?(?P<trail>-)?"
)
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
POINT = re.compile(r"(\d+|[1-9]\d{0,2}([ ,'])\d{3}(\2\d{3})*|[1-9]\d?(,\d{2})+,\d{3})?(\.\d*)?")
COMMA = re.compile(r"(\d+|[1-9]\d{0,2}([ .'])\d{3}(\2\d{3})*)?(,\d*)?")
LEADING_ZERO = re.compile(r"[+-]?0\d+")
LONG = re.compile(r"[+-]?\d{16,}")
"""Digits of which float64 may not tell two apart."""


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
    parts = [_take_apart(text) for text in texts]  # None of a version such as 1.0.2, which no mark makes a number
    _refuse_others(texts, parts)
    found = [part for part in parts if part is not None]
    if len(found) < len(texts) or not found:
        return None
    _refuse_several_units(texts, found)
    if not _are_numbers(texts, found):
        return None
    zeros = [part.body.strip("0.,") == "" for part in found]
    before = _agree(texts, [part.before for part in found], zeros)
    unit = _agree(texts, [part.unit for part in found], zeros)
    mark = _find_decimal(texts, [part.body for part in found], decimal, thousands)
    form = NumberForm(before, unit, mark)
    values = np.array([_compute(part, mark) for part in found])
    if not np.isfinite(values).all():
        raise UnreadNumber(texts[int(np.flatnonzero(~np.isfinite(values))[0])], "is too large")
    if any(LONG.fullmatch(text.strip()) for text in texts) and len(np.unique(values)) < len(texts):
        return None
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
    plain = quoted[1].strip() if quoted else plain
    bracketed = BRACKETED.fullmatch(plain)
    match = SHAPE.fullmatch("".join(bracketed.groups()).strip() if bracketed else plain)
    if match is None or not (_fits(match["body"].strip(), ".") or _fits(match["body"].strip(), ",")):
        return None
    signs = [mark for mark in (match["sign"], match["inner"], match["trail"]) if mark]
    if len(signs) + bool(bracketed) > 1:
        return None
    before, unit = (match["before"] or "").strip(), (match["unit"] or "").strip()
    if before and not _is_money(before):
        return None
    if unit and _is_money(unit):
        before, unit = before or unit, ""
    return _Parts(bool(bracketed) or "-" in signs, match["body"].strip(), match["exponent"] or "", before, unit)


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


def _refuse_several_units(texts: Sequence[str], parts: Sequence[_Parts]) -> None:
    """Refuse `5 g` beside `2 kg`, and `3M` beside `1.2K`, of which the letters multiply.

    Letters that are no known units make codes, as in `10A` and `12B`.
    """
    units = [part.unit.lower() for part in parts]
    several = len(set(units) - {""}) > 1
    if several and set(units) <= MAGNITUDES:
        other = next(text for text, unit in zip(texts, units, strict=True) if unit != units[0])
        raise UnreadNumber(other, f"is of another magnitude than {texts[0]!r}; write all numbers out")
    if several and set(units) & UNITS:
        first = next(unit for unit in units if unit)
        other = next(text for text, unit in zip(texts, units, strict=True) if unit not in ("", first))
        raise UnreadNumber(other, f"has another unit than {texts[units.index(first)]!r}; write all cells in one unit")


def advise_missing(texts: Sequence[str]) -> str:
    """Say what to type so that texts count as missing values, in quotes as the shell and Hydra need them."""
    if any(not text.isprintable() or set("'\"\\$") & set(text) or len(text) > FEW for text in texts[:3]):
        return "dataset.missing"
    marks = ", ".join(text if re.fullmatch(r"[A-Za-z][\w.]*", text) else f'"{text}"' for text in texts[:3])
    return f"'dataset.missing=[{marks}]'"


def _are_numbers(texts: Sequence[str], parts: Sequence[_Parts]) -> bool:
    """Tell whether texts that all look like numbers are: codes such as `007`, and `10B` among few, are names."""
    if any(LEADING_ZERO.fullmatch(text.strip()) for text in texts):
        return False
    units = {part.unit.lower() for part in parts} - {""}
    return not units or units <= UNITS or (len(units) == 1 and len(texts) > FEW)


def _agree(texts: Sequence[str], marks: Sequence[str], zeros: Sequence[bool]) -> str:
    """Return the mark, such as a currency, that all numbers have; a zero may be without it.

    Raises:
        UnreadNumber: two have different ones.
    """
    written = list(zip(texts, marks, zeros, strict=True))
    example, first, _ = _find_example(written)
    for text, own, zero in written:
        if own != first and (own or not zero):
            raise UnreadNumber(text, f"is not written as {example!r} is; write all cells in one currency or unit")
    return first


def _find_example(written: Sequence[tuple[str, str, bool]]) -> tuple[str, str, bool]:
    """Return the first number that is not zero, else the first zero with a sign, else the first."""
    return next((cell for cell in written if not cell[2]), next((cell for cell in written if cell[1]), written[0]))


def _find_decimal(texts: Sequence[str], bodies: Sequence[str], decimal: str | None, thousands: str | None) -> str:
    """Return the mark of decimals.

    Raises:
        UnreadNumber: no mark reads all texts, or a comma may be either.
    """
    marks = [mark for mark in (".", ",") if decimal in (None, mark) and mark != thousands]
    fitting = [mark for mark in marks if all(_fits(body, mark, thousands) for body in bodies)]
    if not fitting:
        fits = [[_fits(body, mark, thousands) for body in bodies] for mark in marks]
        best = max(fits, key=sum)
        raise UnreadNumber(texts[best.index(False)], "is not a number as the other cells are written")
    if len(fitting) == 2 and any("," in body for body in bodies):
        text = next(text for text, body in zip(texts, bodies, strict=True) if "," in body)
        raise UnreadNumber(
            text, "has a comma that may separate decimals or thousands; set dataset.decimal=, or dataset.thousands=,"
        )
    return fitting[0]


def _fits(body: str, decimal: str, thousands: str | None = None) -> bool:
    """Tell whether digits are a number with this mark of decimals, and with no other than this between thousands."""
    if (POINT if decimal == "." else COMMA).fullmatch(body) is None:
        return False
    return thousands is None or set(body) & set(".,' ") <= {decimal, thousands}


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
