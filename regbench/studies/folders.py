"""Runs that exist already: those of sweeps, of folders with single runs, and single ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from regbench.errors import ConfigError, escape
from regbench.runs.saved_config import FILE, read_config
from regbench.sweeps.manifest import PlannedRun, describe, read_planned
from regbench.sweeps.run_status import RunStatus, StatusReader

STUDY = "study.json"
"""The plan of a study, which is written first."""


def read_statuses(folders: Sequence[str], warn: Callable[[str], None]) -> list[RunStatus]:
    """Return the runs of all folders as they are, each once.

    Args:
        folders: of sweeps, of several runs, or of one run.
        warn: takes a line for each plan of a sweep that cannot be used.

    Raises:
        ConfigError: a folder does not exist, or holds no run.
        RegbenchError: the configuration of a run cannot be read.
    """
    found: dict[str, RunStatus] = {}
    for name in folders:
        above, planned = _list_runs(name, warn)
        reader = StatusReader(above, planned)
        reader.poll()
        for status in reader.statuses:
            found.setdefault(status.run.run_id, status)
    return list(found.values())


def is_study(name: str) -> bool:
    """Tell whether a folder holds a study."""
    try:
        return bool(name) and (Path(name) / STUDY).is_file()
    except (OSError, ValueError):  # may not be searched; too long; a zero byte
        return False


def _list_runs(name: str, warn: Callable[[str], None]) -> tuple[Path, list[PlannedRun]]:
    """Return the folder that holds the folders of runs, and the runs."""
    folder, shown = Path(name), escape(name) or "''"
    try:
        if not name or not folder.is_dir():
            what = "is a file" if name and folder.exists() else "does not exist"
            raise ConfigError(f"{shown} {what}; name the folder of a sweep or of runs, such as runs/NAME")
        if (folder / FILE).is_file():
            return folder.absolute().parent, [_plan(folder.absolute())]
        planned = read_planned(folder, warn)
        known = {run.run_id for run in planned}
        others = [path for path in sorted(folder.iterdir()) if path.name not in known and (path / FILE).is_file()]
    except (OSError, ValueError) as error:  # may not be searched; too long; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown} cannot be read: {reason}") from error
    if not planned and not others:
        raise ConfigError(f"{shown} holds no runs; name the folder of a sweep or of runs, such as runs/NAME")
    return folder, [*planned, *map(_plan, others)]


def _plan(folder: Path) -> PlannedRun:
    (run,) = describe([read_config(folder)])
    return replace(run, run_id=folder.name)
