"""Ramps: hyper-parameters of regularizers that grow from their off value to their configured one during training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from regbench.config import kinds
from regbench.config.fields import build, choice, hyper_fields, number
from regbench.errors import ConfigError, suggest

if TYPE_CHECKING:
    from regbench.regularizers.base import Hyper, Regularizer

WHERE = "schedule.ramp"


@dataclass(frozen=True, kw_only=True)
class Ramp:
    """A rise from 0 to 1 over a part of training: h(t) = off + (h − off) · r(p), p the share of updates done.

    r is 0 up to `begin` and 1 from `end` on. With u = (p − begin) / (end − begin) it is u between them (linear),
    (1 − cos πu)/2 (cosine), or a jump from 0 to 1 at u = ½ (step).

    Source: the linear one as in Ghiasi, Lin & Le (2018), section 3.2 (scheduled DropBlock).
    """

    shape: str = choice("linear", "cosine", "step", help="how it rises")
    begin: float = number(0.0, low=0.0, high=1.0, open_high=True, help="share of training up to which it is off")
    end: float = number(1.0, low=0.0, high=1.0, open_low=True, help="share of training from which it is in full force")

    def rise(self, progress: float) -> float:
        """Return r at a share of training in [0, 1]."""
        part = min(max((progress - self.begin) / (self.end - self.begin), 0.0), 1.0)
        if self.shape == "step":
            return float(part >= 0.5)
        return part if self.shape == "linear" else (1.0 - math.cos(math.pi * part)) / 2.0


Ramps: TypeAlias = Mapping[str, Mapping[str, Ramp]]
"""Ramps by regularizer and field."""


def build_ramps(values: object) -> Ramps:
    """Turn the mapping `schedule.ramp` into ramps by regularizer and field.

    Raises:
        ConfigError: it is not a mapping of regularizers to mappings of fields, or a ramp is not allowed.
    """
    return {
        str(name): {
            str(field): _build_ramp(settings, f"{WHERE}.{name}.{field}")
            for field, settings in _mapping(fields, f"{WHERE}.{name}", "a field to its ramp").items()
        }
        for name, fields in _mapping(values, WHERE, "a regularizer to its ramps").items()
    }


def list_rampable(record: type, values: Mapping[str, object] | None = None) -> list[str]:
    """Return the hyper-parameters that have a finite off value to rise from, beside the other settings' `values`."""
    facts = hyper_fields(record, values)
    return [name for name, fact in facts.items() if fact.off is not None and math.isfinite(fact.off)]


def spell_ramps(name: str, fields: Mapping[str, Ramp]) -> str:
    """Return the override that asks for ramps of a regularizer.

    >>> spell_ramps("dropout", {"rate": Ramp(end=0.5)})
    'schedule.ramp={dropout: {rate: {shape: linear, begin: 0, end: 0.5}}}'
    """
    ramps = (f"{f}: {{shape: {r.shape}, begin: {r.begin:.10g}, end: {r.end:.10g}}}" for f, r in fields.items())
    return f"{WHERE}={{{name}: {{{', '.join(ramps)}}}}}"


def check_ramps(ramps: Ramps, regularizers: Mapping[str, Regularizer]) -> None:
    """Refuse a ramp of something that is not there or cannot be ramped.

    Raises:
        ConfigError: the regularizer is not selected, the field is not a hyper-parameter of it, or its off value is
            infinite or missing, so that there is nothing to rise from.
    """
    for name, fields in ramps.items():
        if name not in regularizers:
            raise ConfigError(f"{WHERE}.{name}: this regularizer is not selected; {suggest(name, regularizers)}")
        possible = list_rampable(type(regularizers[name]), vars(regularizers[name]))
        for field in fields:
            if field not in possible:
                raise ConfigError(
                    f"{WHERE}.{name}.{field}: only a hyper-parameter with a finite off value can be ramped, from it; "
                    f"{suggest(field, possible)}"
                )


def ramp_regularizers(
    regularizers: Mapping[str, Regularizer], ramps: Ramps, progress: float
) -> Mapping[str, Regularizer]:
    """Return regularizers with their ramped hyper-parameters as they are at a share of training.

    Hyper-parameters may be numbers or, inside a cohort, 0-d tensors.
    """
    if not ramps:
        return regularizers
    return {name: _ramped(r, ramps[name], progress) if name in ramps else r for name, r in regularizers.items()}


def _ramped(regularizer: Regularizer, fields: Mapping[str, Ramp], progress: float) -> Regularizer:
    facts = _facts_of(regularizer)
    values: dict[str, Hyper] = {}
    for field, ramp in fields.items():
        off, full = facts[field].off or 0.0, getattr(regularizer, field)
        values[field] = off + (full - off) * ramp.rise(progress)
    return replace(regularizer, **values)


def _facts_of(regularizer: Regularizer) -> dict[str, kinds.Hyper]:
    """Return the declarations of a regularizer's hyper-parameters as they hold beside its other settings."""
    return hyper_fields(type(regularizer), vars(regularizer))


def _build_ramp(settings: object, where: str) -> Ramp:
    ramp = build(Ramp, _mapping(settings, where, "shape, begin and end to their values"), where)
    if ramp.begin >= ramp.end:
        raise ConfigError(f"{where}: begin={ramp.begin:g} is not allowed; it must be less than end={ramp.end:g}")
    return ramp


def _mapping(node: object, where: str, what: str) -> Mapping[str, object]:
    if not isinstance(node, Mapping):
        raise ConfigError(f"{where}={node!r} is not allowed; it takes a mapping of {what}")
    return node
