"""Composition of a study: its settings, the network as the person has it, and the same network with each arm."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from hydra.types import RunMode

from regbench.compose.guard import check_overrides, declared_sweep
from regbench.compose.loader import CheckedLoader
from regbench.compose.spelling import spell_value
from regbench.config.run_config import RunConfig, build_run, resolve
from regbench.config.study_settings import StudySettings, build_study
from regbench.errors import ConfigError

GROUP, DEFAULT = "study", "default"
LIST = re.compile(r"\s*\[?([^\[\]]*)\]?\s*")


def split_words(words: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Return the chosen option of the group `study`, the words below it, and the words of the network.

    Raises:
        ConfigError: a word cannot belong to a study.
    """
    option, own, others = DEFAULT, [], []
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+~") == GROUP:
            option = value
        elif key.lstrip("+~").startswith(f"{GROUP}."):
            own.append(quote_arms(word))
        else:
            others.append(word)
    return option, own, others


def quote_arms(word: str) -> str:
    """Return `study.arms={name: [key=value, ...]}` with the overrides in quotes, as Hydra's grammar wants them.

    >>> quote_arms("study.arms={big: [model.widths=[8,8]], drop: [regularizer=dropout]}")
    "study.arms={big: ['model.widths=[8,8]'], drop: ['regularizer=dropout']}"
    """
    head, equals, value = word.partition("=")
    if head != f"{GROUP}.arms" or not value.lstrip().startswith("{"):
        return word
    made, place = [], 0
    while place < len(value):
        char = value[place]
        if char in "'\"":
            end = value.find(char, place + 1)
            end = len(value) - 1 if end < 0 else end
        elif char in "{}[],: ":
            end = place
        else:
            end = _find_end(value, place)
        piece = value[place : end + 1]
        made.append("'" + piece.replace("'", "\\'") + "'" if "=" in piece and char not in "'\"" else piece)
        place = end + 1
    return head + equals + "".join(made)


def _find_end(value: str, start: int) -> int:
    """Return the place of the last character of an element: brackets after its `=` belong to it."""
    depth, quoted = 0, ""
    for place in range(start, len(value)):
        char = value[place]
        if quoted:
            quoted = "" if char == quoted else quoted
        elif char in "'\"" and "=" in value[start:place]:
            quoted = char
        elif char in "[{(" and "=" in value[start:place]:
            depth += 1
        elif char in "]})" and depth:
            depth -= 1
        elif char in "]},:" and not depth and not (char == ":" and "=" in value[start:place]):
            return place - 1
    return len(value) - 1


def compose_study(loader: CheckedLoader, name: str, words: Sequence[str]) -> tuple[StudySettings, RunConfig]:
    """Return the settings of a study, and the run that the other words alone make.

    Raises:
        ConfigError: it cannot be composed.
    """
    option, own, others = split_words(words)
    check_overrides(others)
    cfg = loader.load_configuration(name, [*others, f"+{GROUP}={option}", *own], RunMode.RUN)
    values = resolve(cfg)
    study = build_study(values.pop(GROUP))
    for where, declared in zip(("hydra.sweeper.params", "sweep.parts"), declared_sweep(cfg), strict=True):
        if declared:
            raise ConfigError(f"the experiment declares a sweep ({where}); a study makes its own runs")
    return study, build_run(values, others)


def compose_arm(
    loader: CheckedLoader, name: str, words: Sequence[str], overrides: Sequence[str], base: RunConfig
) -> RunConfig:
    """Return the network with an arm: the person's own regularizers, and those of the arm besides.

    Args:
        loader: finds the configurations.
        name: of the primary configuration.
        words: those of the network, as `split_words` returns them.
        overrides: the arm's.
        base: the network without the arm.

    Raises:
        ConfigError: it cannot be composed.
    """
    members = [member for word in overrides if _key(word) == "regularizer" for member in list_members(word)]
    joined = list(dict.fromkeys([*base.regularizers, *members]))
    kept = [word for word in words if _key(word) not in {"regularizer", *map(_key, overrides)}]
    own = [word for word in overrides if _key(word) != "regularizer"]
    chosen = [f"regularizer={spell_value(joined)}"] if joined else []
    cfg = loader.load_configuration(name, [*kept, *chosen, *own], RunMode.RUN)
    return dataclasses.replace(build_run(resolve(cfg), [*kept, *chosen, *own]), overrides=())


def list_members(word: str) -> list[str]:
    """Return the techniques that `regularizer=` names; none stands for no technique.

    >>> list_members("regularizer=[l2,dropout]"), list_members("regularizer=none")
    (['l2', 'dropout'], [])
    """
    found = LIST.fullmatch(word.partition("=")[2])
    names = [] if found is None else [part.strip(" '\"") for part in found[1].split(",")]
    return [name for name in names if name and name != "none"]


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0]
