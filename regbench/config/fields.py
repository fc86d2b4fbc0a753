"""Declared fields: one declaration feeds validation, `regbench show`, the tuner and the contract tests.

Every configurable record of regbench (regularizer, data set, model, schedule) is a frozen dataclass whose fields are
made here, and `build` turns a mapping that a person wrote into such a record or refuses it in one line.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from torch import Tensor

Hyper: TypeAlias = "float | Tensor"
"""A hyper-parameter that may differ from run to run inside a cohort: a float alone, a 0-d tensor when stacked."""

Record = TypeVar("Record")
KEY = "regbench"


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What is known of one field: kind, what is allowed, where it is searched and the value that switches it off."""

    kind: str
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    search: tuple[float, float] | None = None
    log: bool = False
    off: Any = None
    options: tuple[str, ...] = ()
    optional: bool = False
    inner: Any = None
    help: str = ""

    def allowed(self) -> str:
        """Say in words what the field accepts, as refusals and cards print it."""
        if self.kind == "choice":
            text = f"one of {', '.join(self.options)}"
        elif self.kind in ("hyper", "number", "integer", "numbers", "integers", "rates"):
            text = f"{NOUNS[self.kind]} {self.interval()}".strip()
        else:
            text = NOUNS[self.kind]
        if self.off is not None and self.kind in ("hyper", "number", "integer") and not self.inside(self.off):
            text += f", or {self.off} for off"
        return f"{text}, or null" if self.optional else text

    def interval(self) -> str:
        """Return the range in mathematical notation, or nothing when every value is allowed."""
        if math.isinf(self.low) and math.isinf(self.high) and not self.open_high:
            return ""
        left = "(" if self.open_low or math.isinf(self.low) else "["
        right = ")" if self.open_high or math.isinf(self.high) else "]"
        return f"in {left}{self.low:.10g}, {self.high:.10g}{right}"

    def inside(self, value: float) -> bool:
        """Tell whether a number lies in the declared range."""
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below


NOUNS = {
    "hyper": "a number",
    "number": "a number",
    "integer": "a whole number",
    "flag": "true or false",
    "text": "a text",
    "numbers": "a list of numbers",
    "integers": "a list of whole numbers",
    "texts": "a list of texts",
    "rates": "a mapping of names to numbers",
    "amount": "a whole number of at least 2 (a count) or a fraction in (0, 1]",
    "nested": "a mapping",
}


def _field(default: Any, **facts: Any) -> Any:
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={KEY: Declared(**facts)})
    return dataclasses.field(default=default, metadata={KEY: Declared(**facts)})


def hyper(
    default: float,
    *,
    low: float = 0.0,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
    search: tuple[float, float],
    log: bool = False,
    off: float | None = None,
    help: str = "",
) -> Any:
    """Declare a real hyper-parameter that may differ from run to run inside a cohort.

    `low` and `high` bound what is *valid*; `search` bounds what a tuner tries, on a log scale if `log`.
    `off` is the value at which the technique does nothing, bit for bit; it may lie outside the range.
    """
    return _field(
        default,
        kind="hyper",
        low=low,
        high=high,
        open_low=open_low,
        open_high=open_high,
        search=search,
        log=log,
        off=off,
        help=help,
    )


def number(default: float | None, *, optional: bool = False, help: str = "", **bounds: Any) -> Any:
    """Declare a static real number: part of what makes two runs stackable."""
    return _field(default, kind="number", optional=optional, help=help, **bounds)


def integer(default: int | None, *, low: int | None = None, high: int | None = None, **facts: Any) -> Any:
    """Declare a static whole number: part of what makes two runs stackable."""
    bounds = {"low": -math.inf if low is None else low, "high": math.inf if high is None else high}
    return _field(default, kind="integer", **bounds, **facts)


def choice(*options: str, off: str | None = None, help: str = "") -> Any:
    """Declare one of a few named variants; the first is the default."""
    return _field(options[0], kind="choice", options=options, off=off, help=help)


def flag(default: bool, *, help: str = "") -> Any:
    """Declare a switch."""
    return _field(default, kind="flag", help=help)


def text(default: str | None, *, optional: bool = False, help: str = "") -> Any:
    """Declare a free text, for example a path."""
    return _field(default, kind="text", optional=optional, help=help)


def numbers(default: tuple[float, ...], *, help: str = "", **bounds: Any) -> Any:
    """Declare a list of real numbers, all within the bounds."""
    return _field(default, kind="numbers", help=help, **bounds)


def integers(default: tuple[int, ...], *, help: str = "", **bounds: Any) -> Any:
    """Declare a list of whole numbers, all within the bounds."""
    return _field(default, kind="integers", help=help, **bounds)


def texts(default: tuple[str, ...], *, help: str = "") -> Any:
    """Declare a list of texts."""
    return _field(default, kind="texts", help=help)


def rates(*, low: float = 0.0, high: float = 1.0, open_high: bool = True, help: str = "") -> Any:
    """Declare a mapping of names to numbers within the bounds, empty by default."""
    return _field({}, kind="rates", low=low, high=high, open_high=open_high, help=help)


def amount(default: float | None, *, optional: bool = False, help: str = "") -> Any:
    """Declare a part of something countable: a whole number is a count, a real number is a fraction."""
    return _field(default, kind="amount", optional=optional, help=help)


def nested(default: Any, *, help: str = "") -> Any:
    """Declare a record inside a record, itself made of declared fields; keys not given keep the values of `default`."""
    return _field(default, kind="nested", inner=default, help=help)


def declared(record: type) -> dict[str, Declared]:
    """Return the declarations of a record class by field name, in order."""
    return {f.name: f.metadata[KEY] for f in dataclasses.fields(record) if KEY in f.metadata}


def hyper_names(record: type) -> tuple[str, ...]:
    """Return the names of the fields that may differ from run to run inside a cohort."""
    return tuple(name for name, fact in declared(record).items() if fact.kind == "hyper")


def build(record: type[Record], values: Mapping[str, Any], where: str) -> Record:
    """Turn a mapping that a person wrote into a record.

    Args:
        record: a frozen dataclass whose fields were declared here.
        values: the mapping; a key `name` is ignored, for it names the record itself.
        where: the path of the mapping in the configuration, for messages (`regularizer.l2`).

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or outside its range.
    """
    return record(**_accept(record, {key: value for key, value in values.items() if key != "name"}, where))


def _accept(record: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    facts = declared(record)
    for key in given:
        if key not in facts:
            raise ConfigError(f"{where}.{key}: unknown key; {suggest(str(key), facts)}")
    return {key: check(facts[key], value, f"{where}.{key}") for key, value in given.items()}


def check(fact: Declared, value: Any, where: str) -> Any:
    """Return the value in the field's own type, or refuse it in one line that says what is allowed."""
    if value is None:
        if fact.optional:
            return None
        raise refusal(fact, value, where)
    if fact.kind in ("hyper", "number"):
        return _real(fact, value, where)
    if fact.kind == "integer":
        return _whole(fact, value, where)
    if fact.kind in ("numbers", "integers", "texts"):
        return _many(fact, value, where)
    if fact.kind == "rates":
        return _mapping(fact, value, where)
    if fact.kind == "amount":
        return _amount(fact, value, where)
    if fact.kind == "nested":
        return _inner(fact, value, where)
    wanted = bool if fact.kind == "flag" else str
    if not isinstance(value, wanted) or (fact.kind == "choice" and value not in fact.options):
        raise refusal(fact, value, where)
    return value


def refusal(fact: Declared, value: Any, where: str) -> ConfigError:
    """Return the refusal of one value, in one line."""
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}..."
    return ConfigError(f"{where}={shown} is not allowed; it takes {fact.allowed()}")


def _real(fact: Declared, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refusal(fact, value, where)
    result = float(value)
    if fact.off is not None and result == fact.off:
        return result
    if math.isnan(result) or math.isinf(result) or not fact.inside(result):
        raise refusal(fact, value, where)
    return result


def _whole(fact: Declared, value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(fact, value, where)
    if value != fact.off and not fact.inside(value):
        raise refusal(fact, value, where)
    return value


def _many(fact: Declared, value: Any, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise refusal(fact, value, where)
    if fact.kind == "texts":
        if not all(isinstance(item, str) for item in value):
            raise refusal(fact, value, where)
        return tuple(value)
    convert = _real if fact.kind == "numbers" else _whole
    return tuple(convert(fact, item, f"{where}[{place}]") for place, item in enumerate(value))


def _mapping(fact: Declared, value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise refusal(fact, value, where)
    return {str(key): _real(fact, item, f"{where}.{key}") for key, item in value.items()}


def _amount(fact: Declared, value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refusal(fact, value, where)
    if not (value >= 2 if isinstance(value, int) else 0.0 < value <= 1.0):
        raise refusal(fact, value, where)
    return value


def _inner(fact: Declared, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise refusal(fact, value, where)
    return dataclasses.replace(fact.inner, **_accept(type(fact.inner), value, where))
