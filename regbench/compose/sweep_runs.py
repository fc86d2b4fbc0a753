"""The runs of a sweep: the product of its words, or of the words of each of its parts, one part after another."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode

from regbench.compose.axes import MOST_RUNS, Axis, read_axes
from regbench.compose.guard import check_overrides, declared_sweep, refuse_study
from regbench.compose.loader import CheckedLoader, explained
from regbench.compose.run_composer import RunComposer
from regbench.compose.spelling import keep_names
from regbench.config.run_config import NotSelectedError, RunConfig
from regbench.errors import ConfigError

PART = "--"
"""Begins a part on the command line: a sweep of its own, over its own words and those before the first part."""


@dataclass(frozen=True)
class Master:
    """The words of a sweep, read, and what the configuration that they choose declares."""

    overrides: tuple[Override, ...]
    axes: tuple[Axis, ...]
    params: Mapping[str, object]
    """`hydra.sweeper.params`"""
    parts: Sequence[Sequence[str]]
    """`sweep.parts`"""


def compose_sweep(loader: CheckedLoader, name: str, parts: Sequence[Sequence[str]]) -> list[RunConfig]:
    """Return the runs of a sweep in the order of the overrides, the last key changing fastest.

    Every run is composed and checked before the first one starts; a run that occurs twice is planned once.

    Args:
        loader: finds the configurations.
        name: of the primary configuration.
        parts: overrides; first those that all parts have in common, then those of each part, as `split_parts` returns.

    Raises:
        ConfigError: one of the runs cannot be used.
    """
    refuse_study([word for part in parts for word in part])
    common, *typed = parts
    if typed:
        configs = _plan_parts(loader, name, common, typed, [])
    else:
        master = read_master(loader, name, common)
        if master.parts:
            configs = _plan_parts(loader, name, common, master.parts, master.parts)
        else:
            configs = list(compose_product(loader, name, master))
    return _drop_repeated(configs, loader.warn)


def split_parts(words: Sequence[str]) -> list[list[str]]:
    """Split words at each `--`.

    >>> split_parts(["seed=0,1", "--", "model=mlp", "--"])
    [['seed=0,1'], ['model=mlp'], []]
    """
    parts: list[list[str]] = [[]]
    for word in words:
        if word == PART:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def read_master(loader: CheckedLoader, name: str, words: Sequence[str]) -> Master:
    """Read the words of a sweep, each once, and find out what the options they choose declare.

    For that, only options are composed: a technique's settings are unknown keys until its own value of a sweep over
    techniques has selected it.

    Raises:
        ConfigError: a word cannot be read or swept, or an option cannot be composed.
    """
    check_overrides(words)
    with explained(loader):
        parser = OverridesParser.create(config_loader=loader)
        overrides = parser.parse_overrides(list(words))
        _, repository = loader._parse_overrides_and_create_caching_repo(name, _for_hydra(overrides))
        options = [o for o in overrides if repository.group_exists(o.key_or_group) and not o.is_sweep_override()]
    chosen = [str(o.input_line) for o in options if not o.is_hydra_override()]
    own = [str(o.input_line) for o in overrides if o.key_or_group.partition(".")[0] == "sweep"]
    cfg = loader.load_configuration(name, [*_for_hydra(overrides), *chosen, *own], RunMode.MULTIRUN)
    params, parts = declared_sweep(cfg)
    given = {word.partition("=")[0] for word in words}
    with explained(loader):
        swept = parser.parse_overrides(
            [keep_names(f"{key}={value}") for key, value in params.items() if key not in given]
        )
        every = (*swept, *(o for o in overrides if not o.is_hydra_override()))
        axes = read_axes(every, repository.group_exists)
    return Master((*every, *(o for o in overrides if o.is_hydra_override())), tuple(axes), params, parts)


def _for_hydra(overrides: Sequence[Override]) -> list[str]:
    return [str(override.input_line) for override in overrides if override.is_hydra_override()]


def _plan_parts(
    loader: CheckedLoader,
    name: str,
    common: Sequence[str],
    parts: Sequence[Sequence[str]],
    declared: Sequence[Sequence[str]],
) -> list[RunConfig]:
    configs: list[RunConfig] = []
    for number, part in enumerate(parts, start=1):
        try:
            master = read_master(loader, name, [*common, *part])
            if master.parts != declared:
                raise ConfigError("the experiment declares parts (sweep.parts); no others can be added to them")
            configs += compose_product(loader, name, master)
        except ConfigError as refusal:
            raise ConfigError(f"part {number}: {refusal}") from refusal
    return configs


def compose_product(loader: CheckedLoader, name: str, master: Master) -> Iterator[RunConfig]:
    """Yield the runs of one product of words, composed as each would be alone.

    Raises:
        ConfigError: the next run cannot be used, or there are too many.
    """
    count = math.prod(len(axis.choices) for axis in master.axes)
    if count > MOST_RUNS:
        raise ConfigError(f"the sweep has {count} runs; it may have {MOST_RUNS}")
    declared = (master.params, master.parts)
    composer = RunComposer(loader, name, _for_hydra(master.overrides), master.axes, declared)
    for choices in product(*(axis.choices for axis in master.axes)):
        try:
            yield composer.compose(choices)
        except NotSelectedError as refusal:
            raise _advise_parts(refusal, master) from refusal


def _advise_parts(refusal: NotSelectedError, master: Master) -> ConfigError:
    """Return the refusal of settings in a sweep over techniques that do not all have them, with the command to type."""
    techniques = next((axis for axis in master.axes if axis.key == "regularizer" and len(axis.choices) > 1), None)
    settings = [str(o.input_line) for o in master.overrides if o.key_or_group.startswith("regularizer.")]
    parts = []
    for choice in techniques.choices if techniques else ():
        members = re.findall(r"[\w-]+", choice.word.partition("=")[2])
        own = [line for line in settings if line.lstrip("+~").split(".")[1].partition("=")[0] in members]
        parts.append(" ".join([PART, shlex.quote(choice.word), *map(shlex.quote, own)]))
    if not any("regularizer." in part for part in parts):
        return refusal
    command = " ".join(["-m", "...", *parts[:3], *(["..."] if len(parts) > 3 else [])])
    what = str(refusal).partition(";")[0]
    return ConfigError(f"{what} in every run of this sweep; sweep each technique in a part of its own: {command}")


def _drop_repeated(configs: Sequence[RunConfig], warn: Callable[[str], None]) -> list[RunConfig]:
    """Return the runs without those that are another's equal: `[l2,dropout]` and `[dropout,l2]` are one run."""
    kept: dict[tuple[str, str, str], RunConfig] = {}
    for config in configs:
        same = kept.setdefault((str(config.runs), config.name, config.config_hash()), config)
        for key in ("device", "threads", "resume", "quiet", "metric"):
            if getattr(same, key) != getattr(config, key):
                raise ConfigError(f"{key} cannot be swept: runs that differ in nothing else are one run, in one folder")
    if len(kept) < len(configs):
        warn(f"{len(configs) - len(kept)} of {len(configs)} runs are the same as another; each is trained once")
    return list(kept.values())
