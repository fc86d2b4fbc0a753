"""Workers of a running Dask cluster.

Dask's own client rather than joblib's bridge to it: the bridge (joblib 1.6) waits forever for a piece of work that
Dask has given up because several workers died at it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings
from regbench.errors import ConfigError, RegbenchError
from regbench.sweeps.backends.base import Done, Work, WorkersLost, first_line, missing_extra

CONNECT_SECONDS = 5

_alone = threading.Lock()
"""One piece at a time in one process, however many threads a worker was started with: the working folder is shared."""


class DaskCluster:
    """The workers of a Dask scheduler; Dask hands the work of a worker that died to another one."""

    local = False

    def __init__(self, address: str, client: Any, workers: int) -> None:
        self.workers = workers
        self._address = address
        self._client = client
        self._futures: list[Any] = []

    @classmethod
    def connect(cls, settings: SweepSettings, most: int) -> DaskCluster:
        """Connect to the scheduler at `sweep.address`.

        Raises:
            ConfigError: Dask is not installed, nobody answers, no worker is there, or one has several threads.
        """
        try:
            import distributed
        except ImportError as error:
            raise missing_extra("dask") from error
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it logs tracebacks of what is handled here
        assert settings.address is not None
        try:
            client = distributed.Client(settings.address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"sweep.address={settings.address}: no Dask scheduler answers there ({first_line(error)})"
            ) from error
        try:
            return cls(settings.address, client, min(_count_workers(client, settings), most))
        except ConfigError:
            client.close()
            raise

    def start(self, first: RunConfig) -> None:
        """Do nothing: the workers run already."""

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each on the next free worker.

        Raises:
            WorkersLost: several workers died at a piece, or the scheduler has gone.
            RegbenchError: a piece was refused, or the scheduler has gone.
        """
        import distributed

        if self._client.status != "running":
            raise RegbenchError(f"the Dask scheduler at {self._address} has gone; the same command resumes from here")
        self._futures = [self._client.submit(run_alone, function, piece, pure=False) for piece in pieces]
        lost: str | None = None
        for future in distributed.as_completed(self._futures, loop=self._client.loop):
            if future.status == "error" and not isinstance(future.exception(), distributed.KilledWorker):
                raise future.exception()
            if future.status == "finished":
                yield future.result()
            elif not future.cancelled() or self._client.status != "running":
                lost = first_line(future.exception())
        if lost is not None:
            raise WorkersLost(lost)

    def recall(self) -> None:
        """Cancel the pieces that are on no worker."""
        begun = set(chain.from_iterable(self._client.processing().values()))
        self._client.cancel([future for future in self._futures if future.key not in begun])

    def stop(self) -> None:
        """Cancel what is left and disconnect; a worker in work stops when it finds the sweep's stop file."""
        self._futures.clear()
        self._client.close(timeout=CONNECT_SECONDS)


def run_alone(function: Callable[[Work], Done], piece: Work) -> Done:
    """Apply a function when nothing else does in this process."""
    with _alone:
        return function(piece)


def _count_workers(client: Any, settings: SweepSettings) -> int:
    threads = client.nthreads()
    several = next((worker for worker, count in threads.items() if count > 1), None)
    if several is not None:
        raise ConfigError(
            f"sweep.backend=dask: worker {several} has {threads[several]} threads; "
            "start each with one: dask worker --nthreads 1"
        )
    if not threads and settings.workers is None:
        raise ConfigError(
            f"sweep.address={settings.address}: the scheduler has no workers; start some, "
            "or say how many there will be, as in sweep.workers=8"
        )
    return settings.workers or len(threads)
