"""Runs that the contract suite trains: small, real, and one for each kind of data a regularizer may want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from regbench.data.encoding import CategoryColumn, NumberColumn
from regbench.data.preprocessing import Preprocessing
from regbench.data.reading import Reading
from regbench.data.records import Part, Split
from regbench.errors import ConfigError
from regbench.models.base import DataShape
from regbench.models.registry import build_model
from regbench.regularizers.base import Regularizer
from regbench.schedules.schedule import Schedule, build_schedule
from regbench.store.checkpoint import Checkpoint
from regbench.training.cohort_run import CohortRun, Observer
from regbench.training.fit import fit
from regbench.training.spec import TrainingSpec, make_spec
from regbench.training.stacked_rows import Trained, stack_rows
from regbench.training.training_set import TrainingSet, collect_facts, prepare

READING = Reading(origin="here", task="", classes=0, outputs=(), rows={}, columns=(), left_out={}, shape=())
"""Rows that no source was read for."""


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
        # Contiguous, as a file gives them back.
        self.commits.append(
            ({k: v.clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}, dict(facts))
        )

    def end(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        self.commit(tensors, facts)

    def finish(self, result: Mapping[str, Any], best: Mapping[str, Tensor]) -> None:
        self.result, self.best = dict(result), {k: v.clone() for k, v in best.items()}

    @property
    def final(self) -> dict[str, Tensor]:
        """The last commit's tensors."""
        return self.commits[-1][0]


SHAPES: dict[str, tuple[int, ...]] = {
    "table": (12,),
    "series": (1, 24),
    "image": (1, 8, 8),
    "mixed": (8,),  # a table with categories
    "narrow": (2,),  # a table with two columns
    "balanced": (12,),  # a table whose training classes are equally large
    "blurred": (12,),  # a table whose classes overlap
    "plain": (12,),  # a table for a model without hidden layers
}
COLOUR = CategoryColumn("colour", ("blue", "green", "red"), missing=False)
MIXED = (*(NumberColumn(f"n{place}", "number", 0.0) for place in range(4)), COLOUR, NumberColumn("t", "truth", 0.0))

TASKS = ("classification", "regression", "several numbers", "multilabel")
"""Tasks that regularizers meet; several numbers are a regression too."""


def make_split(layout: str = "table", task: str = "classification") -> Split:
    """Return 110 rows of learnable, non-negative data for one of `TASKS`, of unequal classes unless asked otherwise."""
    generator = np.random.default_rng(11)
    shape = SHAPES.get(layout, SHAPES["table"])
    y = np.repeat([0, 1, 2], [50, 36, 24])
    centres = generator.uniform(0.2, 1.0, (3, *shape))
    x = np.clip(
        centres[y] + (0.4 if layout == "blurred" else 0.15) * generator.standard_normal((110, *shape)), 0.0, None
    )
    if layout == "mixed":
        x[:, 4:7] = np.eye(3)[generator.integers(3, size=110)]
        x[:, 7] = generator.integers(2, size=110)
    order = generator.permutation(110)
    x, y = x[order], y[order]
    if layout == "balanced":
        ordered = np.concatenate([np.flatnonzero(y == number)[:20] for number in range(3)])
        order = np.concatenate([ordered, np.setdiff1d(np.arange(110), ordered)])
        x, y = x[order], y[order]
    number = x.reshape(110, -1).sum(1) - 3.0
    target = {
        "classification": y,
        "regression": number,
        "several numbers": np.stack([number, x.reshape(110, -1)[:, 0]], 1),
        "multilabel": np.stack([y == 0, y != 1, number > 0], 1).astype(np.float64),
    }[task]
    kind = "regression" if task == "several numbers" else task
    train = 60 if layout == "balanced" else 70
    parts = [Part(x[a:b], target[a:b]) for a, b in ((0, train), (train, 90), (90, 110))]
    classes = ("a", "b", "c") if task == "classification" else ()
    outputs = tuple("uvw"[: target.shape[1]]) if target.ndim == 2 else ()
    numbers = len(outputs) or 1 if kind == "regression" else 0
    place = layout if layout in ("series", "image") else "table"
    columns = MIXED if layout == "mixed" else ()
    preprocessing = Preprocessing(
        task=kind, layout=place, shape=shape, classes=classes, columns=columns, outputs=outputs
    )
    scales = (1.0,) * numbers, (0.0,) * numbers
    return Split(kind, place, *parts, classes, (), *scales, "0" * 64, preprocessing, READING, "0" * 64)


MODELS: dict[str, dict[str, Any]] = {
    "table": {"name": "mlp", "widths": [24, 6]},  # the first is wide, so that its weights lie transposed in memory
    "series": {"name": "conv1d"},
    "image": {"name": "cnn"},
    "plain": {"name": "linear"},
    "sigmoid": {"name": "mlp", "widths": [24, 6], "activation": "sigmoid"},  # a table, for what needs such units
}
"""By layout of the data, or by the name in `SHAPES`."""


def make_setting(
    regularizers: Mapping[str, Regularizer], layout: str = "table", task: str = "classification", **schedule: Any
) -> tuple[TrainingSpec, TrainingSet]:
    """Return specification and data of a small run; `schedule` replaces settings."""
    split = make_split(layout, task)
    settings = {"epochs": 3, "batch_size": 16, "stop": {"name": "none"}, **schedule}
    built: Schedule = build_schedule(settings)
    shape = DataShape(split.task, split.layout, split.train.x.shape[1:], split.preprocessing.width, split.train.x)
    network = build_model(MODELS[layout if layout in MODELS else split.layout]).build(shape)
    spec = make_spec(network, regularizers, built, collect_facts(split, network, built))
    return spec, prepare(split, spec.dtype)


def fitting_setting(regularizers: Mapping[str, Regularizer], **schedule: Any) -> tuple[TrainingSpec, TrainingSet]:
    """Return the first setting that the regularizers accept, also when they see its rows."""
    refusals = []
    for task in ("classification", "regression"):
        for layout in ("table", "series", "image", "mixed", "blurred", "plain", "sigmoid"):
            try:
                spec, data = make_setting(regularizers, layout, task, **schedule)
                stack_rows([data.rows], [Trained(0, regularizers)], spec.facts)
                return spec, data
            except ConfigError as refusal:
                refusals.append(str(refusal))
    pytest.fail(f"no setting fits: {refusals}")


def train(
    spec: TrainingSpec,
    data: TrainingSet,
    members: Sequence[Mapping[str, Regularizer]],
    seeds: Sequence[int],
    rates: Sequence[float],
    slow: list[str] | None = None,
) -> list[Memory]:
    """Train runs as one cohort and return what their sinks got; `slow` takes what could not be played back."""
    sinks = [Memory() for _ in seeds]
    runs = [
        CohortRun(seed=seed, regularizers=own, optimizer=replace(spec.schedule.optimizer, lr=lr), sink=sink)
        for seed, own, lr, sink in zip(seeds, members, rates, sinks, strict=True)
    ]
    with torch.no_grad():
        fit(spec, runs, [data], Observer(slow=[].append if slow is None else slow.append))
    return sinks


@pytest.fixture
def committed_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are committed after every epoch."""
    monkeypatch.setattr("regbench.training.fit.COMMIT_SECONDS", 0.0)


def assert_resumes(spec: TrainingSpec, data: TrainingSet, regularizers: Mapping[str, Regularizer]) -> None:
    """Require that a run resumed from its commit of any epoch ends bit for bit as it does straight through."""
    straight = train(spec, data, [regularizers], [3], [0.01])[0]
    epochs = len(straight.rows)
    assert len(straight.commits) == epochs + 1, "one commit an epoch, and one with the result"
    for epoch in range(1, epochs + 1):
        sink = Memory()
        run = CohortRun(
            seed=3,
            regularizers=regularizers,
            optimizer=replace(spec.schedule.optimizer, lr=0.01),
            sink=sink,
            checkpoint=Checkpoint(*straight.commits[epoch - 1]),
        )
        with torch.no_grad():
            fit(spec, [run], [data], Observer())
        assert sink.rows == straight.rows[epoch:]
        assert sink.final.keys() == straight.final.keys()
        assert all(torch.equal(sink.final[k], v) for k, v in straight.final.items())
        assert {**sink.result, "seconds": None} == {**straight.result, "seconds": None}
