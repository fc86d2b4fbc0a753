"""Arms that can be combined, and the three of them that a replicate's cocktail is made of.

An arm can be combined if it does nothing but add techniques to the network as the person has it: not the baseline, and
no arm that changes the model, the schedule, or what the network has already. Ensembles are combined like the others.
Three of them go together if no technique is in two, no technique excludes another, and what they search fits into the
columns of the sequence of points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, escape
from regbench.formatting import count_noun
from regbench.runs.prepare import build_records
from regbench.studies.spaces import MOST, REGULARIZER, Space
from regbench.studies.variants import vary

if TYPE_CHECKING:
    from regbench.studies.winners import Rank

SIZE = 3
"""Arms of a cocktail."""

BETWEEN = " + "
"""Stands between their names in a table; no arm's own name has spaces."""


class Combinable(Protocol):
    """What is known of an arm, before its pilot or after it."""

    @property
    def name(self) -> str:
        """The arm's name."""

    @property
    def config(self) -> RunConfig:
        """The network with the arm."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """What the arm sets."""

    @property
    def space(self) -> Space:
        """What the arm searches."""


@dataclass(frozen=True)
class Combination:
    """Several arms as one: the network with all of them, what they set and add, and what they search together."""

    config: RunConfig
    overrides: tuple[str, ...]
    members: tuple[str, ...]
    space: Space


def list_combinable(arms: Sequence[Combinable], base: RunConfig, baseline: str) -> tuple[str, ...]:
    """Return the names of the arms that add techniques to the network `base` and change nothing else."""
    return tuple(arm.name for arm in arms if arm.name != baseline and _only_adds(arm.config, base))


def _only_adds(config: RunConfig, base: RunConfig) -> bool:
    same = config.model == base.model and config.schedule == base.schedule
    kept = {name: config.regularizers.get(name) for name in base.regularizers}
    return same and kept == dict(base.regularizers) and len(config.regularizers) > len(base.regularizers)


def combine(base: RunConfig, arms: Sequence[Combinable]) -> Combination:
    """Return combinable arms as one arm: that which `study.arms=[[a,b,c]]` makes of them, but for what they set.

    Raises:
        ConfigError: they do not go together.
    """
    added = [(name, arm) for arm in arms for name in arm.config.regularizers if name not in base.regularizers]
    members = tuple(sorted(name for name, _ in added))
    if len(set(members)) < len(members):
        twice = next(name for name in members if members.count(name) > 1)
        raise ConfigError(f"{escape(twice)} is in two of {escape(spell_combined([arm.name for arm in arms]))}")
    own = {name: arm.config.regularizers[name] for name, arm in added}
    config = replace(arms[0].config, regularizers=dict(sorted({**base.regularizers, **own}.items())))
    space = join_spaces([arm.space for arm in arms], members)
    _check_settings(config, space)
    others = [word for arm in arms for word in arm.overrides if not word.startswith("regularizer=")]
    overrides = (f"regularizer=[{','.join(members)}]", *dict.fromkeys(others))
    return Combination(config, overrides, members, space)


def join_spaces(spaces: Sequence[Space], members: Sequence[str]) -> Space:
    """Return what several arms search together: the rate, their techniques in this order, then what every arm has.

    Raises:
        ConfigError: that is more than the sequence of points has columns.
    """
    prefixes = tuple(f"{REGULARIZER}{name}." for name in members)
    lr = spaces[0].coordinates[0]
    coordinates = [c for p in prefixes for space in spaces for c in space.coordinates if c.key.startswith(p)]
    groups = [group for p in prefixes for space in spaces for group in space.groups if group[0].startswith(p)]
    shared = [c for c in spaces[0].coordinates[1:] if all(c in space.coordinates for space in spaces)]
    choices = [group for group in spaces[0].groups if all(group in space.groups for space in spaces)]
    joined = Space((lr, *dict.fromkeys([*coordinates, *shared])), (*groups, *(g for g in choices if g not in groups)))
    if (count := len(joined.coordinates) + len(joined.groups)) > MOST:
        raise ConfigError(f"{count} settings to search are too many; at most {MOST} are allowed")
    return joined


def _check_settings(config: RunConfig, space: Space) -> None:
    """Refuse techniques that exclude each other, with whatever choices are tried of them."""
    build_records(config)
    for key, options in space.groups:
        for option in options if key.startswith(REGULARIZER) else ():
            build_records(vary(config, {key: option}, config.seed))


def pick_three(base: RunConfig, arms: Sequence[Combinable], ranks: Mapping[str, Rank]) -> tuple[str, ...]:
    """Return the arms of a replicate's cocktail, in the order of the arms: the best three that go together.

    The best arm stays as long as any two go with it, then the second best: where arms do not go together, the next best
    takes the place of the worse one.

    Args:
        base: the network without any arm.
        arms: those that can be combined.
        ranks: of each arm's winner in that replicate; ties go to the arm that stands first.

    Raises:
        ConfigError: no three go together.
    """
    places = {arm.name: place for place, arm in enumerate(arms)}
    best = sorted(arms, key=lambda arm: (*_order(ranks[arm.name]), places[arm.name]))
    for chosen in combinations(best, SIZE):
        three = sorted(chosen, key=lambda arm: places[arm.name])
        if _go_together(base, three):
            return tuple(arm.name for arm in three)
    raise ConfigError(_describe_lack(arms))


def _order(rank: Rank) -> tuple[int, float, float]:
    return rank.bad, rank.figure, rank.loss


def _go_together(base: RunConfig, arms: Sequence[Combinable]) -> bool:
    try:
        combine(base, arms)
    except ConfigError:
        return False
    return True


def check_cocktail(base: RunConfig, arms: Sequence[Combinable]) -> None:
    """Refuse a cocktail of combinable arms of which no three go together.

    Raises:
        ConfigError: there are no such three.
    """
    if not any(_go_together(base, three) for three in combinations(arms, SIZE)):
        raise ConfigError(_describe_lack(arms))


def _describe_lack(arms: Sequence[Combinable]) -> str:
    found = f"{count_noun(len(arms), 'arm')} can be combined"
    named = f" ({', '.join(escape(arm.name) for arm in arms)})" if arms else ""
    none = ", no three of them with each other" if len(arms) >= SIZE else ""
    return (
        f"study.cocktail=true needs three arms that go together, and {found}{named}{none}; an arm can be combined "
        "if it only adds techniques to the network, none of which another of the three has or excludes"
    )


def spell_combined(names: Sequence[str]) -> str:
    """Return the arms of a cocktail as tables name them.

    >>> spell_combined(["dropout", "l2", "mixup"])
    'dropout + l2 + mixup'
    """
    return BETWEEN.join(names)


def read_combined(text: str) -> tuple[str, ...]:
    """Return the arms of a cocktail from a table.

    >>> read_combined("dropout + l2 + mixup")
    ('dropout', 'l2', 'mixup')
    """
    return tuple(text.split(BETWEEN))
