"""Workers of a Ray cluster: a running one, or one that this command starts here and stops.

Ray's own tasks rather than its bridge to joblib, which replaces the base class of joblib's pool for the whole process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from regbench.errors import ConfigError
from regbench.sweep.backends.base import Done, Work, WorkersLost, first_line, missing_extra
from regbench.sweep.settings import SweepSettings

RETRIES = 1
"""How often Ray itself tries a piece again whose process died, before the launcher looks what was lost."""

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


class RayCluster:
    """Processes that Ray starts, one CPU each."""

    local = False

    def __init__(self, ray: Any, workers: int, temporary: str | None) -> None:
        self.workers = workers
        self._ray = ray
        self._temporary = temporary
        self._waiting: list[Any] = []

    @classmethod
    def connect(cls, settings: SweepSettings, most: int) -> RayCluster:
        """Connect to the cluster at `sweep.address`, or start one on this machine where none is named.

        Raises:
            ConfigError: Ray is not installed, or no cluster answers at the address.
        """
        os.environ.update(QUIET)  # read when Ray is imported
        try:
            import ray
        except ImportError as error:
            raise missing_extra("ray") from error
        if settings.address is None:
            return cls._start_here(ray, min(settings.workers or len(os.sched_getaffinity(0)), most))
        try:
            ray.init(address=settings.address, log_to_driver=False, logging_level="error")
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"sweep.address={settings.address}: no Ray cluster answers there ({first_line(error)})"
            ) from error
        return cls(ray, min(settings.workers or int(ray.cluster_resources().get("CPU", 1)), most), None)

    @classmethod
    def _start_here(cls, ray: Any, workers: int) -> RayCluster:
        temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # Ray's sockets need a short path
        ray.init(
            address="local",
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _temp_dir=temporary,
        )
        return cls(ray, workers, temporary)

    def start(self) -> None:
        """Do nothing: Ray starts a process when there is work for it."""

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each in the next free process.

        Raises:
            WorkersLost: a piece cost several processes their lives.
            RegbenchError: a piece was refused.
        """
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(function)
        self._waiting = [task.remote(piece) for piece in pieces]
        lost: str | None = None
        while self._waiting:
            (first, *_), self._waiting = ray.wait(self._waiting)
            try:
                yield ray.get(first)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.TaskCancelledError:
                continue
            except ray.exceptions.RayError as error:
                lost = first_line(error)
        if lost is not None:
            raise WorkersLost(lost)

    def recall(self) -> None:
        """Cancel what has not begun; a worker in work is deaf to it and goes on to its next commit."""
        for piece in self._waiting:
            self._ray.cancel(piece, force=False)

    def stop(self) -> None:
        """Leave the cluster, which ends this command's processes; one that was started here ends as a whole."""
        self._ray.shutdown()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
