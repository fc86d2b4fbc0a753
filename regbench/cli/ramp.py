"""`regbench show NAME --plot ramp`: how a regularizer's hyper-parameters rise from off during training."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from regbench.config.fields import hyper_fields
from regbench.errors import ConfigError, suggest
from regbench.plots.ramp_chart import draw_ramp
from regbench.schedules.ramps import WHERE, Ramp, build_ramps, list_rampable, spell_ramps

if TYPE_CHECKING:
    from regbench.regularizers.base import Regularizer
    from regbench.schedules.ramps import Ramps

SHORT = tuple(field.name for field in dataclasses.fields(Ramp))
"""Settings of a ramp that may be typed by themselves, for all that is drawn."""


def plot_ramps(name: str, words: Sequence[str]) -> int:
    """Draw the ramps of a regularizer's hyper-parameters, one below the other.

    Args:
        name: the regularizer.
        words: a ramp's settings (`shape=cosine`, `begin=0.1`, `end=0.5`) or overrides as `regbench run` takes them,
            of the ramp or of the regularizer. Without a ramp among them, every hyper-parameter that is not at its off
            value rises in a line over the whole training.

    Returns:
        The exit code 0.

    Raises:
        ConfigError: nothing of that name can be ramped, or a word is not allowed.
    """
    from regbench.regularizers.registry import load, names

    if name not in names():
        raise ConfigError(f"{name!r}: no regularizer has this name; {suggest(name, names())}")
    if not list_rampable(load(name)):
        raise ConfigError(f"{name} has nothing to ramp: that takes a hyper-parameter with a finite off value")
    short = [word for word in words if word.partition("=")[0] in SHORT]
    overrides = [word for word in words if word not in short]
    regularizer, ramps = _compose(name, overrides)
    if ramps and short:
        raise ConfigError(f"{short[0]}: not beside {WHERE}, which says the same")
    fields = ramps.get(name) or _default_ramps(name, regularizer, short)
    for chart in [_chart(name, regularizer, field, ramp) for field, ramp in fields.items()]:
        print(*chart, sep="\n", end="\n\n")
    others = [word for word in overrides if not word.lstrip("+").startswith(WHERE)]
    print(shlex.join(["regbench", "run", f"regularizer={name}", *others, spell_ramps(name, fields)]))
    return 0


def _chart(name: str, regularizer: Regularizer, field: str, ramp: Ramp) -> list[str]:
    off, full = hyper_fields(type(regularizer), vars(regularizer))[field].off or 0.0, float(getattr(regularizer, field))
    if off == full:
        raise ConfigError(f"regularizer.{name}.{field}={full:g} is its off value: give the value that it is to rise to")
    words = f"{name}.{field}: {ramp.shape} from {off:g} (off) to {full:g}"
    if ramp.shape == "step":
        words += f" at {(ramp.begin + ramp.end) / 2:g}"
    elif (ramp.begin, ramp.end) != (0.0, 1.0):
        words += f" between {ramp.begin:g} and {ramp.end:g}"
    return [words, "", *draw_ramp(ramp, field, off, full, shutil.get_terminal_size().columns)]


def _compose(name: str, words: Sequence[str]) -> tuple[Regularizer, Ramps]:
    from regbench.compose.loader import PRIMARY, open_loader
    from regbench.compose.single_run import compose_run
    from regbench.runs.prepare import build_records

    with open_loader(None, None, warn=_warn) as loader:
        records = build_records(compose_run(loader, PRIMARY, [f"regularizer={name}", *words]))
    return records.regularizers[name], records.schedule.ramp


def _default_ramps(name: str, regularizer: Regularizer, short: Sequence[str]) -> Mapping[str, Ramp]:
    facts = hyper_fields(type(regularizer), vars(regularizer))
    possible = list_rampable(type(regularizer), vars(regularizer))
    fields = [field for field in possible if getattr(regularizer, field) != facts[field].off] or possible
    settings = {key: _read(value) for key, _, value in (word.partition("=") for word in short)}
    return build_ramps({name: dict.fromkeys(fields, settings)})[name]


def _read(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _warn(line: str) -> None:
    print(line, file=sys.stderr)
