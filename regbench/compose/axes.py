"""The words of a sweep as axes: what each of them can be, and which only set a plain value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, QuotedString, Transformer

from regbench.errors import ConfigError

MOST_RUNS = 1_000_000
"""More than anyone means; `seed=range(1000000000)` must end in a line and not in a machine without memory."""

DOTTED = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*", re.ASCII)
NUMBERS = (int, float, bool, type(None))


@dataclass(frozen=True)
class Choice:
    """One value of one word: the word as a run alone would be given it, and the value that Hydra reads from it."""

    word: str
    value: object = None


@dataclass(frozen=True)
class Axis:
    """One word of a sweep; `path` tells where it sets plain values, and is empty where only Hydra can say what it does.

    A plain value is a number, text, true, false or null without references, given to a key that no other word
    of the sweep reaches except by choosing an option.
    """

    key: str
    choices: tuple[Choice, ...]
    path: tuple[str, ...] = ()


def read_axes(overrides: Sequence[Override], is_group: Callable[[str], bool]) -> list[Axis]:
    """Return the axes of a sweep, one for each word, in their order.

    Raises:
        ConfigError: a word has no value to run, more values than a sweep can have, or may not be swept.
    """
    reaching = [override.key_or_group for override in overrides if not _is_option(override, is_group)]
    axes = []
    for override in overrides:
        axis = Axis(override.get_key_element(), _read_choices(override))
        related = [key for key in reaching if _overlap(key, override.key_or_group)]
        if override.is_sweep_override() and related == [override.key_or_group]:
            axis = _as_plain(axis, override)
        axes.append(axis)
    return axes


def _is_option(override: Override, is_group: Callable[[str], bool]) -> bool:
    """Tell whether a word chooses an option of a group; a mapping given to a group is merged into its settings."""
    mapping = isinstance(override.value(), dict) or "{" in (override.input_line or "")
    return is_group(override.key_or_group) and not mapping


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _read_choices(override: Override) -> tuple[Choice, ...]:
    key, line = override.get_key_element(), override.input_line
    if not override.is_sweep_override():
        return (Choice(f"{key}={override.get_value_element_as_str()}"),)
    if not override.is_discrete_sweep():
        raise ConfigError(f"{line}: an interval has no values to run one by one; write range(START,STOP,STEP) or a,b,c")
    if key.partition(".")[0] == "sweep":
        raise ConfigError(f"{line}: it decides how all runs of a sweep are executed; give it one value")
    values = list(islice(override.sweep_iterator(), MOST_RUNS + 1))
    if not values:
        raise ConfigError(f"{line}: it has no value to run; range(START,STOP) ends before STOP")
    return tuple(Choice(f"{key}={Transformer.str(value)}", value) for value in values)


def _as_plain(axis: Axis, override: Override) -> Axis:
    """Return the axis with its path and the values that Hydra would read, or as it is if one of them is not plain."""
    if override.type != OverrideType.CHANGE or override.package is not None or not DOTTED.fullmatch(axis.key):
        return axis
    if not all(isinstance(choice.value, (*NUMBERS, str, QuotedString)) for choice in axis.choices):
        return axis
    parser = OverridesParser.create()
    choices = []
    for choice in axis.choices:
        settled = choice if isinstance(choice.value, NUMBERS) else _read_again(choice.word, parser)
        if settled is None:
            return axis
        choices.append(settled)
    return Axis(axis.key, tuple(choices), tuple(axis.key.split(".")))


def _read_again(word: str, parser: OverridesParser) -> Choice | None:
    """Return the plain value of a word as Hydra reads it in a run alone: `str(1)` has become the number 1 by then."""
    try:
        override = parser.parse_override(word)
    except Exception:
        return None  # whatever it is, composing will say it
    value = None if override.is_sweep_override() else override.value()
    if isinstance(value, str) and ("${" in value or "???" in value):
        return None
    return Choice(word, value) if isinstance(value, NUMBERS if not isinstance(value, str) else str) else None
