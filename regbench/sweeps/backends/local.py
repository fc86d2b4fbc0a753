"""Worker processes on this machine: joblib's process pool."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Thread

from regbench.config.run_config import RunConfig
from regbench.runs.prepare import build_records, prepare_run
from regbench.sweeps.backends.base import Done, Work, WorkersLost, first_line

IDLE_SECONDS = 20
"""Time that a process waits for work, and so that it outlives a command that was killed."""

MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=2147483648"
"""Settings with which glibc keeps a worker's memory in large pages and does not give freed memory back to the system,
which a step would ask for again at once. It saves a tenth of the time; read once, when a process starts."""


class LocalProcesses:
    """Worker processes on this machine, one thread each; a single worker is a thread of this process."""

    local = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._starting: Thread | None = None

    def start(self, first: RunConfig) -> None:
        """Begin to start the processes, which import what the first run needs: that takes longer than all the rest."""

        def import_everywhere() -> None:
            with suppress(Exception):  # stopped already, or the first piece of work will show the same
                list(self._run(import_trainer, [first] * self.workers))

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
        from joblib.externals.loky.process_executor import BrokenProcessPool

        if self.workers > 1:
            os.environ.setdefault("GLIBC_TUNABLES", MALLOC)
            _block_sigint()
        with parallel_config("loky", n_jobs=self.workers, inner_max_num_threads=1, idle_worker_timeout=IDLE_SECONDS):
            pool = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="all")
            try:
                yield from pool(delayed(function)(piece) for piece in pieces)
            except BrokenProcessPool as error:
                raise WorkersLost(first_line(error)) from error

    def recall(self) -> None:
        """Do nothing: these workers see at once that they are to stop."""

    def stop(self) -> None:
        """Kill the processes."""
        if self.workers > 1:
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor(reuse=True, kill_workers=True).shutdown(wait=True, kill_workers=True)


def _block_sigint() -> None:
    """Block SIGINT in this thread, so that the processes it starts inherit that: Ctrl-C reaches all of a terminal's.

    The resource trackers are started first, because they unblock SIGINT in the thread that starts them.
    """
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as own_tracker

    own_tracker.ensure_running()
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def import_trainer(first: RunConfig) -> None:
    """Import what training needs, by preparing a run, so that a process has it before it gets work."""
    import regbench.training.timing  # noqa: F401

    with suppress(Exception):  # whatever is wrong with it is reported when it is checked
        prepare_run(first, build_records(first))
