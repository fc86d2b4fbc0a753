"""Backends, which start workers: processes on this machine, or an engine that reaches others."""

from __future__ import annotations

import os
from pathlib import Path

from regbench.config.sweep_settings import SweepSettings
from regbench.sweeps.backends.base import Backend, WorkersLost
from regbench.sweeps.backends.local import LocalProcesses

__all__ = ["Backend", "LocalProcesses", "WorkersLost", "open_backend"]


def open_backend(settings: SweepSettings, most: int, folder: Path, device: str = "cpu") -> Backend:
    """Return the backend that the settings name, with at most `most` workers.

    Args:
        settings: how the sweep is executed.
        most: more workers would have nothing to do.
        folder: the sweep's, for the files of an engine.
        device: on which the runs train; of a GPU of this machine there is one, and one process that uses it.

    Raises:
        ConfigError: the engine is not installed, cannot be reached, or refuses what it was told of the jobs.
    """
    if settings.backend == "dask":
        from regbench.sweeps.backends.dask import DaskCluster

        return DaskCluster.connect(settings, most)
    if settings.backend == "ray":
        from regbench.sweeps.backends.ray import RayCluster

        return RayCluster.connect(settings, most)
    if settings.backend == "submitit":
        from regbench.sweeps.backends.submitit import SubmititJobs

        return SubmititJobs.prepare(settings, most, folder)
    if device != "cpu":
        return LocalProcesses(1)
    return LocalProcesses(min(settings.workers or len(os.sched_getaffinity(0)), most))
