"""Kinds of declared fields that hold one value: what a field accepts, and the words for it in refusals and cards.

A kind is the metadata of a dataclass field (see `regbench.config.fields`). Its `check` turns what a person wrote into
the field's own type, or refuses it in one line. Lists, mappings and records are in `regbench.config.containers`.
"""

from __future__ import annotations

import math
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from regbench.config.values import is_number, is_whole, shorten, spell
from regbench.errors import ConfigError

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Range:
    """An interval of finite numbers."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and abs(value) <= sys.float_info.max  # math.isfinite fails on whole numbers above it

    def __str__(self) -> str:
        """Return ` in [0, 1)`, or nothing when every number is allowed."""
        if math.isinf(self.low) and math.isinf(self.high):
            return ""
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if self.open_high or math.isinf(self.high) else "]"
        return f" in {left}{self.low:.10g}, {self.high:.10g}{right}"


@dataclass(frozen=True, kw_only=True)
class Kind(ABC, Generic[T_co]):
    """Declaration of one field, whose values are of type T, or None if it is `optional`.

    `off` is the value that switches the field's record off, `help` its meaning in a few words.
    """

    noun: ClassVar[str]
    plural: ClassVar[str] = ""
    optional: bool = False
    off: object = None
    help: str = ""

    def check(self, value: object, where: str) -> T_co | None:
        """Return a value in the field's own type.

        Raises:
            ConfigError: it is not allowed; `where` is its dotted key.
        """
        return None if value is None and self.optional else self.convert(value, where)

    @abstractmethod
    def convert(self, value: object, where: str) -> T_co:
        """Return a value that is not null in the field's own type, or raise the refusal of it."""

    def allowed(self) -> str:
        """Return in words what the field accepts, as refusals and cards print it."""
        words = self.describe(self.noun)
        return f"{words}, or null" if self.optional else words

    def describe(self, noun: str) -> str:
        """Return what is accepted besides null, said of one value or, with the plural noun, of several."""
        return noun

    def describe_search(self) -> str:
        """Return the range in which a tuner searches; nothing for a field that is not tuned."""
        return ""

    def spell(self, value: object) -> str:
        """Write a value of the field as a person types it."""
        return spell(value)

    def beside(self, settings: Mapping[str, object]) -> Kind[T_co]:
        """Return the declaration that holds beside these values of the record's other fields."""
        return self

    def read_name(self, value: object) -> object:
        """Return a whole number as a text if the field takes a text; a column of a table may be called 3."""
        return value

    def refusal(self, value: object, where: str) -> ConfigError:
        """Return the refusal of one value, in one line."""
        return ConfigError(f"{where}={shorten(value)} is not allowed; it takes {self.allowed()}")


@dataclass(frozen=True, kw_only=True)
class Real(Kind[float]):
    """A finite real number in a range, or `off`, which may lie outside."""

    noun = "a number"
    plural = "numbers"
    range: Range = Range()
    off: float | None = None

    def convert(self, value: object, where: str) -> float:
        """Return the number as a float."""
        if not is_number(value) or (value != self.off and value not in self.range):
            raise self.refusal(value, where)
        return float(value)

    def describe(self, noun: str) -> str:
        """Return the noun with the range."""
        return _describe_number(noun, self.range, self.off)


@dataclass(frozen=True, kw_only=True)
class Hyper(Real):
    """A real hyper-parameter that may differ from run to run inside a cohort; `search` is the range of a tuner.

    An `extra` is tuned unasked only where it is not off.
    """

    search: tuple[float, float]
    log: bool = False
    extra: bool = False
    under: tuple[tuple[str, str, Hyper], ...] = ()
    """Declarations that take this one's place where another field has a value: field, value, declaration."""

    def beside(self, settings: Mapping[str, object]) -> Hyper:
        """Return the declaration that holds beside these values of the record's other fields."""
        return next((own for field, value, own in self.under if settings.get(field) == value), self)

    def describe_search(self) -> str:
        """Return the ends of the tuner's range, `log` if it searches on a log scale, and `if on` for an extra."""
        low, high = self.search
        return f"{low:g}..{high:g}{' log' if self.log else ''}{' if on' if self.extra else ''}"


@dataclass(frozen=True, kw_only=True)
class Whole(Kind[int]):
    """A whole number in a range, or `off`, which may lie outside."""

    noun = "a whole number"
    plural = "whole numbers"
    range: Range = Range()
    off: int | None = None

    def convert(self, value: object, where: str) -> int:
        """Return the number."""
        if not is_whole(value) or (value != self.off and value not in self.range):
            raise self.refusal(value, where)
        return value

    def describe(self, noun: str) -> str:
        """Return the noun with the range."""
        return _describe_number(noun, self.range, self.off)


@dataclass(frozen=True, kw_only=True)
class WholeOr(Whole):
    """A whole number, or a word for the number that only the program knows; the word is read as None."""

    word: str

    def check(self, value: object, where: str) -> int | None:
        """Return the number, or None for the word."""
        return None if value == self.word else self.convert(value, where)

    def describe(self, noun: str) -> str:
        """Return the noun with the range, and the word."""
        return f"{super().describe(noun)}, or {self.word}"

    def spell(self, value: object) -> str:
        """Write None as the word."""
        return self.word if value is None else spell(value)


@dataclass(frozen=True, kw_only=True)
class WholeOrWord(Kind[int | str]):
    """A whole number in a range, or one of a few words, which stay as they are."""

    noun = "a whole number"
    range: Range = Range()
    words: tuple[tuple[str, str], ...]
    """Each word with its explanation, as in `("full", "for the whole training set")`."""

    def convert(self, value: object, where: str) -> int | str:
        """Return the number or the word."""
        if isinstance(value, str) and value in dict(self.words):
            return value
        if not is_whole(value) or value not in self.range:
            raise self.refusal(value, where)
        return value

    def describe(self, noun: str) -> str:
        """Return the noun with the range, and the words."""
        *others, last = [f"{word} {meaning}" for word, meaning in self.words]
        return ", ".join([f"{noun}{self.range}", *others, f"or {last}"])


@dataclass(frozen=True, kw_only=True)
class Amount(Kind[float]):
    """A part of something countable: a whole number is a count, a real number a fraction."""

    noun = "a whole number of at least 2 (a count) or a fraction in (0, 1]"

    def convert(self, value: object, where: str) -> float:
        """Return the count as an int, the fraction as a float."""
        if not is_number(value) or not (value >= 2 if is_whole(value) else 0.0 < value <= 1.0):
            raise self.refusal(value, where)
        return value


@dataclass(frozen=True, kw_only=True)
class Choice(Kind[str]):
    """One of a few named variants."""

    noun = "one of"
    options: tuple[str, ...]

    def convert(self, value: object, where: str) -> str:
        """Return the name."""
        word = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value  # as YAML reads these two words
        if not isinstance(word, str) or word not in self.options:
            raise self.refusal(value, where)
        return word

    def describe(self, noun: str) -> str:
        """Return the options in words."""
        return f"{noun} {', '.join(self.options)}"


@dataclass(frozen=True, kw_only=True)
class Flag(Kind[bool]):
    """A switch."""

    noun = "true or false"

    def convert(self, value: object, where: str) -> bool:
        """Return the switch."""
        if not isinstance(value, bool):
            raise self.refusal(value, where)
        return value


@dataclass(frozen=True, kw_only=True)
class Text(Kind[str]):
    """Any text, for example a path."""

    noun = "a text"
    plural = "texts"

    def convert(self, value: object, where: str) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise self.refusal(value, where)
        return value

    def read_name(self, value: object) -> object:
        """Return a whole number as a text."""
        return str(value) if is_whole(value) else value


@dataclass(frozen=True, kw_only=True)
class Pattern(Kind[str]):
    """A text of a certain form, such as a name that fits into a path; `words` say which."""

    pattern: re.Pattern[str]
    words: str

    def convert(self, value: object, where: str) -> str:
        """Return the text."""
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise self.refusal(value, where)
        return value

    def allowed(self) -> str:
        """Return the words for the form."""
        return self.words


@dataclass(frozen=True, kw_only=True)
class Folder(Kind[Path]):
    """The path of a folder, with `~` for the person's home; `words` say what the folder is for."""

    words: str

    def convert(self, value: object, where: str) -> Path:
        """Return the path, its `~` replaced."""
        if not isinstance(value, str) or not value:
            raise self.refusal(value, where)
        return Path(value).expanduser()

    def allowed(self) -> str:
        """Return the words for the folder."""
        return self.words


def _describe_number(noun: str, bounds: Range, off: float | None) -> str:
    outside = off is not None and off not in bounds
    return f"{noun}{bounds}, or {spell(off)} for off" if outside else f"{noun}{bounds}"
