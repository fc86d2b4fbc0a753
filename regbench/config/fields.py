"""Declared fields: one declaration feeds validation, `regbench show`, the tuner and the contract tests.

Every configurable record of regbench (regularizer, data set, model, schedule) is a frozen dataclass whose fields are
declared here, and `build` turns a mapping that a person wrote into such a record or refuses it in one line.
The functions return what dataclasses make of a field, typed as the field's default.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar, Unpack

from regbench.config import kinds
from regbench.config.containers import (
    KEY,
    ListOf,
    MappingOf,
    Nested,
    OneOrList,
    OneOrSeveral,
    Settings,
    accept,
    declared,
)
from regbench.config.kinds import Kind, Range

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from torch import Tensor

Hyper: TypeAlias = "float | Tensor"
"""A hyper-parameter that may differ from run to run inside a cohort: a float alone, a 0-d tensor when stacked."""

Default = TypeVar("Default")
Record = TypeVar("Record", bound="DataclassInstance")
Real = TypeVar("Real", bound="float | None")
Whole = TypeVar("Whole", bound="int | None")
Text = TypeVar("Text", bound="str | None")


class Bounds(TypedDict, total=False):
    """The interval of valid numbers: its ends, and whether they are left out."""

    low: float
    high: float
    open_low: bool
    open_high: bool


def declare(default: Default, kind: Kind[object]) -> Default:
    """Declare a field of any kind."""
    return dataclasses.field(default=default, metadata={KEY: kind})


def hyper(
    default: float,
    *,
    search: tuple[float, float],
    log: bool = False,
    off: float | None = None,
    extra: bool = False,
    help: str = "",
    under: tuple[tuple[str, str, kinds.Hyper], ...] = (),
    **bounds: Unpack[Bounds],
) -> float:
    """Declare a real hyper-parameter that may differ from run to run inside a cohort.

    `low` (0 if not given) and `high` bound what is *valid*; `search` bounds what a tuner tries, on a log scale if
    `log`. `off` is the value at which the technique does nothing, bit for bit; it may lie outside the range. An `extra`
    that a person left off is not tuned: the technique is complete without it. `under` says where all this depends on
    another field: `("form", "kept", Hyper(...))` holds beside form=kept.
    """
    bounds.setdefault("low", 0.0)
    kind = kinds.Hyper(range=Range(**bounds), search=search, log=log, off=off, extra=extra, help=help, under=under)
    return declare(default, kind)


def number(
    default: Real, *, optional: bool = False, off: float | None = None, help: str = "", **bounds: Unpack[Bounds]
) -> Real:
    """Declare a static real number: runs that differ in it are not stacked."""
    return declare(default, kinds.Real(range=Range(**bounds), optional=optional, off=off, help=help))


def integer(
    default: Whole, *, optional: bool = False, off: int | None = None, help: str = "", **bounds: Unpack[Bounds]
) -> Whole:
    """Declare a static whole number: runs that differ in it are not stacked."""
    return declare(default, kinds.Whole(range=Range(**bounds), optional=optional, off=off, help=help))


def integer_or(word: str, default: int | None, *, help: str = "", **bounds: Unpack[Bounds]) -> int | None:
    """Declare a static whole number that may also be a word, kept as None: `auto` for what pays."""
    return declare(default, kinds.WholeOr(word=word, range=Range(**bounds), help=help))


def integer_or_word(
    default: int | str, *, words: Mapping[str, str], help: str = "", **bounds: Unpack[Bounds]
) -> int | str:
    """Declare a static whole number that may also be one of a few words, each given with its explanation."""
    return declare(default, kinds.WholeOrWord(words=tuple(words.items()), range=Range(**bounds), help=help))


def choice(*options: str, off: str | None = None, help: str = "") -> str:
    """Declare one of a few named variants; the first is the default."""
    return declare(options[0], kinds.Choice(options=options, off=off, help=help))


def flag(default: bool, *, help: str = "") -> bool:
    """Declare a switch."""
    return declare(default, kinds.Flag(help=help))


def text(default: Text, *, optional: bool = False, help: str = "") -> Text:
    """Declare a free text, for example a path."""
    return declare(default, kinds.Text(optional=optional, help=help))


def numbers(default: tuple[float, ...], *, help: str = "", **bounds: Unpack[Bounds]) -> tuple[float, ...]:
    """Declare a list of real numbers, all within the bounds."""
    return declare(default, ListOf(item=kinds.Real(range=Range(**bounds)), help=help))


def integers(default: tuple[int, ...], *, help: str = "", **bounds: Unpack[Bounds]) -> tuple[int, ...]:
    """Declare a list of whole numbers, all within the bounds."""
    return declare(default, ListOf(item=kinds.Whole(range=Range(**bounds)), help=help))


def integer_or_integers(default: tuple[int, ...], *, help: str = "", **bounds: Unpack[Bounds]) -> tuple[int, ...]:
    """Declare a list of whole numbers, all within the bounds; one number is a list of one."""
    return declare(default, OneOrList(item=kinds.Whole(range=Range(**bounds)), help=help))


def texts(default: tuple[str, ...], *, help: str = "") -> tuple[str, ...]:
    """Declare a list of texts."""
    return declare(default, ListOf(item=kinds.Text(), help=help))


def text_or_texts(default: str, *, help: str = "") -> str | tuple[str, ...]:
    """Declare a text, or a list of different texts; a list of one is that text."""
    return declare(default, OneOrSeveral(item=kinds.Text(), help=help))


def rates(*, low: float = 0.0, high: float = 1.0, open_high: bool = True, help: str = "") -> dict[str, float]:
    """Declare a mapping of names to numbers within the bounds, empty by default."""
    item = kinds.Real(range=Range(low, high, open_high=open_high))
    return dataclasses.field(default_factory=dict, metadata={KEY: MappingOf(item=item, help=help)})


def strengths(*, open_low: bool = False, off: float | None = None, help: str = "") -> dict[str, float]:
    """Declare a mapping of names to numbers of at least 0, or above 0, or `off`; empty by default."""
    item = kinds.Real(range=Range(0.0, open_low=open_low), off=off)
    return dataclasses.field(default_factory=dict, metadata={KEY: MappingOf(item=item, help=help)})


def amount(default: Real, *, optional: bool = False, help: str = "") -> Real:
    """Declare a part of something countable: a whole number is a count, a real number is a fraction."""
    return declare(default, kinds.Amount(optional=optional, help=help))


def settings(*, example: str = "", help: str = "") -> Mapping[str, object]:
    """Declare a mapping that another program or a later check reads, empty by default."""
    return dataclasses.field(default_factory=dict, metadata={KEY: Settings(example=example, help=help)})


def nested(default: Record, *, help: str = "") -> Record:
    """Declare a record inside a record, itself made of declared fields; keys not given keep the values of `default`."""
    return declare(default, Nested(inner=default, help=help))


def hyper_fields(record: type, settings: Mapping[str, object] | None = None) -> dict[str, kinds.Hyper]:
    """Return the fields that may differ from run to run inside a cohort, by name, as declared beside these settings."""
    return {name: kind for name, kind in declared(record, settings).items() if isinstance(kind, kinds.Hyper)}


def hyper_names(record: type) -> tuple[str, ...]:
    """Return the names of the fields that may differ from run to run inside a cohort."""
    return tuple(hyper_fields(record))


def build(record: type[Record], values: Mapping[str, object], where: str) -> Record:
    """Turn a mapping that a person wrote into a record.

    Args:
        record: a frozen dataclass whose fields were declared here.
        values: the mapping; a key `name` is ignored, because it names the record itself.
        where: the path of the mapping in the configuration, for messages (`regularizer.l2`).

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or outside its range.
    """
    return record(**accept(record, {key: value for key, value in values.items() if key != "name"}, where))
