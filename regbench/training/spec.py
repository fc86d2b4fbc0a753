"""What a cohort of runs has in common: task, network, techniques by stage, schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor

from regbench.config.fields import hyper_names
from regbench.models.network import Network
from regbench.randomness import Randomness
from regbench.regularizers.base import STAGES, Facts, Regularizer, overrides
from regbench.schedules.schedule import Schedule

Stages: TypeAlias = dict[str, tuple[tuple[str, Regularizer], ...]]
"""The techniques that act at each stage, by protocol method, in the order in which they act."""

Hypers: TypeAlias = dict[str, dict[str, Tensor]]
"""Hyper-parameters by technique and field, one value per stacked run."""

METRICS = {"classification": "accuracy", "regression": "mse"}
FIXED_COLUMNS = ("weight_norm", "weight_change_l2", "weight_change_max", "sparsity")


@dataclass(frozen=True)
class Plan:
    """Everything static about a training; runs with equal plans can be stacked."""

    task: str
    network: Network
    techniques: Mapping[str, Regularizer]
    schedule: Schedule

    @property
    def metric(self) -> str:
        """The figure beside the loss: accuracy, or mse in the target's own unit."""
        return METRICS[self.task]

    @cached_property
    def parameters(self) -> int:
        """Number of parameters of one network."""
        weights = self.network.initial_weights(Randomness(0), self.dtype)
        return sum(tensor.numel() for tensor in weights.values())

    @property
    def dtype(self) -> torch.dtype:
        """Type of the stored weights; bfloat16 runs keep float32 weights and compute in bfloat16."""
        return torch.float64 if self.schedule.precision == "float64" else torch.float32

    @property
    def compute_dtype(self) -> torch.dtype | None:
        """Type in which the forward pass computes, where it is not the weights' own."""
        return torch.bfloat16 if self.schedule.precision == "bfloat16" else None

    @cached_property
    def stages(self) -> Stages:
        """The techniques as configured, by stage."""
        return arrange(self.techniques)

    def stages_with(self, hypers: Hypers) -> Stages:
        """Return the techniques with these hyper-parameters in place of the configured ones."""
        if not hypers:
            return self.stages
        return arrange({name: replace(t, **hypers.get(name, {})) for name, t in self.techniques.items()})

    @cached_property
    def ensemble(self) -> tuple[int, Regularizer | None]:
        """Number of networks per run, and the technique that combines them."""
        for _, technique in self.stages["ensemble_size"]:
            return technique.ensemble_size, technique
        return 1, None

    @cached_property
    def effect_columns(self) -> tuple[str, ...]:
        """Columns `<technique>.<effect>`: what techniques note, and each penalty's share of the loss."""
        columns = []
        for name, technique in self.techniques.items():
            columns += [f"{name}.{effect}" for effect in technique.effects]
            if overrides(technique, "penalty"):
                columns.append(f"{name}.penalty_over_loss")
        return tuple(columns)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of metrics.csv."""
        figures = (f"{part}_{figure}" for part in ("train", "val") for figure in ("loss", self.metric))
        return ("epoch", "lr", "objective", "penalty", *figures, *FIXED_COLUMNS, *self.effect_columns)

    def describe(self) -> list[dict[str, Any]]:
        """Return the resolved order of stages, for run.json."""
        acting = ((stage, [name for name, _ in self.stages[method]]) for method, stage in STAGES.items())
        return [{"stage": stage, "techniques": names} for stage, names in acting if names]


def arrange(techniques: Mapping[str, Regularizer]) -> Stages:
    """Sort techniques into the stages at which they act."""
    methods = (*STAGES, "evaluated_activations", "averaged")
    return {m: tuple((n, t) for n, t in techniques.items() if overrides(t, m)) for m in methods}


def make_plan(network: Network, techniques: Mapping[str, Regularizer], schedule: Schedule, facts: Facts) -> Plan:
    """Check every technique against the data and model, and let techniques change the network.

    Raises:
        ConfigError: a technique does not fit.
    """
    for technique in techniques.values():
        technique.check(facts)
    for technique in techniques.values():
        network = technique.architecture(network)
    return Plan(facts.task, network, techniques, schedule)


def collect_hypers(members: Sequence[Mapping[str, Regularizer]]) -> Hypers:
    """Stack the hyper-parameters in which runs of the same techniques differ: float64 `[S]` by technique and field."""
    hypers: Hypers = {}
    for name, technique in members[0].items():
        for field in hyper_names(type(technique)):
            values = [float(getattr(member[name], field)) for member in members]
            if len(set(values)) > 1:
                hypers.setdefault(name, {})[field] = torch.tensor(values, dtype=torch.float64)
    return hypers
