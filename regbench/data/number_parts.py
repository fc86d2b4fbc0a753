"""One text that is a number, taken apart: its digits, sign, currency and unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from regbench.data.number_words import MARKERS, MONEY, SHORT_UNITS, UNITS

SPACES = re.compile("[\\s\u00a0\u2007\u2009\u202f]+")
MINUSES = str.maketrans({"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "’": "'"})
QUOTED = re.compile(r'="(.*)"')
BRACKETED = re.compile(r"([^\d\s()+-]{0,5}) ?\(([^()]+)\) ?([^\d\s()+-]{0,10})")
SHAPE = re.compile(
    r"(?P<sign>[+-])?(?P<before>[^\d\s.,'()+-][^\d\s,'()+-]{0,4})? ?(?P<inner>[+-])?"
    r"(?P<body>\d[\d.,' ]*|[.,]\d+)(?P<exponent>[eE][+-]?\d{1,3})?(?P<space> ?)"
    # A unit begins with a letter or its sign, not with the colon of 12:30 or the slash of 1/2.
    r"(?P<unit>[^\d\s.,'()+\-:;/*<>=~^&|!?_#@×±][^\s()]{0,9})?(?P<trail>-)?"
)
PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
POINT = re.compile(r"(\d+|[1-9]\d{0,2}([ ,'])\d{3}(\2\d{3})*|[1-9]\d?(,\d{2})+,\d{3})?(\.\d*)?")
COMMA = re.compile(r"(\d+|[1-9]\d{0,2}([ .'])\d{3}(\2\d{3})*)?(,\d*)?")
POWER = re.compile("(?<=m)[23²³]")
"""Of a length: the only digits that a unit may have, as the ½ of 1½ is no unit."""


@dataclass(frozen=True)
class Parts:
    """One text taken apart: its digits with their separators, and all that stands around them."""

    negative: bool
    body: str
    exponent: str
    before: str
    unit: str
    spaced: bool = False
    """Whether a space stands before the unit."""

    @property
    def is_zero(self) -> bool:
        """Whether the number is 0."""
        return self.body.strip("0.,") == ""

    @property
    def has_known_unit(self) -> bool:
        """Whether the unit is one of which the table of units knows; `5G` and `10A` may be codes."""
        return self.unit.lower() in UNITS or (self.spaced and self.unit in SHORT_UNITS)

    @property
    def is_amount(self) -> bool:
        """Whether it is plainly no code: it has a currency, a known unit or decimals."""
        return bool(self.before) or self.has_known_unit or bool(set(self.body) & {".", ","})


def bare(text: str) -> str:
    """Return a text with plain spaces and minus signs, without spaces around it and a spreadsheet's `="..."`."""
    plain = SPACES.sub(" ", text.translate(MINUSES)).strip()
    quoted = QUOTED.fullmatch(plain)
    return quoted[1].strip() if quoted else plain


def take_apart(text: str) -> Parts | None:
    """Return the parts of a number; None for a text that is none."""
    plain = bare(text)
    bracketed = BRACKETED.fullmatch(plain)
    match = SHAPE.fullmatch("".join(bracketed.groups()).strip() if bracketed else plain)
    if match is None:
        return None
    body, before, unit = match["body"].strip(), (match["before"] or "").strip(), match["unit"] or ""
    if not (fits(body, ".") or fits(body, ",")) or any(mark.isnumeric() for mark in POWER.sub("", unit)):
        return None
    signs = [mark for mark in (match["sign"], match["inner"], match["trail"]) if mark]
    if len(signs) + bool(bracketed) > 1 or (match["trail"] and not set(body) & set(".,' ")):
        return None  # a minus behind whole numbers is a grade, as in 2-
    if before and not is_money(before):
        return None
    if unit and is_money(unit) and before in ("", unit):
        before, unit = unit, ""
    negative = bool(bracketed) or "-" in signs
    return Parts(
        negative, body, match["exponent"] or "", before, unit, match["body"][-1] == " " or bool(match["space"])
    )


def fits(body: str, decimal: str, thousands: str | None = None) -> bool:
    """Tell whether digits are a number with this mark of decimals, and with no other than this between thousands."""
    if (POINT if decimal == "." else COMMA).fullmatch(body) is None:
        return False
    return thousands is None or set(body) & set(".,' ") <= {decimal, thousands}


def is_money(word: str) -> bool:
    """Tell whether a word is one of money."""
    return word.lower() in MONEY or is_sign_of_money(word)


def is_sign_of_money(word: str) -> bool:
    """Tell whether a word is all currency symbols."""
    return bool(word) and all(unicodedata.category(mark) == "Sc" for mark in word)


def is_marker(text: str) -> bool:
    """Tell whether a text stands for a missing value in files of others, with or without a currency, as `$ -`."""
    unsigned = "".join(mark for mark in text.strip().lower() if unicodedata.category(mark) != "Sc")
    words = [word for word in unsigned.split() if word not in MONEY]
    return text.strip().lower() in MARKERS or " ".join(words) in MARKERS
