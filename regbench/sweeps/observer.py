"""The interface through which a sweep tells how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from regbench.sweeps.heartbeat import Heartbeat
from regbench.sweeps.run_status import RunStatus


@dataclass(frozen=True)
class SweepProgress:
    """A look at a sweep in training: the states of its runs, its living workers, and the seconds since it began."""

    statuses: Sequence[RunStatus]
    heartbeats: Sequence[Heartbeat]
    elapsed: float


class SweepObserver(Protocol):
    """Follows a sweep; none of its methods may change anything of it."""

    def begin(self, folder: Path, total: int) -> None:
        """Take note of a sweep of `total` runs that begins to train; not called where nothing is left to train."""

    def update(self, progress: SweepProgress) -> None:
        """Take note of a look, of which there are several a second."""

    def end(self) -> None:
        """Let go of whatever is displayed; called after `begin`, whatever ended the training."""

    def warn(self, line: str) -> None:
        """Take a line about something that the sweep ignores, such as a damaged plan of an earlier one."""


class SilentSweep:
    """Shows nothing."""

    def begin(self, folder: Path, total: int) -> None:
        """Do nothing."""

    def update(self, progress: SweepProgress) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""

    def warn(self, line: str) -> None:
        """Do nothing."""


SILENT_SWEEP = SilentSweep()
