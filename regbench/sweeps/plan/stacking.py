"""Stacks: runs that differ only in seed and hyper-parameters, and so can be trained as one stacked computation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regbench.config.fields import hyper_names
from regbench.config.run_config import RunConfig


@dataclass(frozen=True, eq=False)
class Stack:
    """Runs that can be stacked, in the order of the sweep; a stack equals itself alone."""

    label: str
    runs: tuple[RunConfig, ...]


def find_stacks(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Return the places of each stack's runs: any part of a stack can be trained as one cohort."""
    members: dict[str, list[int]] = {}
    for place, config in enumerate(configs):
        members.setdefault(describe_static(config), []).append(place)
    return list(members.values())


def gather_stack(configs: Sequence[RunConfig], places: Sequence[int]) -> Stack:
    """Return the stack of the runs at these places."""
    runs = tuple(configs[place] for place in places)
    return Stack(label_stack(runs[0]), runs)


def describe_static(config: RunConfig) -> str:
    """Return, as canonical text, everything about a run that a cohort must have in common.

    Left out are the techniques' hyper-parameters, the learning rate, AdamW's decay and the seed, which stays where the
    number of training rows may depend on it.
    """
    from regbench.regularizers.registry import build_regularizers, load  # these import torch
    from regbench.regularizers.stages import counts_by_seed
    from regbench.schedules.optimizers import OPTIMIZERS

    given = config.schedule.get("optimizer")
    optimizer: Mapping[str, object] = given if isinstance(given, Mapping) else {}
    free = hyper_names(OPTIMIZERS[str(optimizer["name"])]) if "name" in optimizer else ()
    static: dict[str, object] = {
        "dataset": config.dataset,
        "model": config.model,
        "schedule": {**config.schedule, "optimizer": _without(optimizer, free)},
        "regularizer": {name: _without(own, hyper_names(load(name))) for name, own in config.regularizers.items()},
        "device": config.device,
        "threads": config.threads,
    }
    if counts_by_seed(build_regularizers(config.regularizers)):
        static["seed"] = config.seed
    return json.dumps(static, sort_keys=True, default=dict)


def label_stack(config: RunConfig) -> str:
    """Return a name for people: data set, model and techniques."""
    techniques = "+".join(config.regularizers) or "none"
    return f"{config.dataset['name']} {config.model['name']} {techniques}"


def _without(mapping: Mapping[str, object], keys: Sequence[str]) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if key not in keys}
