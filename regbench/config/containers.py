"""Kinds of declared fields that hold other values: lists, mappings and records."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from regbench.config.kinds import Kind, T_co
from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY = "regbench"
"""The key of a dataclass field's metadata that holds its kind."""


@dataclass(frozen=True, kw_only=True)
class ListOf(Kind[tuple[T_co, ...]]):
    """A list of values of one kind."""

    item: Kind[T_co]

    def convert(self, value: object, where: str) -> tuple[T_co, ...]:
        """Return the list as a tuple, each item in its own type."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self.refusal(value, where)
        return tuple(self.item.convert(item, f"{where}[{place}]") for place, item in enumerate(value))

    def allowed(self) -> str:
        """Return in words what a list may hold."""
        return f"a list of {self.item.describe(self.item.plural)}"

    def read_name(self, value: object) -> object:
        """Return the list with each item read as a name."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return value
        return [self.item.read_name(item) for item in value]


@dataclass(frozen=True, kw_only=True)
class ListOrOne(ListOf[T_co]):
    """A list of values of one kind; a single value is a list of it alone."""

    def convert(self, value: object, where: str) -> tuple[T_co, ...]:
        """Return the list as a tuple, each item in its own type."""
        several = not isinstance(value, str) and isinstance(value, Sequence)
        return super().convert(value if several else [value], where)

    def allowed(self) -> str:
        """Return in words what the value and a list may be."""
        return f"{self.item.describe(self.item.noun)}, or {super().allowed()}"


@dataclass(frozen=True, kw_only=True)
class OneOrSeveral(Kind[T_co | tuple[T_co, ...]]):
    """One value of a kind, or a list of different ones."""

    item: Kind[T_co]

    def convert(self, value: object, where: str) -> T_co | tuple[T_co, ...]:
        """Return the value, or the list as a tuple; a list of one is that value."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return self.item.convert(value, where)
        items = tuple(self.item.convert(item, f"{where}[{place}]") for place, item in enumerate(value))
        if not items or len(set(items)) < len(items):
            raise self.refusal(value, where)
        return items if len(items) > 1 else items[0]

    def allowed(self) -> str:
        """Return in words what one value and a list may be."""
        return f"{self.item.allowed()}, or a list of different {self.item.describe(self.item.plural)}"

    def read_name(self, value: object) -> object:
        """Return the value, or each item of the list, read as a name."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return self.item.read_name(value)
        return [self.item.read_name(item) for item in value]


@dataclass(frozen=True, kw_only=True)
class OneOrList(ListOf[T_co]):
    """A list of values of one kind, or one value, which is a list of one."""

    def convert(self, value: object, where: str) -> tuple[T_co, ...]:
        """Return the list, or the one value, as a tuple."""
        if isinstance(value, str) or not isinstance(value, Sequence):
            return (self.item.convert(value, where),)
        return super().convert(value, where)

    def allowed(self) -> str:
        """Return in words what one value and a list may be."""
        return f"{self.item.allowed()}, or {super().allowed()}"


@dataclass(frozen=True, kw_only=True)
class MappingOf(Kind[dict[str, T_co]]):
    """A mapping of names that only the program knows to values of one kind."""

    item: Kind[T_co]

    def convert(self, value: object, where: str) -> dict[str, T_co]:
        """Return the mapping, each value in its own type."""
        if not isinstance(value, Mapping):
            raise self.refusal(value, where)
        return {str(key): self.item.convert(item, f"{where}.{key}") for key, item in value.items()}

    def allowed(self) -> str:
        """Return in words what a mapping may hold."""
        return f"a mapping of names to {self.item.describe(self.item.plural)}"


@dataclass(frozen=True, kw_only=True)
class Settings(Kind[Mapping[str, object]]):
    """A mapping that is passed on as it is, to another program or to a later check; `example` shows one."""

    noun = "a mapping"
    example: str = ""

    def convert(self, value: object, where: str) -> Mapping[str, object]:
        """Return the mapping."""
        if not isinstance(value, Mapping):
            raise self.refusal(value, where)
        return value

    def describe(self, noun: str) -> str:
        """Return the noun with the example."""
        return f"{noun}, as in {self.example}" if self.example else noun


@dataclass(frozen=True, kw_only=True)
class Nested(Kind[object]):
    """A record inside a record, itself made of declared fields; keys not given keep the values of `inner`."""

    noun = "a mapping"
    inner: DataclassInstance

    def convert(self, value: object, where: str) -> object:
        """Return the inner record with the given values in place of its own."""
        if not isinstance(value, Mapping):
            raise self.refusal(value, where)
        return dataclasses.replace(self.inner, **accept(type(self.inner), value, where))

    def read_name(self, value: object) -> object:
        """Return the mapping with each value read as a name where its field takes one."""
        if not isinstance(value, Mapping):
            return value
        kinds = declared(type(self.inner))
        return {key: kinds[key].read_name(item) if key in kinds else item for key, item in value.items()}


def declared(record: type, settings: Mapping[str, object] | None = None) -> dict[str, Kind[object]]:
    """Return the kinds of a record class by field name, in order.

    Args:
        record: the class.
        settings: values of its fields, on which the declaration of another may depend; None for the defaults.
    """
    kinds = {field.name: field.metadata[KEY] for field in dataclasses.fields(record) if KEY in field.metadata}
    return {name: kind.beside(settings) for name, kind in kinds.items()} if settings else kinds


def defaults_of(record: type) -> dict[str, object]:
    """Return the defaults of a record class by field name; a field without one is left out."""
    made = {f.name: f.default_factory() for f in dataclasses.fields(record) if callable(f.default_factory)}
    return {f.name: f.default for f in dataclasses.fields(record) if f.default is not dataclasses.MISSING} | made


def accept(record: type, given: Mapping[str, object], where: str = "") -> dict[str, Any]:
    """Return the values of a record's fields, each in its own type.

    Raises:
        ConfigError: a key is unknown, or a value is not allowed; keys are shown below `where`.
    """
    kinds, prefix = declared(record, given), f"{where}." if where else ""
    for key in given:
        if key not in kinds:
            raise ConfigError(f"{prefix}{key}: unknown key; {suggest(str(key), kinds)}")
    return {key: kinds[key].check(value, f"{prefix}{key}") for key, value in given.items()}
