"""Runs of an arm: its configuration with other values, another cut and another seed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, escape, suggest


def draw_seed(seed: int, *names: str | int) -> int:
    """Return a seed in [0, 2^31) that depends on the study's seed and the names alone."""
    text = "/".join(map(str, ("study", seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") & 0x7FFFFFFF


def vary(
    config: RunConfig, values: Mapping[str, object], seed: int, split: Mapping[str, object] | None = None
) -> RunConfig:
    """Return a run with other values at dotted keys, another seed and, if given, other settings of the split.

    Args:
        config: the run.
        values: by full key, such as `schedule.optimizer.lr` or `regularizer.dropout.rate`.
        seed: of the run.
        split: settings below `dataset.split`.

    Raises:
        ConfigError: a key leads nowhere.
    """
    tops: dict[str, object] = {
        "dataset": config.dataset,
        "model": config.model,
        "schedule": config.schedule,
        "regularizer": config.regularizers,
    }
    for key, value in values.items():
        tops = _put(tops, key.split("."), value, key)
    for key, value in (split or {}).items():
        tops = _put(tops, ["dataset", "split", key], value, f"dataset.split.{key}")
    return dataclasses.replace(
        config,
        seed=seed,
        dataset=tops["dataset"],  # type: ignore[arg-type]
        model=tops["model"],  # type: ignore[arg-type]
        schedule=tops["schedule"],  # type: ignore[arg-type]
        regularizers=tops["regularizer"],  # type: ignore[arg-type]
    )


def read_value(config: RunConfig, key: str) -> object:
    """Return the value of a run at a dotted key.

    Raises:
        KeyError: there is none.
    """
    tops = {"dataset": config.dataset, "model": config.model, "schedule": config.schedule}
    node: object = {**tops, "regularizer": config.regularizers}
    for part in key.split("."):
        if not isinstance(node, Mapping):
            raise KeyError(key)
        node = node[part]
    return node


def shorten_key(key: str) -> str:
    """Return a key as tables name it: `lr`, `dropout.rate`, `model.widths`.

    >>> shorten_key("regularizer.dropout.rate"), shorten_key("schedule.optimizer.lr")
    ('dropout.rate', 'lr')
    """
    return "lr" if key == "schedule.optimizer.lr" else key.removeprefix("regularizer.")


def _put(node: Mapping[str, object], path: list[str], value: object, key: str) -> dict[str, object]:
    """Return a copy of nested mappings with another value at a path that exists."""
    head, *rest = path
    if head not in node and not (rest == [] and key.startswith("dataset.split.")):
        raise ConfigError(f"{escape(key)}: unknown key; {suggest(head, list(node))}")
    if not rest:
        return {**node, head: value}
    inner = node[head]
    if not isinstance(inner, Mapping):
        raise ConfigError(f"{escape(key)}: {escape(head)} has no settings below it")
    return {**node, head: _put(inner, rest, value, key)}
