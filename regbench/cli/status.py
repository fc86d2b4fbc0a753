"""`regbench status runs/NAME`: a sweep that runs elsewhere, was interrupted, or has ended."""

from __future__ import annotations

from pathlib import Path

from regbench.display.sweep_progress import MOST_WORKERS, Pace, count, describe_counts, list_workers
from regbench.display.sweep_summary import print_sweep
from regbench.display.warning import print_warning
from regbench.errors import ConfigError, RegbenchError, escape
from regbench.sweeps.heartbeat import read_heartbeats
from regbench.sweeps.manifest import BOOKKEEPING, read_planned
from regbench.sweeps.origins import compare_files
from regbench.sweeps.run_status import StatusReader
from regbench.sweeps.table import write_csv

MARKS_OF_A_RUN = ("result.json", "config.yaml", "checkpoint")


def show_status(name: str) -> int:
    """Print the states of a sweep's runs and write its `sweep.csv` again.

    Returns:
        The exit code: 0 when all its runs are complete, 1 when some failed or are left or their data have changed.

    Raises:
        ConfigError: there is no sweep in this folder.
    """
    folder = Path(name)
    _check(folder, name)
    runs = read_planned(folder, print_warning)
    if not runs:
        raise ConfigError(f"{escape(name)} holds no plan of a sweep that can be read; run the sweep's command again")
    reader = StatusReader(folder, runs)
    reader.poll()
    heartbeats = read_heartbeats(folder)
    if heartbeats:
        print(describe_counts(count(reader.statuses, heartbeats), Pace()))
        print(*list_workers(heartbeats, MOST_WORKERS), sep="\n")
    try:
        write_csv(folder, reader.statuses)
    except RegbenchError as error:  # somebody else's folder: what is in it can be shown all the same
        print_warning(escape(str(error)))
    print_sweep(reader.statuses, folder)
    files = compare_files(reader.statuses)
    for line in filter(None, (files.changed, files.missing)):
        print_warning(line)
    return 0 if files.changed is None and all(status.state.ended for status in reader.statuses) else 1


def _check(folder: Path, name: str) -> None:
    """Refuse a folder that is not a sweep's, and name some that are."""
    shown = escape(name) or "''"
    try:
        if (folder / BOOKKEEPING).is_dir():
            return
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise ConfigError(f"{shown} {what}; status takes the folder of a sweep{_list_sweeps(folder)}")
        if any((folder / mark).exists() for mark in MARKS_OF_A_RUN):
            raise ConfigError(f"{shown} is the folder of one run; status takes the folder of a sweep, the one above it")
        raise ConfigError(
            f"{shown} holds no sweep; status takes the folder of a sweep{_list_sweeps(folder / BOOKKEEPING)}"
        )
    except (OSError, ValueError) as error:  # may not be searched; too long; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown} cannot be read: {reason}") from error


def _list_sweeps(missing: Path) -> str:
    """Return the sweeps next to the folder that was asked for, or in `runs`."""
    found: list[str] = []
    for above in dict.fromkeys((missing.parent, Path("runs"))):
        if above.is_dir():
            found += [str(path.parent) for path in sorted(above.glob(f"*/{BOOKKEEPING}"))]
    named = ", ".join(escape(path) for path in dict.fromkeys(found[:10]))
    return f", such as {named}" if named else ", runs/NAME"
