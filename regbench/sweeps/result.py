"""The result of a sweep, as the engine and the Python API return it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.runs.result import RunResult, read_result
from regbench.statuses import RunState
from regbench.store.run_files import read_run
from regbench.sweeps.averaging import AVERAGED, Score
from regbench.sweeps.labels import list_overrides
from regbench.sweeps.ranking import SeedGroup, best, rank
from regbench.sweeps.run_status import RunStatus
from regbench.sweeps.table import make_frame

if TYPE_CHECKING:
    from pandas import DataFrame


OF_ONE_RUN = re.compile(r"\+*(seed|name|runs|resume|metric|quiet|device|threads|sweep(\.[\w.]+)?)=")
"""Overrides that say which of a group's runs it is, where it lies and how it was executed, not what is trained."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best seed group of one data set, judged by the validation metric at the best epoch of each run."""

    data: Mapping[str, str]
    """What tells its data from the others of the sweep; empty where all are the same.

    Settings, and as `data` the first digits of the checksum where runs of the same settings had different data.
    """
    overrides: list[str]
    """The overrides that train it again, but for the seeds and the fold: all that was said of its runs."""
    metric: str
    validation: Score
    """Mean over the runs with its standard error."""
    test: Score | None
    seeds: int
    """Runs behind the mean; diverged ones, and those whose figure is undefined, are left out."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SweepResult:
    """The runs of a sweep in their order, each with its state and result."""

    folder: Path
    statuses: tuple[RunStatus, ...]
    signal: int | None = None
    """The signal (SIGINT, SIGTERM) that was asked to end the sweep; None where none was."""
    changed: str | None = None
    """Runs that were trained on other data than those at the end of the sweep, in one line; None where none were."""

    @cached_property
    def runs(self) -> list[RunResult]:
        """The results of the runs that have ended: complete, stopped early or diverged."""
        return [
            read_result(self.folder / status.run.run_id, status.result)
            for status in self.statuses
            if status.state.ended and status.result is not None
        ]

    @cached_property
    def frame(self) -> DataFrame:
        """A row a run, whatever its state: the settings in which runs differ, and the figures at the best epoch."""
        return make_frame(self.statuses)

    @cached_property
    def groups(self) -> list[SeedGroup]:
        """The seed groups, data set by data set, the best first."""
        return rank(self.statuses)

    @cached_property
    def best(self) -> list[Best]:
        """The best seed group of each data set; none where nothing was validated."""
        return [
            Best(
                data=dict(group.data),
                overrides=self._overrides_of(group),
                metric=group.metric,
                validation=group.validation,
                test=group.test,
                seeds=group.ended - group.diverged - group.undefined,
            )
            for group in best(self.groups)
            if group.metric is not None and group.validation is not None
        ]

    def _overrides_of(self, group: SeedGroup) -> list[str]:
        """Return the overrides of a seed group's first run, as its `run.json` has them, without those of this run."""
        for status in self.statuses:
            if group.values.items() <= status.run.values.items() and status.state.ended:
                recorded = (read_run(self.folder / status.run.run_id / "run.json") or {}).get("overrides")
                if isinstance(recorded, list):
                    averaged = [key for key in AVERAGED if key not in group.values]
                    return [word for word in map(str, recorded) if not _is_of_one_run(word, averaged)]
        return list_overrides(group, self.groups)

    @property
    def failed(self) -> dict[str, str]:
        """Errors of the runs that failed, by run id."""
        return {status.run.run_id: status.error or "" for status in self.statuses if status.state is RunState.FAILED}

    @property
    def left(self) -> int:
        """Number of runs that have neither ended nor failed."""
        return sum(not status.state.ended for status in self.statuses) - len(self.failed)

    def __repr__(self) -> str:
        counts = Counter(status.state for status in self.statuses)
        words = ", ".join(f"{counts[state]} {state.replace('_', ' ')}" for state in RunState if counts[state])
        return f"<SweepResult of {len(self.statuses)} runs: {words}; {self.folder}>"


def _is_of_one_run(word: str, averaged: Sequence[str]) -> bool:
    """Tell whether an override says which of a group's runs it is: one of those that the group is averaged over."""
    return OF_ONE_RUN.match(word) is not None or word.lstrip("+").partition("=")[0] in averaged
