"""Jobs of a batch system, one for each piece of work, through submitit: Slurm, or processes here to try it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings
from regbench.errors import ConfigError, RegbenchError, suggest
from regbench.store import durable
from regbench.sweeps.backends.base import Done, Work, WorkersLost, first_line, missing_extra
from regbench.sweeps.manifest import BOOKKEEPING

LARGEST_ARRAY = 1000
"""Jobs in one array: Slurm's own limit is 1001 unless its administrator chose another."""

JOBS = 16
"""Jobs at once on Slurm where neither the person nor the amount of work says less."""

DEFAULTS = {"timeout_min": 60, "name": "regbench"}

OURS = {"nodes", "tasks_per_node", "ntasks_per_node", "array_parallelism", "job_name", "time", "num_gpus"}
"""Parameters that a person cannot set, because one job is one process on one node, and second names of others."""


class SubmititJobs:
    """Jobs that submitit hands to a batch system and whose results it reads from a shared folder."""

    local = False

    def __init__(self, settings: SweepSettings, workers: int, logs: Path) -> None:
        self.workers = workers
        self._cluster = settings.cluster
        self._here = settings.cluster == "local"
        self._parameters = {**DEFAULTS, **settings.job, "slurm_array_parallelism": workers}
        self._logs = logs
        self._executor: Any = None
        self._jobs: list[Any] = []
        self._recalled = False

    @classmethod
    def prepare(cls, settings: SweepSettings, most: int, folder: Path) -> SubmititJobs:
        """Check what the jobs are to be, without submitting any; logs go to `.sweep/submitit` in the sweep's folder.

        Raises:
            ConfigError: submitit is not installed, Slurm is not there, or a key of `sweep.job` cannot be used.
        """
        try:
            import submitit  # noqa: F401
        except ImportError as error:
            raise missing_extra("submitit") from error
        _check_job(settings.job)
        if settings.cluster == "slurm" and not (shutil.which("sbatch") and shutil.which("srun")):
            raise ConfigError("sweep.cluster=slurm needs Slurm's commands (sbatch, srun, sacct) on this machine")
        return cls(settings, min(settings.workers or JOBS, most), folder.resolve() / BOOKKEEPING / "submitit")

    def start(self, first: RunConfig) -> None:
        """Do nothing: a job is submitted when there is work for it."""

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each in a job of its own.

        Raises:
            WorkersLost: jobs ended without a result: killed, out of time or memory, or their node has gone.
            RegbenchError: a piece was refused, or Slurm takes no jobs.
        """
        waiting = list(pieces)
        lost: str | None = None
        while self._jobs or (waiting and not self._recalled):
            room = self._room()
            if waiting and room and not self._recalled:
                self._jobs += self._submit(function, waiting[:room])
                del waiting[:room]
            if self._recalled and self._jobs and not self._here:
                self._jobs[0].done(force_check=True)  # asks Slurm about all; by itself submitit asks ever more rarely
            ended = [job for job in self._jobs if job.done()]
            self._jobs = [job for job in self._jobs if job not in ended]
            for job in ended:
                try:
                    yield self._collect(job)
                except WorkersLost as loss:
                    lost = str(loss)
            if not ended:
                time.sleep(0.1 if self._here else 1.0)
        if lost is not None:
            raise WorkersLost(lost)

    def _room(self) -> int:
        if self._here:
            return self.workers - len(self._jobs)
        return 0 if self._jobs else LARGEST_ARRAY

    def _submit(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> list[Any]:
        import submitit

        try:
            if self._executor is None:  # not before: it makes a folder, and a command that is refused leaves none
                self._executor = submitit.AutoExecutor(folder=self._logs, cluster=self._cluster)
                self._executor.update_parameters(**self._parameters)
            with _sigint_blocked():
                jobs: list[Any] = self._executor.map_array(run_in_job, itertools.repeat(function), pieces)
        except Exception as error:  # submitit has several, which quote all that sbatch printed
            raise RegbenchError(f"no job could be submitted: {first_line(error)}") from error
        return jobs

    def _collect(self, job: Any) -> Any:
        """Return the result of a job that has ended, and remove what was only meant for its transport."""
        from submitit.core.utils import UncompletedJobError

        try:
            if not job.paths.result_pickle.exists() and job.state != "COMPLETED":  # or submitit waits 15 s for each
                raise WorkersLost(f"job {job.job_id} ended without a result; see {job.paths.stderr}")
            result = job.result()
        except UncompletedJobError as error:
            raise WorkersLost(f"job {job.job_id} failed; see {job.paths.stderr}") from error
        finally:
            with suppress(RegbenchError):
                durable.remove(job.paths.submitted_pickle, job.paths.result_pickle)
        if isinstance(result, RegbenchError):
            raise result
        return result

    def recall(self) -> None:
        """Submit no more, and take back the jobs that still wait in Slurm's queue."""
        self._recalled = True
        self._cancel("--state=PENDING")

    def stop(self) -> None:
        """Cancel all jobs; a worker in work still commits before it ends."""
        if self._here:
            for job in self._jobs:
                with suppress(ProcessLookupError):
                    os.kill(int(job.job_id), signal.SIGTERM)
        self._cancel()
        self._jobs = []

    def _cancel(self, *options: str) -> None:
        numbers = sorted({job.job_id.split("_")[0] for job in self._jobs})
        if numbers and not self._here:
            subprocess.run(["scancel", *options, *numbers], check=False, capture_output=True, timeout=30)


def run_in_job(function: Callable[[Work], Done], piece: Work) -> Done | RegbenchError:
    """Apply a function in a job, and return a refusal as such: submitit hands back only the text of an exception.

    The signal by which Slurm announces a job's end is passed on as SIGTERM, at which a worker commits and returns;
    submitit's own answer is an exception wherever the program is.
    """
    from submitit.core.job_environment import JobEnvironment

    announced = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
    signal.signal(announced, lambda number, frame: signal.raise_signal(signal.SIGTERM))
    try:
        return function(piece)
    except RegbenchError as refusal:
        return refusal


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Let processes that are started here ignore Ctrl-C, which reaches all of a terminal; they inherit the mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _check_job(job: Mapping[str, Any]) -> None:
    from submitit import AutoExecutor, SlurmExecutor

    generic = {name: kind for name, kind in AutoExecutor._typed_parameters().items() if name not in OURS}
    slurm = {f"slurm_{name}" for name in SlurmExecutor._valid_parameters() - OURS}
    for key, value in job.items():
        if key not in generic and key not in slurm:
            raise ConfigError(f"sweep.job.{key}: unknown key; {suggest(str(key), [*generic, *slurm])}")
        kind = generic.get(key, object)
        if not isinstance(value, (int, float) if kind is float else kind):
            raise ConfigError(f"sweep.job.{key}={value!r} is not allowed; it takes a value of type {kind.__name__}")
