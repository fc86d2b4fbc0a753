"""Stacks: runs that differ only in seed, hyper-parameters and cut, and so can be trained as one stacked computation.

Whether their cuts of the data agree in what a cohort must have in common (`training/stackable.py`) is seen when they
are prepared.
"""

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


CUT_KEYS = ("seed", "fold", "val_seed")
"""Settings of `dataset.split` that decide which rows are trained on, and hardly ever how many."""


def find_stacks(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Return the places of each stack's runs: any part of a stack can be trained as one cohort.

    Runs of one cut lie one after the other, so that a cohort has to prepare few.
    """
    members: dict[str, list[int]] = {}
    for place, config in enumerate(configs):
        members.setdefault(describe_static(config), []).append(place)
    return [
        [places[at] for cut in group_by_cut([configs[place] for place in places]) for at in cut]
        for places in members.values()
    ]


def group_by_cut(configs: Sequence[RunConfig]) -> list[list[int]]:
    """Return the places of the runs of each cut of the data."""
    members: dict[str, list[int]] = {}
    for place, config in enumerate(configs):
        members.setdefault(json.dumps(config.dataset, sort_keys=True, default=dict), []).append(place)
    return list(members.values())


def drop_cut(dataset: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a data set without those that choose the cut."""
    split = dataset.get("split")
    return {**dataset, "split": _without(split, CUT_KEYS)} if isinstance(split, Mapping) else dict(dataset)


def gather_stack(configs: Sequence[RunConfig], places: Sequence[int]) -> Stack:
    """Return the stack of the runs at these places."""
    runs = tuple(configs[place] for place in places)
    return Stack(label_stack(runs[0]), runs)


def describe_static(config: RunConfig) -> str:
    """Return, as canonical text, everything about a run that a cohort must have in common.

    Left out are the techniques' hyper-parameters, the learning rate, AdamW's decay, and the seed and the cut of the
    data, which stay where the number of training rows may depend on the seed.
    """
    from regbench.regularizers.registry import build_regularizers, load  # these import torch
    from regbench.regularizers.stages import counts_by_seed
    from regbench.schedules.optimizers import OPTIMIZERS

    given = config.schedule.get("optimizer")
    optimizer: Mapping[str, object] = given if isinstance(given, Mapping) else {}
    free = hyper_names(OPTIMIZERS[str(optimizer["name"])]) if "name" in optimizer else ()
    static: dict[str, object] = {
        "dataset": drop_cut(config.dataset),
        "model": config.model,
        "schedule": {**config.schedule, "optimizer": _without(optimizer, free)},
        "regularizer": {name: _without(own, hyper_names(load(name))) for name, own in config.regularizers.items()},
        "device": config.device,
        "threads": config.threads,
    }
    if counts_by_seed(build_regularizers(config.regularizers)):
        static |= {"seed": config.seed, "dataset": config.dataset}
    return json.dumps(static, sort_keys=True, default=dict)


def label_stack(config: RunConfig) -> str:
    """Return a name for people: data set, model and techniques."""
    techniques = "+".join(config.regularizers) or "none"
    return f"{config.dataset['name']} {config.model['name']} {techniques}"


def _without(mapping: Mapping[str, object], keys: Sequence[str]) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if key not in keys}
