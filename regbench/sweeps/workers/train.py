"""The work of a worker, wherever it runs: train the runs of one cohort that nobody else is training or has trained.

A worker claims the folders of its runs before it touches them, so that any number of workers and of sweeps can be
given the same runs: each run is trained by one of them, and a run whose worker dies is free at once. A cohort that
fails is halved and resumes from its last commit, until the run that fails is alone.
"""

from __future__ import annotations

import os
import platform
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias

from regbench.config.run_config import RunConfig
from regbench.errors import ConfigError, RegbenchError
from regbench.runs.prepare import OUT_OF_MEMORY, build_records, is_out_of_memory
from regbench.runs.reuse import PresentOrigins, StaleRunError, check_finished
from regbench.store.concurrently import concurrently
from regbench.store.run_folder import FolderInUse, RunFolder
from regbench.sweeps.cohorts import cut, cut_cohorts
from regbench.sweeps.heartbeat import HeartbeatWriter
from regbench.sweeps.workers.stop_requests import StopRequests, most_folders, prepared_process
from regbench.sweeps.workers.train_cuts import Claim, Progress, train_claims

Report: TypeAlias = Callable[[str, int, int, int], None]
"""Reports what a worker trains: label, runs, epoch, epochs."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Runs for one worker, all of one stack."""

    number: int
    label: str
    runs: tuple[RunConfig, ...]
    size: int
    """Most runs in one stacked computation."""
    base: Path
    """The folder that the command was given in: paths in a configuration start there."""
    stop_file: Path
    """Exists once the sweep is to stop."""
    parent: int | None
    """Process without which a worker on this machine stops; None elsewhere."""
    attempts: int = 0
    """Times that the process which had these runs was lost."""

    @property
    def folder(self) -> Path:
        """The folder of the sweep."""
        return self.base / self.runs[0].folder().parent


@dataclass
class Outcome:
    """The runs of an assignment that did not end, by run id; a run that is in none of these has ended."""

    number: int
    busy: list[str] = field(default_factory=list)
    """In training somewhere else."""
    errors: dict[str, str] = field(default_factory=dict)
    """Failed, or refused because of what is in their folders: one line each."""
    stale: dict[str, str] = field(default_factory=dict)
    """Ended, but on other data or with other code than those of now: one line each."""
    halved: list[str] = field(default_factory=list)
    """Cohorts that failed and were halved, and why: in smaller stacks figures are rounded differently."""
    slow: list[str] = field(default_factory=list)
    """What could not be played back, and why."""
    interrupted: bool = False


def train_assignment(assignment: Assignment) -> Outcome:
    """Train the runs of an assignment, `size` at a time, and return those that did not end."""
    from regbench.training.cohort_run import Interrupted

    outcome = Outcome(assignment.number)
    with (
        chdir(assignment.base),
        prepared_process(assignment.stop_file, assignment.parent) as requests,
        _announce(assignment.folder) as report,
    ):
        most = most_folders()
        cohorts = cut_cohorts(assignment.runs, assignment.size)
        waiting = [part for cohort in cohorts for part in cut(cohort, most)]
        while waiting:
            if requests.requested():
                outcome.interrupted = True
                break
            runs = waiting.pop(0)
            try:
                _train_together(runs, outcome, requests, partial(report, assignment.label))
            except Interrupted:
                outcome.interrupted = True
                break
            except Exception as error:
                if len(runs) == 1:
                    _record_failure(runs[0], error, outcome)
                    continue
                half = (len(runs) + 1) // 2
                outcome.halved.append(f"{len(runs)} runs from {runs[0].run_id()} on: {_first_line(error)}")
                if is_out_of_memory(error):  # as it will be for the next ones of this size
                    waiting = [part for cohort in waiting for part in cut(cohort, half)]
                waiting[:0] = cut(runs, half)
    return outcome


@contextmanager
def _announce(folder: Path) -> Iterator[Report]:
    """Provide what reports the worker's progress; where that cannot be written, training matters more."""
    node = re.sub(r"[^A-Za-z0-9]+", "-", platform.node()).strip("-")[:40] or "host"
    with ExitStack() as stack:
        try:
            heartbeat = stack.enter_context(
                HeartbeatWriter.open(folder, f"{node}-{os.getpid()}-{secrets.token_hex(2)}")
            )
        except RegbenchError:
            yield lambda label, runs, epoch, epochs: None
            return
        yield heartbeat.report


def _train_together(runs: Sequence[RunConfig], outcome: Outcome, requests: StopRequests, report: Progress) -> None:
    """Train those of some runs that nobody else trains or has trained.

    Raises:
        Interrupted: the sweep is to stop; everything so far is committed.
        Exception: whatever a run raises; all are left as of their last commits.
    """
    present = PresentOrigins()
    with ExitStack() as stack:
        folders = concurrently(partial(_claim_folder, stack), runs)
        claims = [
            claim for run, folder in zip(runs, folders, strict=True) if (claim := _claim(run, folder, present, outcome))
        ]
        if claims:
            outcome.slow += train_claims(claims, outcome.errors, requests, report)


def _claim_folder(stack: ExitStack, config: RunConfig) -> RunFolder | RegbenchError:
    """Return the run's folder, owned until the stack ends, or why it cannot be had."""
    try:
        return stack.enter_context(RunFolder.claim(config.folder()))
    except RegbenchError as refusal:
        return refusal


def _claim(
    config: RunConfig, folder: RunFolder | RegbenchError, present: PresentOrigins, outcome: Outcome
) -> Claim | None:
    """Return the claim of a run that is this worker's to train; None where it has ended, or is busy or refused.

    One that has ended since the command looked is checked as the command did: the data may have changed in between.
    """
    try:
        if isinstance(folder, RegbenchError):
            raise folder
        if folder.whole_result() is not None:
            check_finished(config, folder, present)
            folder.close()  # ended: others may look at it
            return None
    except FolderInUse:
        outcome.busy.append(config.run_id())
        return None
    except StaleRunError as refusal:
        outcome.stale[config.run_id()] = str(refusal)
        return None
    except RegbenchError as refusal:
        outcome.errors[config.run_id()] = str(refusal)
        return None
    try:
        return Claim(config, folder, build_records(config))
    except ConfigError as refusal:
        folder.fail(refusal)
        outcome.errors[config.run_id()] = str(refusal)
        return None


def _record_failure(config: RunConfig, error: Exception, outcome: Outcome) -> None:
    """Write a failure into the run's own folder: traceback into run.log, one line into result.json."""
    if is_out_of_memory(error):
        cause, error = error, RegbenchError(OUT_OF_MEMORY)
        error.__cause__ = cause
    outcome.errors[config.run_id()] = _first_line(error)
    with suppress(RegbenchError), RunFolder.claim(config.folder()) as folder:  # where it can be used at all
        folder.fail(error)


def _first_line(error: Exception) -> str:
    line = str(error) if isinstance(error, RegbenchError) else f"{type(error).__name__}: {error}"
    return "".join(line.strip().splitlines()[:1])
