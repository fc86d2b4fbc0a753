"""Configuration of one run: the composed configuration as a checked record, and the identity derived from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.config.added_keys import leave_out_idle
from regbench.config.containers import accept, declared
from regbench.config.fields import choice, declare, flag, integer
from regbench.config.kinds import Choice, Folder, Pattern
from regbench.config.sweep_settings import build_settings
from regbench.config.values import canonical, check_plain, shorten
from regbench.errors import ConfigError, suggest
from regbench.metrics import METRICS, monitored_column

if TYPE_CHECKING:
    from omegaconf import DictConfig

NAME = Pattern(
    pattern=re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"),
    words="up to 100 letters, digits, '.', '_' or '-', beginning with a letter or digit",
)
"""A name that can be one component of a path: no `../`, separators or control characters."""

DEVICE = Pattern(pattern=re.compile(r"[a-z]+(:[0-9]+)?"), words="a device such as cpu or cuda:0")
GROUPS = ("dataset", "model", "schedule", "regularizer")
SWEEP = "sweep"


class NotSelectedError(ConfigError):
    """A technique has settings but is in no list of regularizers."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The resolved configuration of one run.

    `seed`, `dataset`, `model`, `schedule` and `regularizers` are the run's identity; everything else (where results go,
    on which device, how much is printed, by which `metric` tables rank, how a sweep is spread: `sweep`) may change
    without making it another run.
    Regularizers are kept sorted by name, whatever the order in which they were listed: `[dropout,l2]` and
    `[l2,dropout]` are two spellings of one run, so they must compute the same thing and share one folder.
    """

    dataset: Mapping[str, object]
    model: Mapping[str, object]
    schedule: Mapping[str, object]
    regularizers: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    name: str = declare("default", NAME)
    seed: int = integer(0, low=0, high=2**31 - 1)
    metric: str | None = declare(None, Choice(options=tuple(METRICS), optional=True))
    device: str = declare("cpu", DEVICE)
    threads: int | None = integer(None, low=1, high=256, optional=True)
    resume: str = choice("auto", "fresh")
    quiet: bool = flag(False)
    runs: Path = declare(Path("runs"), Folder(words="the folder that holds all results"))
    overrides: tuple[str, ...] = ()
    sweep: Mapping[str, object] = field(default_factory=dict)

    def identity(self) -> dict[str, object]:
        """Return the part of the configuration that decides what is computed."""
        return {
            "seed": self.seed,
            "dataset": dict(self.dataset),
            "model": dict(self.model),
            "schedule": dict(self.schedule),
            "regularizer": {name: dict(self.regularizers[name]) for name in sorted(self.regularizers)},
        }

    def config_hash(self) -> str:
        """Return the sha256 of the identity as JSON with sorted keys, 64 hex digits; 1 and 1.0 are the same number."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        text = json.dumps(canonical(self.identity()), separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def run_id(self) -> str:
        """Return `<dataset>-<model>-<regularizers>-s<seed>-<10 hex of the hash>`, at most 190 characters long.

        Long parts are cut: the hash alone tells runs apart, the words before it are for people.
        """
        regularizers = "+".join(sorted(self.regularizers)) or "none"
        words = f"{str(self.dataset['name'])[:40]}-{str(self.model['name'])[:40]}-{regularizers[:80]}"
        return f"{words}-s{self.seed}-{self.config_hash()[:10]}"

    def folder(self) -> Path:
        """Return the run's folder, `<runs>/<name>/<run_id>`."""
        return self.runs / self.name / self.run_id()

    def to_yaml(self) -> str:
        """Return the resolved configuration as YAML; no secret can be in it (see `parse`)."""
        from regbench.config.yaml_text import format_yaml

        settings = {key: getattr(self, key) for key in SETTINGS if key != "seed"} | {"runs": str(self.runs)}
        return format_yaml(settings | self.identity())


SETTINGS = tuple(declared(RunConfig))
"""The top-level keys that are plain values."""


def parse(cfg: DictConfig, overrides: Sequence[str] = ()) -> RunConfig:
    """Turn a composed configuration into a run, or refuse it in one line.

    Checked here: the top-level keys and their types; that every regularizer with settings is selected; that names fit
    into a path; that nothing calls a resolver (`${oc.env:X}` would copy a secret into the results) and nothing asks for
    Python code. The keys below a dataset, model, schedule or regularizer are checked by the record each one builds.

    Args:
        cfg: what Hydra composed; its own node `hydra` is ignored.
        overrides: the overrides as typed, kept for the record.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    return build_run(resolve(cfg), overrides)


def build_run(values: Mapping[str, object], overrides: Sequence[str]) -> RunConfig:
    """Turn a resolved configuration into a run: everything that `parse` does after `resolve`.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    for key in values:
        if key not in SETTINGS and key not in GROUPS and key != SWEEP:
            raise ConfigError(f"{key}: unknown key; {suggest(key, [*SETTINGS, *GROUPS, SWEEP])}")
    for key in (*SETTINGS, "dataset", "model", "schedule"):
        if key not in values:
            raise ConfigError(f"{key}: missing from the configuration")
    sweep = _mapping(values.get(SWEEP, {}), SWEEP)
    build_settings(sweep)
    return RunConfig(
        **accept(RunConfig, {key: values[key] for key in SETTINGS}),
        dataset=leave_out_idle(_named(values["dataset"], "dataset"), "dataset"),
        model=_named(values["model"], "model"),
        schedule=_settle_monitor(_mapping(values["schedule"], "schedule"), values["metric"]),
        regularizers=_members(values.get("regularizer")),
        overrides=tuple(overrides),
        sweep=sweep,
    )


def _settle_monitor(schedule: Mapping[str, object], metric: object) -> Mapping[str, object]:
    """Return the schedule with the column that its stopping rule watches, which belongs to the run's identity."""
    stop = schedule.get("stop")
    if not isinstance(stop, Mapping) or not isinstance(stop.get("monitor"), str):
        return schedule
    column = monitored_column(stop["monitor"], metric if isinstance(metric, str) else None)
    return {**schedule, "stop": {**stop, "monitor": column}}


def _members(node: object) -> dict[str, Mapping[str, object]]:
    """Return the selected regularizers by name, sorted; a member nobody selected has settings but no name."""
    given = _mapping(node if node is not None else {}, "regularizer")
    members: dict[str, Mapping[str, object]] = {}
    for key in sorted(given):
        where = f"regularizer.{key}"
        NAME.check(key, where)
        member = _mapping(given[key], where)
        if "name" not in member:
            raise NotSelectedError(
                f"{where} has settings but is not selected; add {key} to the list, as in "
                f"'regularizer=[{','.join([*_selected(given), key])}]', or drop its settings"
            )
        if member["name"] != key:
            raise ConfigError(f"{where}.name={shorten(member['name'])} must equal its key, {key!r}")
        members[key] = leave_out_idle(member, where)
    return members


def _selected(members: Mapping[str, object]) -> list[str]:
    return [key for key, member in members.items() if isinstance(member, Mapping) and member.get("name") == key]


def _mapping(node: object, where: str) -> Mapping[str, object]:
    if not isinstance(node, Mapping):
        raise ConfigError(f"{where}={shorten(node)} is not allowed; it takes a mapping of settings")
    return node


def _named(node: object, where: str) -> Mapping[str, object]:
    mapping = _mapping(node, where)
    NAME.check(mapping.get("name"), f"{where}.name")
    return mapping


def resolve(cfg: DictConfig) -> dict[str, object]:
    """Return a composed configuration without Hydra's node as plain checked values, references replaced.

    Raises:
        ConfigError: a value is missing, calls a resolver, refers to nothing, or is not plain.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    # Without its parent, a reference such as ${hydra.launcher.x} cannot reach what the checks here do not cover.
    own = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    _refuse_resolvers(OmegaConf.to_container(own, resolve=False), "")
    try:
        values = OmegaConf.to_container(own, resolve=True, throw_on_missing=True)
    except MissingMandatoryValue as error:
        raise ConfigError(f"{error.full_key} must be given; it has no default") from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error.msg).splitlines()[0]}") from error
    return {str(key): check_plain(item, str(key)) for key, item in values.items()} if isinstance(values, dict) else {}


def _refuse_resolvers(value: object, where: str) -> None:
    """Refuse `${name:...}` everywhere: it could read the environment, the clock or Hydra's own settings."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_resolvers(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _refuse_resolvers(item, f"{where}[{place}]")
    elif isinstance(value, str) and ":" in value.partition("${")[2]:
        raise ConfigError(
            f"{where}={shorten(value)} is not allowed; a value may refer to another key (${{seed}}) "
            "but not call a resolver: results must hold no secrets and depend on nothing else"
        )
