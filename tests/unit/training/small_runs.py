"""Small runs of the real trainer, for tests that compare it with something else."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Part, Split
from regbench.models.base import DataShape
from regbench.models.registry import build_model
from regbench.regularizers.base import Regularizer
from regbench.regularizers.registry import build_techniques
from regbench.schedules.schedule import build_schedule
from regbench.training.fit import Job, Watch, fit, make_job
from regbench.training.spec import Plan, make_plan
from regbench.training.training_set import TrainingSet, collect_facts, prepare
from tests.contract.conftest import Memory

NONE: dict[str, Any] = {"name": "none"}


@dataclass(frozen=True)
class Setting:
    """What a run needs beside its seed."""

    plan: Plan
    data: TrainingSet
    split: Split


def build_named(techniques: Mapping[str, Mapping[str, Any]]) -> dict[str, Regularizer]:
    """Build techniques from their settings, as a configuration does."""
    return build_techniques({name: {"name": name, **values} for name, values in techniques.items()})


def make_setting(
    split: Split,
    model: Mapping[str, Any],
    techniques: Mapping[str, Mapping[str, Any]] | None = None,
    **schedule: Any,
) -> Setting:
    """Return a setting made of configuration mappings; without a `stop` nothing ends a run early."""
    built = build_schedule({"stop": NONE, **schedule})
    shape = DataShape(split.task, split.layout, split.train.x.shape[1:], len(split.classes) or 1, split.train.x)
    network = build_model(model).build(shape)
    plan = make_plan(network, build_named(techniques or {}), built, collect_facts(split, network, built))
    return Setting(plan, prepare(split, plan.dtype), split)


def make_split(x: NDArray[np.float64], y: NDArray[Any], *, layout: str = "table", val: int = 0, test: int = 1) -> Split:
    """Cut rows into training, validation and test rows, in this order; whole numbers in `y` are classes."""
    ends = len(y) - val - test
    train, validation, held_out = (
        Part(x[a:b], y[a:b]) for a, b in ((0, ends), (ends, len(y) - test), (len(y) - test, len(y)))
    )
    classify = np.issubdtype(y.dtype, np.integer)
    classes = tuple(str(label) for label in range(y.max() + 1)) if classify else ()
    task = "classification" if classify else "regression"
    preprocessing = Preprocessing(task=task, layout=layout, shape=x.shape[1:], classes=classes)
    return Split(task, layout, train, validation, held_out, classes, (), 1.0, 0.0, "0" * 64, preprocessing)


def draw_classes(
    rows: int, shape: tuple[int, ...], *, classes: int = 3, spread: float = 1.0, seed: int = 5
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Draw rows `[rows, *shape]` around one centre for each class, and their classes."""
    generator = np.random.default_rng(seed)
    y = generator.integers(classes, size=rows)
    centres = generator.standard_normal((classes, *shape))
    return centres[y] + spread * generator.standard_normal((rows, *shape)), y


def train_cohort(setting: Setting, jobs: Sequence[Job]) -> None:
    """Train jobs as one cohort."""
    with torch.no_grad():
        fit(setting.plan, jobs, setting.data, Watch())


def train_alone(setting: Setting, seed: int = 0) -> Memory:
    """Train one run by itself."""
    sink = Memory()
    train_cohort(setting, [make_job(setting.plan, seed, sink)])
    return sink


def train_job_alone(setting: Setting, job: Job) -> Memory:
    """Train a cohort's job by itself, with its own techniques in the plan."""
    sink = Memory()
    plan = dataclasses.replace(setting.plan, techniques=job.techniques)
    train_cohort(dataclasses.replace(setting, plan=plan), [dataclasses.replace(job, sink=sink)])
    return sink
