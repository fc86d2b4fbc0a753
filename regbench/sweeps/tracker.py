"""The runs of one command, and their states while workers train."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from regbench.config.run_config import RunConfig
from regbench.statuses import RunState
from regbench.store import durable
from regbench.store.durable import StorageError
from regbench.sweeps.heartbeat import Heartbeat, read_heartbeats
from regbench.sweeps.manifest import describe, read_planned
from regbench.sweeps.observer import SweepProgress
from regbench.sweeps.run_status import RunStatus, StatusReader

LOOK_SHARE = 0.1
"""Largest share of its time that a command spends on looking at folders: on a slow shared disk it looks less often."""

LOOK_SECONDS = 0.4


class SweepTracker:
    """The runs that a command was asked for, their states, and what failed in its own time."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        self.planned = describe(configs)
        self.configs = {run.run_id: config for run, config in zip(self.planned, configs, strict=True)}
        self.folder = configs[0].runs / configs[0].name
        self.errors: dict[str, str] = {}
        """Runs that failed or were refused in this command, by run id: one line each."""
        self.stale: dict[str, str] = {}
        """Runs that ended elsewhere, but on other data or with other code than this command's: one line each."""
        self.heartbeats: list[Heartbeat] = []
        self._began = time.monotonic()
        self._next_look = 0.0
        self._reader = StatusReader(self.folder, self.planned)
        if configs[0].resume != "fresh":  # what is about to be removed has not ended
            self._reader.poll()

    def look(self) -> None:
        """Look what the workers have done since the last look, unless that was only just now."""
        begin = time.monotonic()
        if begin < self._next_look:
            return
        self.look_now()
        end = time.monotonic()
        self._next_look = end + max(LOOK_SECONDS, (end - begin) / LOOK_SHARE)

    def look_now(self) -> None:
        """Look what the workers have done."""
        self._reader.poll()
        self.heartbeats = read_heartbeats(self.folder)

    def progress(self) -> SweepProgress:
        """Return what the last look showed."""
        return SweepProgress(self.statuses, self.heartbeats, time.monotonic() - self._began)

    @property
    def statuses(self) -> list[RunStatus]:
        """The status of each run, in the order of the sweep."""
        return [self._with_errors(status) for status in self._reader.statuses]

    def all_statuses(self, warn: Callable[[str], None]) -> list[RunStatus]:
        """Return the status of each run of every sweep of this name: a sweep does not take another one's rows away."""
        everyone = read_planned(self.folder, warn)
        if len(everyone) == len(self.planned):
            return self.statuses
        own = {status.run.run_id: status for status in self.statuses}
        others = StatusReader(self.folder, [run for run in everyone if run.run_id not in own])
        others.poll()
        found = own | {status.run.run_id: status for status in others.statuses}
        return [found[run.run_id] for run in everyone if run.run_id in found]

    def left(self) -> list[RunConfig]:
        """Return the runs that this command has still to train: neither ended nor failed in its own time."""
        return [
            self.configs[status.run.run_id]
            for status in self._reader.statuses
            if not status.state.ended and status.run.run_id not in self.errors
        ]

    def _with_errors(self, status: RunStatus) -> RunStatus:
        """Return a status as this command knows it; of a stale run, it uses no figure."""
        errors = self.stale if status.state.ended else self.errors
        error = errors.get(status.run.run_id)
        result = None if status.state.ended else status.result
        return status if error is None else RunStatus(status.run, RunState.FAILED, result, error)

    def log(self, line: str) -> None:
        """Append to `sweep.log`, with the time."""
        with suppress(StorageError):  # a log that cannot be written stops nobody
            durable.append_text(
                self.folder / "sweep.log", f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n"
            )
