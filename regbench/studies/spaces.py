"""What an arm of a study searches: its coordinates (ranges of numbers) and its groups (lists of choices).

Coordinate 0 is always the learning rate, with the range that the optimizer declares; then come the fields that the
arm's own regularizers declare with a range. Everything else keeps its value unless the setting `study.search` names it:
two numbers for a number are a range, any other list is a list of choices.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from regbench.config.containers import declared
from regbench.config.kinds import Hyper, Kind, Real
from regbench.config.run_config import RunConfig
from regbench.config.values import canonical, is_number, shorten, spell
from regbench.errors import ConfigError, suggest
from regbench.models.registry import MODELS
from regbench.regularizers import registry
from regbench.schedules.curves import CURVES
from regbench.schedules.optimizers import OPTIMIZERS
from regbench.schedules.schedule import Schedule
from regbench.schedules.stopping import RULES

LR = "schedule.optimizer.lr"
SEARCH = "study.search"
REGULARIZER = "regularizer."
MOST = 16
"""Columns of the sequence of points: an arm takes one for each coordinate and each group."""

WIDE = 100.0
"""A range whose ends are this many times apart is searched on a log scale where the field does not say."""

PARTS: Mapping[str, tuple[Mapping[str, type], str]] = {
    "optimizer": (OPTIMIZERS, "adam"),
    "curve": (CURVES, "constant"),
    "stop": (RULES, "metric"),
}
"""The records inside a schedule, each with the one that a schedule has unless another is named."""

Fields = Mapping[str, Kind[object]]


@dataclass(frozen=True)
class Coordinate:
    """A range of one number, both ends in it, searched on a log scale if `log`; `key` is its full override key."""

    key: str
    low: float
    high: float
    log: bool


@dataclass(frozen=True)
class Space:
    """What an arm searches: coordinates, the learning rate first, and the choices of each group by full key."""

    coordinates: tuple[Coordinate, ...]
    groups: tuple[tuple[str, tuple[object, ...]], ...] = ()

    @property
    def combinations(self) -> int:
        """The number of combinations of choices, 1 without groups."""
        return math.prod(len(choices) for _, choices in self.groups)


def read_space(config: RunConfig, own: Sequence[str], wanted: Mapping[str, object]) -> Space:
    """Return what an arm searches.

    Args:
        config: the arm's resolved configuration.
        own: names of the regularizers that the arm adds; those of the network as typed are searched only where named.
        wanted: the setting `study.search`, with or without `regularizer.` before a key, dotted or nested. Keys of
            regularizers that the arm lacks are left to other arms (`check_search`).

    Raises:
        ConfigError: a key names no field, or its range or list is not allowed.
    """
    given, fields = _read_wanted(wanted), _list_fields(config, own)
    known = [_shorten_key(key) for key in fields]
    for key in given:
        if key not in fields and _is_mine(key, config):
            raise _unknown(key, known)
    coordinates, groups = [], []
    for key, kind in fields.items():
        found = _read_given(key, kind, given[key]) if key in given else _read_declared(key, kind, own, config)
        if isinstance(found, Coordinate):
            coordinates.append(found)
        elif found is not None:
            groups.append((key, found))
    if len(coordinates) + len(groups) > MOST:
        count = len(coordinates) + len(groups)
        raise ConfigError(
            f"the arm {'+'.join(own) or 'none'} has {count} settings to search; at most {MOST} are allowed"
        )
    return Space(tuple(coordinates), tuple(groups))


def list_keys(config: RunConfig, own: Sequence[str]) -> tuple[str, ...]:
    """Return every key that `study.search` may name for an arm, as a person writes it: `dropout.rate`."""
    return tuple(_shorten_key(key) for key in _list_fields(config, own))


def check_search(wanted: Mapping[str, object], known: Collection[str]) -> None:
    """Refuse a key of `study.search` that no arm has; `known` are the keys of all arms (`list_keys`).

    Raises:
        ConfigError: a key is none of them.
    """
    for key in _read_wanted(wanted):
        if _shorten_key(key) not in known:
            raise _unknown(key, known)


def _list_fields(config: RunConfig, own: Sequence[str]) -> Fields:
    """Return all fields of an arm by full key: the rate, its own regularizers, the others, the schedule, the model."""
    schedule = _read_schedule(config)
    fields = {LR: schedule[LR]}
    others = [name for name in config.regularizers if name not in own]
    for name in (*own, *others):
        fields |= _prefixed(f"{REGULARIZER}{name}", registry.load(name), config.regularizers[name])
    return fields | schedule | _prefixed("model", MODELS.load(str(config.model["name"])))


def _read_schedule(config: RunConfig) -> dict[str, Kind[object]]:
    fields = _prefixed("schedule", Schedule)
    for part, (records, default) in PARTS.items():
        settings = config.schedule.get(part, {"name": default})
        name = str(settings.get("name")) if isinstance(settings, Mapping) else str(settings)
        if name not in records:
            raise ConfigError(f"schedule.{part}.name={shorten(name)} is unknown; {suggest(name, records)}")
        fields |= _prefixed(f"schedule.{part}", records[name])
    return fields


def _prefixed(where: str, record: type, settings: Mapping[str, object] | None = None) -> dict[str, Kind[object]]:
    return {f"{where}.{name}": kind for name, kind in declared(record, settings).items()}


def _read_declared(key: str, kind: Kind[object], own: Sequence[str], config: RunConfig) -> Coordinate | None:
    """Return the range that a field declares, if it is the rate or belongs to one of the arm's own regularizers.

    An extra that is off there stays off.
    """
    name, _, field = _shorten_key(key).partition(".")
    if not isinstance(kind, Hyper) or (key != LR and not (key.startswith(REGULARIZER) and name in own)):
        return None
    if kind.extra and config.regularizers[name].get(field, kind.off) == kind.off:
        return None
    return Coordinate(key, *kind.search, kind.log)


def _read_given(key: str, kind: Kind[object], value: object) -> Coordinate | tuple[object, ...]:
    """Return what `study.search` says of a field: a range, or choices."""
    where = f"{SEARCH}.{_shorten_key(key)}"
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise ConfigError(f"{where}={shorten(value)} is not allowed; it takes a list: {_describe(kind)}")
    if isinstance(kind, Real) and len(value) == 2 and is_number(value[0]) and is_number(value[1]):
        return _read_range(key, kind, float(value[0]), float(value[1]))
    if key == LR:
        raise ConfigError(f"{where}={spell(value)} is not allowed; it takes the two ends of a range, as in [0.001,0.1]")
    for place, item in enumerate(value):
        kind.check(item, f"{where}[{place}]")
    if any(canonical(item) in [canonical(other) for other in value[:place]] for place, item in enumerate(value)):
        raise ConfigError(f"{where}={spell(value)} is not allowed; it names a choice twice")
    return tuple(value)


def _read_range(key: str, kind: Real, low: float, high: float) -> Coordinate:
    where, log = f"{SEARCH}.{_shorten_key(key)}", _is_log(kind, low, high)
    shown = f"{where}={spell([low, high])} is not allowed"
    for end in (low, high):
        if end not in kind.range:
            raise ConfigError(f"{shown}; the ends of a range are numbers{kind.range}")
    if low >= high:
        raise ConfigError(f"{shown}; the first end of a range must be less than the second")
    if log and low <= 0:
        raise ConfigError(f"{shown}; it is searched on a log scale, so the first end must be greater than 0")
    return Coordinate(key, low, high, log)


def _is_log(kind: Real, low: float, high: float) -> bool:
    return kind.log if isinstance(kind, Hyper) else low > 0 and low * WIDE <= high


def _describe(kind: Kind[object]) -> str:
    return "the two ends of a range, or choices" if isinstance(kind, Real) else f"choices, each {kind.allowed()}"


def _read_wanted(wanted: Mapping[str, object]) -> dict[str, object]:
    """Return `study.search` by full key; a nested mapping is another spelling of dotted keys."""
    found: dict[str, object] = {}
    for key, value in _flatten(wanted, ""):
        full = key if key.startswith(("schedule.", "model.", REGULARIZER)) else f"{REGULARIZER}{key}"
        if full in found:
            raise ConfigError(f"{SEARCH}.{_shorten_key(full)} is given twice")
        found[full] = value
    return found


def _flatten(node: Mapping[str, object], where: str) -> Iterator[tuple[str, object]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def _is_mine(key: str, config: RunConfig) -> bool:
    """Tell whether a key is of something that the arm has, so that no other arm can know it better."""
    if not key.startswith(REGULARIZER):
        return True
    return key.removeprefix(REGULARIZER).partition(".")[0] in config.regularizers


def _shorten_key(key: str) -> str:
    return key.removeprefix(REGULARIZER)


def _unknown(key: str, known: Collection[str]) -> ConfigError:
    short = _shorten_key(key)
    return ConfigError(f"{SEARCH}.{short}: no arm has this setting; {suggest(short, known)}")
