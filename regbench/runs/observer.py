"""The interface through which a run tells how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Row: TypeAlias = Mapping[str, float | int | None]
"""A row of `metrics.csv`, and `best_epoch` where the trainer judges by something other than the validation loss."""


@dataclass(frozen=True)
class RunStart:
    """A run whose training begins, or resumes, with `first_epoch`, counted from 1."""

    run_id: str
    epochs: int
    """Most epochs that it may take."""
    first_epoch: int
    metric: str
    """Name of the figure besides the loss, as in `train_<metric>`."""
    data: tuple[str, ...] = ()
    """How the data were read, in lines, and what was guessed; nothing of data sets that are not a person's own."""
    order: tuple[str, ...] = ()
    """Stages at which several regularizers act and order matters, each with it: `batch: mixup, cutout`."""


class RunObserver(Protocol):
    """Follows one run; none of its methods may change anything of it."""

    def begin(self, start: RunStart) -> None:
        """Take note of a run that begins to train; not called for a run that was complete already."""

    def epoch(self, row: Row) -> None:
        """Take note of an epoch."""

    def end(self) -> None:
        """Let go of whatever is displayed; called after `begin`, whatever ended the training."""


class SilentRun:
    """Shows nothing."""

    def begin(self, start: RunStart) -> None:
        """Do nothing."""

    def epoch(self, row: Row) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


SILENT_RUN = SilentRun()
