"""Workers of a Ray cluster: a running one, or one that this command starts here and stops.

Ray's own tasks rather than its bridge to joblib, which replaces the base class of joblib's pool for the whole process.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from regbench.config.run_config import RunConfig
from regbench.config.sweep_settings import SweepSettings
from regbench.errors import ConfigError
from regbench.sweeps.backends.base import Done, Work, WorkersLost, first_line, missing_extra

CONNECT_SECONDS = 5

RETRIES = 1
"""Times that Ray itself tries a piece again whose process died, before the command looks at what was lost."""

SILENT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}


class RayCluster:
    """Processes that Ray starts, one CPU each."""

    local = False

    def __init__(self, ray: Any, workers: int, temporary: str | None) -> None:
        self.workers = workers
        self._ray = ray
        self._temporary = temporary
        self._recalled = False

    @classmethod
    def connect(cls, settings: SweepSettings, most: int) -> RayCluster:
        """Connect to the cluster at `sweep.address`, or start one on this machine where none is named.

        Raises:
            ConfigError: Ray is not installed, or no cluster answers at the address.
        """
        os.environ.update(QUIET)  # all these are read when Ray is imported
        if settings.address is None and "RAY_AUTH_MODE" not in os.environ:
            # By itself Ray would write a token into the home folder.
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        try:
            import ray
        except ImportError as error:
            raise missing_extra("ray") from error
        if settings.address is None:
            return cls._start_here(ray, min(settings.workers or len(os.sched_getaffinity(0)), most))
        try:
            _check_address(settings.address)
            ray.init(address=settings.address, **SILENT)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"sweep.address={settings.address}: no Ray cluster answers there ({first_line(error)})"
            ) from error
        return cls(ray, min(settings.workers or int(ray.cluster_resources().get("CPU", 1)), most), None)

    @classmethod
    def _start_here(cls, ray: Any, workers: int) -> RayCluster:
        temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # Ray's sockets need a short path
        try:
            ray.init(address="local", num_cpus=workers, include_dashboard=False, _temp_dir=temporary, **SILENT)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        return cls(ray, workers, temporary)

    def start(self, first: RunConfig) -> None:
        """Do nothing: Ray starts a process when there is work for it."""

    def run(self, function: Callable[[Work], Done], pieces: Sequence[Work]) -> Iterator[Done]:
        """Apply a function to all pieces, each in the next free process.

        Raises:
            WorkersLost: several processes died at the same piece.
            RegbenchError: a piece was refused.
        """
        ray = self._ray
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(function)
        waiting = list(pieces)
        running: list[Any] = []
        lost: str | None = None
        while running or (waiting and not self._recalled):
            # No more than can run: Ray cannot take back what waits without ending what runs.
            while waiting and len(running) < self.workers and not self._recalled:
                running.append(task.remote(waiting.pop(0)))
            (first, *_), running = ray.wait(running)
            try:
                yield ray.get(first)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                lost = first_line(error)
        if lost is not None:
            raise WorkersLost(lost)

    def recall(self) -> None:
        """Hand out nothing more."""
        self._recalled = True

    def stop(self) -> None:
        """Leave the cluster, which ends this command's processes; one that was started here ends as a whole."""
        self._ray.shutdown()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _check_address(address: str) -> None:
    """Raise OSError where nothing listens: Ray itself would try for minutes."""
    host, found, port = address.removeprefix("ray://").rpartition(":")
    if found and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
