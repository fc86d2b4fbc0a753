"""Small runs of the real trainer, for tests that compare it with something else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from regbench.config.fields import hyper_names
from regbench.data.preprocessing import Preprocessing
from regbench.data.reading import Reading
from regbench.data.records import Part, Split
from regbench.models.base import DataShape
from regbench.models.registry import build_model
from regbench.regularizers.base import Regularizer
from regbench.regularizers.registry import build_regularizers
from regbench.schedules.schedule import build_schedule
from regbench.training.cohort_run import CohortRun, Observer, make_run
from regbench.training.fit import fit
from regbench.training.spec import TrainingSpec, make_spec
from regbench.training.training_set import TrainingSet, collect_facts, prepare
from tests.contract.conftest import Memory

NONE: dict[str, Any] = {"name": "none"}
Settings: TypeAlias = Mapping[str, Any]
"""What a configuration says of one regularizer."""

READING = Reading(origin="here", task="", classes=0, outputs=(), rows={}, columns=(), left_out={}, shape=())
"""Rows that no source was read for."""


@dataclass(frozen=True)
class Setting:
    """What a run needs besides its seed."""

    spec: TrainingSpec
    data: TrainingSet
    split: Split


def build_named(regularizers: Mapping[str, Settings | Regularizer]) -> dict[str, Regularizer]:
    """Build regularizers from their settings, as a configuration does; those that are records already stay."""
    named = {name: own for name, own in regularizers.items() if not isinstance(own, Regularizer)}
    given = {name: own for name, own in regularizers.items() if isinstance(own, Regularizer)}
    return {**build_regularizers({name: {"name": name, **values} for name, values in named.items()}), **given}


def make_setting(
    split: Split,
    model: Mapping[str, Any],
    regularizers: Mapping[str, Settings | Regularizer] | None = None,
    **schedule: Any,
) -> Setting:
    """Return a setting made of configuration mappings; without a `stop` nothing ends a run early.

    A regularizer may be a record too, of a class that only the test knows.
    """
    built = build_schedule({"stop": NONE, **schedule})
    shape = DataShape(split.task, split.layout, split.train.x.shape[1:], split.preprocessing.width, split.train.x)
    network = build_model(model).build(shape)
    spec = make_spec(network, build_named(regularizers or {}), built, collect_facts(split, network, built))
    return Setting(spec, prepare(split, spec.dtype), split)


def make_split(
    x: NDArray[np.float64],
    y: NDArray[Any],
    *,
    layout: str = "table",
    val: int = 0,
    test: int = 1,
    weights: NDArray[np.float64] | None = None,
) -> Split:
    """Cut rows into training, validation and test rows, in this order.

    Whole numbers in `y` `[N]` are classes, truth values `[N, K]` labels, other numbers those to predict.
    """
    ends = len(y) - val - test
    train, validation, held_out = (
        Part(x[a:b], y[a:b] if y.dtype != bool else y[a:b].astype(float), None if weights is None else weights[a:b])
        for a, b in ((0, ends), (ends, len(y) - test), (len(y) - test, len(y)))
    )
    task = {"i": "classification", "b": "multilabel", "f": "regression"}[y.dtype.kind]
    classes = tuple(str(label) for label in range(y.max() + 1)) if task == "classification" else ()
    outputs = tuple(f"y{place}" for place in range(y.shape[1])) if y.ndim == 2 else ()
    numbers = len(outputs) or 1 if task == "regression" else 0
    preprocessing = Preprocessing(task=task, layout=layout, shape=x.shape[1:], classes=classes, outputs=outputs)
    scales = (1.0,) * numbers, (0.0,) * numbers
    parts = (train, validation, held_out)
    return Split(task, layout, *parts, classes, (), *scales, "0" * 64, preprocessing, READING, "0" * 64)


def draw_classes(
    rows: int, shape: tuple[int, ...], *, classes: int = 3, spread: float = 1.0, seed: int = 5
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Draw rows `[rows, *shape]` around one centre for each class, and their classes."""
    generator = np.random.default_rng(seed)
    y = generator.integers(classes, size=rows)
    centres = generator.standard_normal((classes, *shape))
    return centres[y] + spread * generator.standard_normal((rows, *shape)), y


def with_rate(run: CohortRun, lr: float, decay: float = 0.0) -> CohortRun:
    """Return a run with a learning rate of its own, and a decay where its optimizer has one."""
    values = {"lr": lr, "weight_decay": decay}
    own = {name: values[name] for name in hyper_names(type(run.optimizer))}
    return dataclasses.replace(run, optimizer=dataclasses.replace(run.optimizer, **own))


def train_cohort(setting: Setting, runs: Sequence[CohortRun]) -> None:
    """Train runs as one cohort."""
    with torch.no_grad():
        fit(setting.spec, runs, [setting.data], Observer())


def train_seeds(setting: Setting, seeds: Sequence[int]) -> list[Memory]:
    """Train runs that differ in seed only as one cohort."""
    sinks = [Memory() for _ in seeds]
    train_cohort(setting, [make_run(setting.spec, seed, sink) for seed, sink in zip(seeds, sinks, strict=True)])
    return sinks


def train_alone(setting: Setting, seed: int = 0) -> Memory:
    """Train one run by itself."""
    return train_seeds(setting, [seed])[0]


def train_run_alone(setting: Setting, run: CohortRun) -> Memory:
    """Train a cohort's run by itself, with its own regularizers in the specification."""
    sink = Memory()
    spec = dataclasses.replace(setting.spec, regularizers=run.regularizers)
    train_cohort(dataclasses.replace(setting, spec=spec), [dataclasses.replace(run, sink=sink)])
    return sink
