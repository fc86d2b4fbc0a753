"""One run of a cohort: what is trained, where its rows and checkpoints go, and who is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from regbench.regularizers.base import Regularizer
from regbench.schedules.optimizers import Optimizer
from regbench.store.checkpoint import Checkpoint
from regbench.store.staged_end import StagedEnd
from regbench.training.spec import TrainingSpec


class Interrupted(Exception):
    """Training was asked to stop; everything up to the last commit is kept."""


class Sink(Protocol):
    """Destination of a run's rows, checkpoints and result."""

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Take one epoch's row."""

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Make everything so far durable."""

    def end(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Take the state that a run has ended with, as a commit would hold it."""

    def finish(self, result: Mapping[str, object], best: Mapping[str, Tensor]) -> StagedEnd | None:
        """Take the result and the best weights; what it returns marks the run as ended, None: it is already."""


@dataclass(frozen=True, kw_only=True)
class CohortRun:
    """One run to train in a cohort."""

    seed: int
    regularizers: Mapping[str, Regularizer]
    optimizer: Optimizer
    sink: Sink
    record: Mapping[str, object] = field(default_factory=dict)
    """What every commit holds besides the state, for whoever resumes it."""
    checkpoint: Checkpoint | None = None
    """The run's last commit, from which it resumes; None: it begins."""
    cut: int = 0
    """The number of the set that it is trained and measured on."""


@dataclass(frozen=True, kw_only=True)
class Observer:
    """Functions that are told how a cohort's training goes, or asked."""

    epoch: Callable[[Mapping[str, float | int | None]], None] | None = None
    """Called with every row of metrics.csv, and `best_epoch`: for the display of a single run."""
    progress: Callable[[int, int], None] = lambda epoch, active: None
    """Called once an epoch, with its number and how many runs train on after it."""
    stop_requested: Callable[[], bool] = lambda: False
    """Asked at every step: whether training should be interrupted."""
    slow: Callable[[str], None] = lambda why: None
    """Called once for each computation that cannot be played back, with the reason: it takes its full time."""
    clock: Callable[[], float] = time.monotonic


def make_run(
    spec: TrainingSpec,
    seed: int,
    sink: Sink,
    record: Mapping[str, object] | None = None,
    checkpoint: Checkpoint | None = None,
) -> CohortRun:
    """Return a run that has the specification's own regularizers and optimizer."""
    return CohortRun(
        seed=seed,
        regularizers=spec.regularizers,
        optimizer=spec.schedule.optimizer,
        sink=sink,
        record=record or {},
        checkpoint=checkpoint,
    )
