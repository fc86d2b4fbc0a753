"""`regbench status runs/NAME`: how a sweep stands that runs elsewhere, was interrupted, or is over."""

from __future__ import annotations

import sys
from pathlib import Path

from regbench.display.sweep_progress import MOST_WORKERS, Pace, count, describe_counts, list_workers
from regbench.display.sweep_summary import print_sweep, write_csv
from regbench.errors import ConfigError, RegbenchError, escape
from regbench.sweeps.heartbeat import read_beats
from regbench.sweeps.manifest import BOOKS, planned
from regbench.sweeps.run_status import Survey

MARKS_OF_A_RUN = ("result.json", "config.yaml", "checkpoint")


def show_status(name: str) -> int:
    """Print how a sweep stands and write its `sweep.csv` again.

    Returns:
        The exit code: 0 when all its runs are complete, 1 when some failed or are not done.

    Raises:
        ConfigError: there is no sweep in this folder.
    """
    folder = Path(name)
    _check(folder, name)
    entries = planned(folder)
    if not entries:
        raise ConfigError(f"{escape(name)} holds no plan of a sweep that can be read; run the sweep's command again")
    survey = Survey(folder, entries)
    survey.poll()
    beats = read_beats(folder)
    if beats:
        print(describe_counts(count(survey.standings, beats, len(entries)), Pace()))
        print(*list_workers(beats, MOST_WORKERS), sep="\n")
    try:
        write_csv(folder, survey.standings)
    except RegbenchError as error:  # somebody else's folder: what is in it can be shown all the same
        print(f"regbench: warning: {escape(str(error))}", file=sys.stderr)
    print_sweep(survey.standings, folder, quiet=False)
    return 0 if all(standing.state == "done" for standing in survey.standings) else 1


def _check(folder: Path, name: str) -> None:
    """Refuse what is no sweep's folder, and say what is."""
    shown = escape(name) or "''"
    try:
        if (folder / BOOKS).is_dir():
            return
        if not folder.is_dir():
            what = "is a file" if folder.exists() else "does not exist"
            raise ConfigError(f"{shown} {what}; status takes the folder of a sweep{_list_sweeps(folder)}")
        if any((folder / mark).exists() for mark in MARKS_OF_A_RUN):
            raise ConfigError(f"{shown} is the folder of one run; status takes the folder of a sweep, the one above it")
        raise ConfigError(f"{shown} holds no sweep; status takes the folder of a sweep{_list_sweeps(folder / BOOKS)}")
    except (OSError, ValueError) as error:  # may not be searched; too long; a zero byte
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{shown} cannot be read: {reason}") from error


def _list_sweeps(missing: Path) -> str:
    """Return the sweeps beside what was asked for, or in `runs`."""
    found: list[str] = []
    for above in dict.fromkeys((missing.parent, Path("runs"))):
        if above.is_dir():
            found += [str(path.parent) for path in sorted(above.glob(f"*/{BOOKS}"))]
    named = ", ".join(escape(path) for path in dict.fromkeys(found[:10]))
    return f", such as {named}" if named else ", runs/NAME"
