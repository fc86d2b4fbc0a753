"""The runs of one command, and what is known of them while workers train."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from regbench.config.run_config import RunConfig
from regbench.store import durable
from regbench.store.durable import StorageError
from regbench.sweeps.heartbeat import BeatState, read_beats
from regbench.sweeps.manifest import describe, planned
from regbench.sweeps.run_status import Standing, Survey

LOOK_SHARE = 0.1
"""Most of its time that a command spends on looking at folders: on a slow shared disk it looks less often."""

LOOK_SECONDS = 0.4


class Sweep:
    """What a command was asked for, what of it is done, and what failed while it looked on."""

    def __init__(self, configs: Sequence[RunConfig]) -> None:
        self.entries = describe(configs)
        self.runs = {entry.run_id: config for entry, config in zip(self.entries, configs, strict=True)}
        self.folder = configs[0].runs / configs[0].name
        self.quiet = configs[0].quiet
        self.errors: dict[str, str] = {}
        """Runs that failed or were refused in this command, by run id: one line each."""
        self.beats: list[BeatState] = []
        self._began = time.monotonic()
        self._next_look = 0.0
        self._survey = Survey(self.folder, self.entries)
        if configs[0].resume != "fresh":  # what is about to be removed is not done
            self._survey.poll()

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
        self._survey.poll()
        self.beats = read_beats(self.folder)

    @property
    def elapsed(self) -> float:
        """Seconds since the command began to look."""
        return time.monotonic() - self._began

    @property
    def standings(self) -> list[Standing]:
        """Where each run stands, in the order of the sweep."""
        return [
            replace(standing, state="failed", error=self.errors[standing.entry.run_id])
            if standing.entry.run_id in self.errors and standing.state != "done"
            else standing
            for standing in self._survey.standings
        ]

    def all_standings(self) -> list[Standing]:
        """Return where the runs of every sweep of this name stand: a sweep does not take another one's rows away."""
        everyone = planned(self.folder)
        if len(everyone) == len(self.entries):
            return self.standings
        own = {standing.entry.run_id: standing for standing in self.standings}
        others = Survey(self.folder, [entry for entry in everyone if entry.run_id not in own])
        others.poll()
        found = own | {standing.entry.run_id: standing for standing in others.standings}
        return [found[entry.run_id] for entry in everyone if entry.run_id in found]

    def missing(self) -> list[RunConfig]:
        """Return the runs that this command has still to do: neither complete nor failed in its own time."""
        return [
            self.runs[standing.entry.run_id]
            for standing in self._survey.standings
            if standing.state != "done" and standing.entry.run_id not in self.errors
        ]

    def log(self, line: str) -> None:
        """Append to `sweep.log`, with the time."""
        with suppress(StorageError):  # a log that cannot be written stops nobody
            durable.append_text(
                self.folder / "sweep.log", f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n"
            )
