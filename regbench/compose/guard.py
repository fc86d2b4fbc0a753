"""Refusals of what a configuration may not make Hydra do: write files, set the environment, run code, lose a choice.

Any configuration file may reach Hydra's own node (`# @package _global_`), so the composed node is compared with what
regbench ships, whichever file or override a difference came from, before Hydra acts on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from regbench.compose.spelling import keep_names
from regbench.config.sweep_settings import PARTS, build_settings
from regbench.config.values import shorten
from regbench.errors import ConfigError

SILENT = {"version": 1, "root": None, "disable_existing_loggers": False}
FIXED: dict[str, tuple[object, ...]] = {
    "run.dir": (".",),
    "sweep.dir": (".",),
    "sweep.subdir": (".",),
    "output_subdir": (None,),
    "hydra_logging": (SILENT,),
    "job_logging": (SILENT,),
    "callbacks": ({}, None),
    "job.env_copy": ([],),  # before env_set, into which Hydra has copied the values: a refusal must not print them
    "job.env_set": ({},),
    "job.chdir": (None, False),
}
"""The shipped value of each of Hydra's settings that could write or execute: nothing happens."""

CHOSEN = re.compile(r"[+~]*(dataset|model|schedule|regularizer|experiment|study)(/[\w/]+)?(@[^=]*)?=(.*)")
ABSOLUTE = re.compile(r"(^|[,\[('\"])\s*/")
REQUIRED = re.compile(r"~(dataset|model|schedule|regularizer)(=.*)?")
LIST = re.compile(r"\[([^\[\]]*)\]")


def refuse_study(overrides: Sequence[str]) -> None:
    """Refuse settings of a study where no study is made.

    Raises:
        ConfigError: there is one.
    """
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key == "study" or key.startswith("study."):
            raise ConfigError(f"{shorten(override)} is a setting of a study: regbench bench {shorten(override)}")


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuse overrides that Hydra would read without a word and act on wrongly.

    Raises:
        ConfigError: a control character; `+regularizer=`, which Hydra may drop; an option outside its group's folder;
            a key or a member of a list of regularizers given twice, of which Hydra would drop one; no key.
    """
    for override in overrides:
        if not override.isprintable():
            raise ConfigError(f"{shorten(override)} is not allowed; it holds a control character")
        if not override.lstrip("+~").partition("=")[0].strip():
            raise ConfigError(f"{shorten(override)} has no key; write key=value, such as seed=3")
        removed = REQUIRED.fullmatch(override)
        if removed:
            other = "none" if removed[1] == "regularizer" else "OPTION"
            raise ConfigError(f"{shorten(override)} is not allowed; write {removed[1]}={other}")
        choice = CHOSEN.fullmatch(override)
        if choice is None:
            continue
        group, value = choice[1], choice[4]
        if group == "regularizer" and override.startswith("+"):
            raise ConfigError(
                f"{shorten(override)} is not allowed because Hydra may drop it; "
                "spell the whole list, as in 'regularizer=[l2,dropout]'"
            )
        if ".." in value or "\\" in value or ABSOLUTE.search(value) or (group == "regularizer" and "/" in value):
            raise ConfigError(f"{shorten(override)} is not allowed; an option is a name without a path")
        if group == "regularizer":
            _check_members(override, value)
    keys = [override.lstrip("+~").partition("=")[0] for override in overrides]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"{shorten(key)[1:-1]} is given twice; write it once")


def _check_members(override: str, value: str) -> None:
    for listed in LIST.finditer(value):
        members = [member.strip(" '\"") for member in listed[1].split(",")]
        twice = [member for member in members if members.count(member) > 1]
        if twice:
            raise ConfigError(f"{shorten(override)}: {twice[0]} stands twice in the list; write it once")


def check_hydra(node: DictConfig) -> None:
    """Refuse a composed Hydra node that differs from the shipped one where Hydra could write or execute.

    Raises:
        ConfigError: such a setting was changed, or another launcher, sweeper or mode was chosen.
    """
    raw: Any = OmegaConf.to_container(node, resolve=False)
    for key, allowed in FIXED.items():
        value = raw
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value not in allowed:
            raise ConfigError(
                f"hydra.{key}={shorten(value)} is not allowed; regbench writes to <runs>/<name> only "
                "(set runs=FOLDER and name=NAME) and runs no code that a configuration names"
            )
    for plugin in ("launcher", "sweeper"):
        chosen = raw["runtime"]["choices"].get(f"hydra/{plugin}")
        if chosen != "basic":
            raise ConfigError(f"hydra/{plugin}={chosen} is not allowed; regbench plans and runs its sweeps itself")
    if str(raw["mode"]).endswith("MULTIRUN"):
        raise ConfigError("hydra.mode=MULTIRUN is not allowed; add -m to the command instead")


def check_groups(cfg: DictConfig) -> None:
    """Refuse `schedule.optimizer=sgd`, which replaces settings by a text where `schedule/optimizer=sgd` was meant.

    Raises:
        ConfigError: a value stands where a group's settings belong.
    """
    for group in cfg.hydra.runtime.choices:
        key = str(group).replace("/", ".")
        node = OmegaConf.select(cfg, key)
        if not (node is None or OmegaConf.is_dict(node)):
            raise ConfigError(f"{key}={shorten(node)} is not allowed; to choose an option write {group}=OPTION")


def declared_sweep(cfg: DictConfig) -> tuple[dict[str, object], list[list[str]]]:
    """Return the sweep that an experiment declares: `hydra.sweeper.params` and `sweep.parts`, empty without one.

    Both are left unresolved: OmegaConf would replace `${oc.env:X}` by the secret before it is refused.

    Raises:
        ConfigError: the parts are not lists of overrides.
    """
    sweeper: Any = OmegaConf.to_container(cfg.hydra.sweeper, resolve=False)
    whole: Any = OmegaConf.to_container(cfg, resolve=False)
    sweep = whole.get("sweep")
    parts = sweep.get(PARTS) or [] if isinstance(sweep, dict) else []
    build_settings({PARTS: parts})
    for word in (word for part in parts for word in part):
        if not isinstance(word, str):
            raise ConfigError(f"sweep.{PARTS}: {shorten(word)} is not an override; write a text such as 'seed=0,1'")
    return dict(sweeper.get("params") or {}), [[keep_names(word) for word in part] for part in parts]
