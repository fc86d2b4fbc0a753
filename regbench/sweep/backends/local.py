"""Worker processes on this machine: joblib's process pool."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Thread

from regbench.sweep.backends.base import Done, Work, WorkersLost, first_line

IDLE_SECONDS = 20
"""How long a process waits for work: so long it outlives a command that was killed."""


class LocalProcesses:
    """Worker processes on this machine, one thread each; a single worker is a thread of this process."""

    local = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._starting: Thread | None = None

    def start(self) -> None:
        """Begin to start the processes, which import torch first: that takes longer than all they do besides."""

        def import_everywhere() -> None:
            with suppress(WorkersLost):  # stopped already, or it will show again with the first piece of work
                list(self._run(import_trainer, range(self.workers)))

        if self.workers > 1:
            self._starting = Thread(target=import_everywhere, daemon=True)
            self._starting.start()

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each in the next free process."""
        if self._starting is not None:
            self._starting.join()
        yield from self._run(function, pieces)

    def _run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        if self.workers > 1:
            _shield_from_interrupts()
        with parallel_config("loky", n_jobs=self.workers, inner_max_num_threads=1, idle_worker_timeout=IDLE_SECONDS):
            pool = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")
            try:
                yield from pool(delayed(function)(piece) for piece in pieces)
            except TerminatedWorkerError as error:
                raise WorkersLost(first_line(error)) from error

    def recall(self) -> None:
        """Do nothing: these workers see at once that they are to stop."""

    def stop(self) -> None:
        """Kill the processes."""
        from joblib.externals.loky import get_reusable_executor

        if self.workers > 1:
            get_reusable_executor(reuse=True, kill_workers=True).shutdown(wait=True, kill_workers=True)


def _shield_from_interrupts() -> None:
    """Let the processes that this thread starts inherit deafness to Ctrl-C, which reaches all of a terminal's.

    Before that, what watches over their resources is started: it lets Ctrl-C through again in the thread it starts in.
    """
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as own_tracker

    own_tracker.ensure_running()
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def import_trainer(number: int) -> int:
    """Import what training needs, so that a process has it before it gets work."""
    import regbench.training.fit
    import regbench.training.timing  # noqa: F401

    return number
