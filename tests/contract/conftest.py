"""Runs that the contract suite trains: small, real, and one for each kind of data a technique may want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Part, Split
from regbench.errors import ConfigError
from regbench.models.base import DataShape
from regbench.models.registry import build_model
from regbench.regularizers.base import Regularizer
from regbench.schedules.schedule import Schedule, build_schedule
from regbench.training.fit import Job, Watch, fit
from regbench.training.spec import Plan, make_plan
from regbench.training.training_set import TrainingSet, collect_facts, prepare


@dataclass
class Memory:
    """A sink that keeps everything in memory."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    commits: list[tuple[dict[str, Tensor], dict[str, Any]]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Tensor] = field(default_factory=dict)

    def append(self, metrics: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        self.rows.append(dict(metrics))

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        self.commits.append(({k: v.clone() for k, v in tensors.items()}, dict(facts)))

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        self.result, self.best = dict(result), {k: v.clone() for k, v in best.items()}

    @property
    def final(self) -> dict[str, Tensor]:
        """The last commit's tensors."""
        return self.commits[-1][0]


def make_split(layout: str = "table", task: str = "classification") -> Split:
    """Return 110 rows of unbalanced, learnable, non-negative data."""
    generator = np.random.default_rng(11)
    shape = {"table": (12,), "series": (1, 24), "image": (1, 8, 8)}[layout]
    y = np.repeat([0, 1, 2], [50, 36, 24])
    centres = generator.uniform(0.2, 1.0, (3, *shape))
    x = np.clip(centres[y] + 0.15 * generator.standard_normal((110, *shape)), 0.0, None)
    order = generator.permutation(110)
    x, y = x[order], y[order]
    target = y if task == "classification" else x.reshape(110, -1).sum(1) - 3.0
    parts = [Part(x[a:b], target[a:b]) for a, b in ((0, 70), (70, 90), (90, 110))]
    classes = ("a", "b", "c") if task == "classification" else ()
    preprocessing = Preprocessing(task=task, layout=layout, shape=shape, classes=classes)
    return Split(task, layout, *parts, classes, (), 1.0, 0.0, "0" * 64, preprocessing)


MODELS: dict[str, dict[str, Any]] = {
    "table": {"name": "mlp", "widths": [8, 6]},
    "series": {"name": "conv1d"},
    "image": {"name": "cnn"},
}


def make_setting(
    techniques: Mapping[str, Regularizer], layout: str = "table", task: str = "classification", **schedule: Any
) -> tuple[Plan, TrainingSet]:
    """Return plan and data of a small run; `schedule` replaces settings."""
    split = make_split(layout, task)
    settings = {"epochs": 3, "batch_size": 16, "stop": {"name": "none"}, **schedule}
    built: Schedule = build_schedule(settings)
    shape = DataShape(task, layout, split.train.x.shape[1:], len(split.classes) or 1, split.train.x)
    network = build_model(MODELS[layout]).build(shape)
    plan = make_plan(network, techniques, built, collect_facts(split, network, built))
    return plan, prepare(split, plan.dtype)


def fitting_setting(techniques: Mapping[str, Regularizer], **schedule: Any) -> tuple[Plan, TrainingSet]:
    """Return the first setting that the techniques accept."""
    refusals = []
    for task in ("classification", "regression"):
        for layout in ("table", "series", "image"):
            try:
                return make_setting(techniques, layout, task, **schedule)
            except ConfigError as refusal:
                refusals.append(str(refusal))
    pytest.fail(f"no setting fits: {refusals}")


def train(
    plan: Plan,
    data: TrainingSet,
    members: Sequence[Mapping[str, Regularizer]],
    seeds: Sequence[int],
    rates: Sequence[float],
) -> list[Memory]:
    """Train runs as one cohort and return what their sinks got."""
    sinks = [Memory() for _ in seeds]
    jobs = [
        Job(seed=seed, techniques=techniques, lr=lr, decay=0.0, sink=sink)
        for seed, techniques, lr, sink in zip(seeds, members, rates, sinks, strict=True)
    ]
    with torch.no_grad():
        fit(plan, jobs, data, Watch())
    return sinks
