"""The schedule of a run, and how it is read from the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from regbench.config.fields import build, choice, integer, integer_or_word
from regbench.errors import ConfigError, suggest
from regbench.schedules.curves import CURVES, Constant, Curve
from regbench.schedules.optimizers import OPTIMIZERS, Adam, Optimizer
from regbench.schedules.ramps import Ramps, build_ramps
from regbench.schedules.stopping import RULES, Metric, StopRule

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AUTO, FULL = "auto", "full"
"""Words for the rows of a batch."""

DEFAULT_BATCH = 64

Part = TypeVar("Part", bound="DataclassInstance")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Length and pace of a training.

    `epochs` is the most it trains; `batch_size` is the rows per update: a number, `full` for the whole training set, or
    `auto` for 64 and, where there are fewer training rows, all of them; `precision` is the type of weights and
    arithmetic; `ramp` says which hyper-parameters of regularizers grow during training.
    """

    epochs: int = integer(100, low=1, help="the most epochs a run trains")
    batch_size: int | str = integer_or_word(
        AUTO,
        words={AUTO: f"for {DEFAULT_BATCH}, or all rows if fewer", FULL: "for the whole training set"},
        low=1,
        help="training rows per update",
    )
    precision: str = choice("float32", "float64", "bfloat16", help="type of the weights and of the arithmetic")
    optimizer: Optimizer = dataclasses.field(default_factory=Adam)
    curve: Curve = dataclasses.field(default_factory=Constant)
    stop: StopRule = dataclasses.field(default_factory=Metric)
    ramp: Ramps = dataclasses.field(default_factory=dict)

    def count_batch(self, rows: int) -> int:
        """Return the rows of a batch where there are so many training rows; a number that was typed stays."""
        if self.batch_size == AUTO:
            return min(DEFAULT_BATCH, rows)
        return rows if self.batch_size == FULL else int(self.batch_size)


def build_schedule(values: Mapping[str, object]) -> Schedule:
    """Turn the `schedule` mapping of a configuration into a record; what is left out has its default.

    `optimizer`, `curve` and `stop` are mappings with a `name` and that record's own fields.

    Raises:
        ConfigError: a key or name is unknown, a value is not allowed, or the warm-up leaves no epoch for the curve.
    """
    names = [field.name for field in dataclasses.fields(Schedule)]
    for key in values:
        if key not in names:
            raise ConfigError(f"schedule.{key}: unknown key; {suggest(str(key), names)}")
    parts: dict[str, Any] = {}
    for key, kinds in (("optimizer", OPTIMIZERS), ("curve", CURVES), ("stop", RULES)):
        if key in values:
            parts[key] = _build_part(kinds, values[key], f"schedule.{key}")
    if "ramp" in values:
        parts["ramp"] = build_ramps(values["ramp"])
    plain = {key: value for key, value in values.items() if key not in parts}
    schedule = dataclasses.replace(build(Schedule, plain, "schedule"), **parts)
    if schedule.curve.warmup >= schedule.epochs:
        raise ConfigError(
            f"schedule.curve.warmup={schedule.curve.warmup:g} is not allowed; "
            f"it must be less than schedule.epochs={schedule.epochs}"
        )
    return schedule


def _build_part(kinds: Mapping[str, type[Part]], values: object, where: str) -> Part:
    if not isinstance(values, Mapping) or "name" not in values:
        raise ConfigError(f"{where}={values!r} is not allowed; it takes a mapping with a name: {', '.join(kinds)}")
    name = values["name"]
    if not isinstance(name, str) or name not in kinds:
        raise ConfigError(f"{where}.name={name!r} is unknown; {suggest(str(name), kinds)}")
    return build(kinds[name], values, where)
