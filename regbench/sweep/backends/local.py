"""Worker processes on this machine: joblib's process pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from threading import Thread

from regbench.sweep.backends.base import Done, Work, WorkersLost, first_line


class LocalProcesses:
    """Worker processes on this machine, one thread each; a single worker is a thread of this process."""

    local = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._starting: Thread | None = None

    def start(self) -> None:
        """Begin to start the processes, which import torch first: that takes longer than all they do besides."""
        if self.workers > 1:
            self._starting = Thread(target=lambda: list(self._run(import_trainer, range(self.workers))), daemon=True)
            self._starting.start()

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each in the next free process."""
        if self._starting is not None:
            self._starting.join()
        yield from self._run(function, pieces)

    def _run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        from joblib import Parallel, delayed, parallel_config
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        with parallel_config("loky", n_jobs=self.workers, inner_max_num_threads=1):
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
            get_reusable_executor().shutdown(wait=False, kill_workers=True)


def import_trainer(number: int) -> int:
    """Import what training needs, so that a process has it before it gets work."""
    import regbench.training.fit  # noqa: F401

    return number
