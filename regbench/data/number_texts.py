"""Numbers that are written as texts: with signs of money, percent, units, brackets, separators of thousands.

How a column writes its numbers is decided for the column as a whole, from its distinct texts: a comma means the same in
all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.data.number_parts import PLAIN, Parts, bare, fits, is_marker, is_money, is_sign_of_money, take_apart
from regbench.data.number_words import MAGNITUDES

FEW = 20
"""Distinct numbers up to which a column with other texts may be one of names, such as `1`, `2`, `3+`."""

ALIKE = 3
"""Distinct numbers from which on a unit that all of them have is one, whatever it is."""

LEADING_ZERO = re.compile(r"[+-]?0\d+")
LONG = re.compile(r"[+-]?\d{16,}")
"""Digits of which float64 may not tell two apart."""

BYTE = r"(25[0-5]|2[0-4]\d|[01]?\d?\d)"
ADDRESS = re.compile(rf"{BYTE}(\.{BYTE}){{3}}")
VERSION = re.compile(r"\d+(\.\d+){2,}")


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
    parts = [take_apart(text) for text in texts]  # None of a version such as 1.0.2, which no mark makes a number
    if all(ADDRESS.fullmatch(bare(text)) for text in texts):
        return None
    _refuse_others(texts, parts)
    found = [part for part in parts if part is not None]
    if len(found) < len(texts) or not found:
        return None
    _refuse_two_currencies(texts, found)
    _refuse_several_units(texts, found)
    if not _are_numbers(texts, found):
        return None
    zeros = [part.is_zero for part in found]
    before = _agree(texts, [part.before for part in found], zeros)
    unit = _agree(texts, [part.unit for part in found], zeros)
    mark = _find_decimal(texts, [part.body for part in found], decimal, thousands)
    form = NumberForm(before, unit, mark)
    values = np.array([_compute(part, mark) for part in found])
    if not np.isfinite(values).all():
        raise UnreadNumber(texts[int(np.flatnonzero(~np.isfinite(values))[0])], "is too large")
    if _merges(texts, values):
        return None
    return NumberTexts(values, form, _describe(form, texts, found))


def read_in_form(text: str, form: NumberForm) -> float | None:
    """Return the number that a text is, written as a column of training wrote its numbers; None for any other text."""
    part = take_apart(text)
    if part is None or not fits(part.body, form.decimal):
        return None
    bare_zero = part.is_zero and not part.before and not part.unit
    same = bare_zero or (part.before, part.unit) == (form.before, form.unit)
    return _compute(part, form.decimal) if same else None


def find_no_number(texts: Sequence[str]) -> int | None:
    """Return the place of the first text that is no number; None where all are."""
    return next((place for place, text in enumerate(texts) if take_apart(text) is None), None)


def _merges(texts: Sequence[str], values: NDArray[np.float64]) -> bool:
    """Tell whether whole numbers are so long that float64 takes some of them for equal: keys, not amounts."""
    digits = {bare(text) for text in texts}
    return any(LONG.fullmatch(text) for text in digits) and len(np.unique(values)) < len(digits)


def _refuse_others(texts: Sequence[str], parts: Sequence[Parts | None]) -> None:
    """Refuse the first text that is no number in a column that is meant as numbers.

    So it is if it has many distinct numbers, if most of its texts have a currency, a known unit or decimals, or if all
    that is not a number is a mark of missing values.
    """
    others = [text for text, part in zip(texts, parts, strict=True) if part is None]
    numbers = [(bare(text), part) for text, part in zip(texts, parts, strict=True) if part is not None]
    amounts = [text for text, part in numbers if part.is_amount]
    alike = _have_one_unit([part for _, part in numbers])
    plain = [text for text, part in numbers if alike or part.is_amount or not text[-1:].isalpha()]
    if not others or not plain or any(LEADING_ZERO.fullmatch(text) for text in plain):
        return
    marked = [text for text in others if is_marker(text)]
    most = 2 * len(amounts) > len(texts) and not all(VERSION.fullmatch(bare(text)) for text in others)
    if most or len(plain) > FEW or len(marked) == len(others):
        text = (marked or others)[0]
        what = f"set {advise_missing(marked or [text])} if it stands for a missing value"
        raise UnreadNumber(text, f"is not a number, but other cells are; {what}")


def _refuse_two_currencies(texts: Sequence[str], parts: Sequence[Parts]) -> None:
    """Refuse `$5€`; `$5 CAD` has a sign and the code that says which dollars."""
    for text, part in zip(texts, parts, strict=True):
        if is_sign_of_money(part.before) and is_sign_of_money(part.unit):
            raise UnreadNumber(text, "has two currencies")


def _refuse_several_units(texts: Sequence[str], parts: Sequence[Parts]) -> None:
    """Refuse `5 g` beside `2 kg`, and `3M` beside `1.2K`, of which the letters multiply.

    Letters that are no known units make codes, as in `10A` and `12B`.
    """
    units = [_name_unit(part) for part in parts]
    several = len(set(units) - {""}) > 1
    if several and set(units) <= MAGNITUDES:
        other = next(text for text, unit in zip(texts, units, strict=True) if unit != units[0])
        raise UnreadNumber(other, f"is of another magnitude than {texts[0]!r}; write all numbers out")
    if several and any(part.has_known_unit for part in parts):
        first = next(unit for unit in units if unit)
        other = next(text for text, unit in zip(texts, units, strict=True) if unit not in ("", first))
        raise UnreadNumber(other, f"has another unit than {texts[units.index(first)]!r}; write all cells in one unit")


def _name_unit(part: Parts) -> str:
    """Return the unit in small letters; a currency is none."""
    return "" if is_money(part.unit) else part.unit.lower()


def _have_one_unit(parts: Sequence[Parts]) -> bool:
    """Tell whether several numbers have one and the same unit, known or not; a zero may be without it.

    A capital letter right behind the digits makes codes, as in 3G, 4G and 5G.
    """
    units = {part.unit for part in parts if part.unit or not part.is_zero}
    codes = any(len(part.unit) == 1 and part.unit.isupper() and not part.spaced for part in parts)
    return len(units) == 1 and units != {""} and not codes and sum(bool(part.unit) for part in parts) >= ALIKE


def advise_missing(texts: Sequence[str]) -> str:
    """Say what to type so that texts count as missing values, in quotes as the shell and Hydra need them."""
    if any(not text.isprintable() or set("'\"\\$") & set(text) or len(text) > FEW for text in texts[:3]):
        return "dataset.missing"
    marks = ", ".join(text if re.fullmatch(r"[A-Za-z][\w.]*", text) else f'"{text}"' for text in texts[:3])
    return f"'dataset.missing=[{marks}]'"


def _are_numbers(texts: Sequence[str], parts: Sequence[Parts]) -> bool:
    """Tell whether texts that all look like numbers are: codes such as `007`, and `10B` among few, are names."""
    if any(LEADING_ZERO.fullmatch(bare(text)) for text in texts):
        return False
    if all(part.has_known_unit or not _name_unit(part) for part in parts) or _have_one_unit(parts):
        return True
    return len({_name_unit(part) for part in parts} - {""}) == 1 and len(texts) > FEW


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
    fitting = [mark for mark in marks if all(fits(body, mark, thousands) for body in bodies)]
    if not fitting:
        fitted = [[fits(body, mark, thousands) for body in bodies] for mark in marks]
        best = max(fitted, key=sum)
        raise UnreadNumber(texts[best.index(False)], "is not a number as the other cells are written")
    if len(fitting) == 2 and any("," in body for body in bodies):
        text = next(text for text, body in zip(texts, bodies, strict=True) if "," in body)
        raise UnreadNumber(
            text, "has a comma that may separate decimals or thousands; set dataset.decimal=, or dataset.thousands=,"
        )
    return fitting[0]


def _compute(part: Parts, decimal: str) -> float:
    digits = part.body.replace(" ", "").replace("'", "")
    digits = digits.replace(",", "") if decimal == "." else digits.replace(".", "").replace(",", ".")
    value = float(digits + part.exponent)
    return -value if part.negative else value


def _describe(form: NumberForm, texts: Sequence[str], parts: Sequence[Parts]) -> str:
    words = [f"currency {form.before}"] if form.before else []
    kind = "currency" if is_money(form.unit) else "unit"
    words += ["percent"] if form.unit == "%" else [f"{kind} {form.unit}"] if form.unit else []
    words += ["decimal comma"] if form.decimal == "," else []
    other = "," if form.decimal == "." else "."
    words += ["separated thousands"] if any(set(part.body) & {other, " ", "'"} for part in parts) else []
    words += ["brackets as minus"] if any("(" in text for text in texts) else []
    return ", ".join(words) or ("" if all(PLAIN.fullmatch(text) for text in texts) else "numbers in texts")
