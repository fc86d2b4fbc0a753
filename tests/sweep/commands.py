"""The command `regbench run -m` in a process of its own, and what it leaves behind."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from regbench.cli.main import main
from regbench.statuses import read_state
from tests.faults.children import Child, Ended, fork, wait_for

TINY = ("model.widths=[8]", "dataset.train_size=200", "quiet=true")
"""A run of some milliseconds an epoch."""

SMALL = (*TINY, "schedule.epochs=4", "schedule.optimizer.lr=0.01")
"""A run of four epochs."""

HERE = "sweep.workers=1"
"""Trains in the command's own process, which a test has prepared to fail."""

PATIENCE = 60.0
"""Seconds after which a command counts as hanging."""

Act = Callable[[], object]


def wait(child: Child, seconds: float = PATIENCE) -> Ended:
    """Wait for the end of a command; one that hangs is killed, with everything it started, and fails the test."""
    limit = time.monotonic() + seconds
    while True:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid:
            return child.end(status)
        if time.monotonic() > limit:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            pytest.fail(f"the command hangs: {(child.folder / 'err').read_text()}")
        time.sleep(0.01)


def own_session() -> None:
    """Make this process the first of a group, as a shell does, and keep joblib's tracker quiet.

    The tracker clears up after the command, and says so: a fork ends without what Python does at its end.
    """
    os.setsid()
    os.environ["PYTHONWARNINGS"] = "ignore::UserWarning:joblib.externals.loky.backend.resource_tracker"


def start(work: Path, *words: str, before: Sequence[Act] = ()) -> Child:
    """Start a sweep in a process group of its own."""
    return fork(work, lambda: main(["run", "-m", *words]), own_session, *before)


def sweep(work: Path, *words: str, before: Sequence[Act] = (), seconds: float = PATIENCE) -> Ended:
    """Run a sweep to its end."""
    return wait(start(work, *words, before=before), seconds)


def alone(work: Path, runs: Sequence[Sequence[str]], seconds: float = PATIENCE) -> None:
    """Train runs one by one, each by a command of its own."""
    ended = wait(fork(work, lambda: max(main(["run", *words]) for words in runs), os.setsid), seconds)
    assert ended.code == 0, ended.err


def folders(work: Path, name: str = "default") -> list[Path]:
    """Return the run folders of a sweep."""
    return sorted(path.parent for path in (work / "runs" / name).glob("*/checkpoint"))


def results(work: Path) -> dict[str, dict[str, Any]]:
    """Return the result of each run that has one."""
    return {f.name: json.loads((f / "result.json").read_bytes()) for f in folders(work) if (f / "result.json").exists()}


def statuses(work: Path) -> list[str]:
    """Return the status of every run, sorted."""
    return sorted(str(read_state(result["status"])) for result in results(work).values())


def log_of(folder: Path) -> str:
    """Return a run's log; it has none before it begins to train."""
    path = folder / "run.log"
    return path.read_text() if path.exists() else ""


def beginnings(work: Path) -> list[int]:
    """Return for each run how often its training began from nothing."""
    return [sum(line.endswith(" training") for line in log_of(f).splitlines()) for f in folders(work)]


def marks(work: Path) -> dict[str, tuple[int, int, int]]:
    """Return what changes when a file of a run is written, replaced or only touched."""
    found = {}
    for folder in folders(work):
        for path in folder.rglob("*"):
            if path.is_file() and path.name != ".lock":
                facts = path.stat()
                found[str(path)] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found


def read_table(path: Path) -> list[dict[str, str]]:
    """Return a table's rows by column."""
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def shape(folder: Path) -> dict[str, Any]:
    """Return what does not depend on rounding: files, columns, the keys of the records, and where training ended."""
    result = json.loads((folder / "result.json").read_bytes())
    result["stopping"]["reason"] = re.sub(r"last: \S+", "last: a figure", result["stopping"]["reason"])
    run = json.loads((folder / "run.json").read_bytes())
    return {
        # `prev` is the commit before: a long run has one.
        "files": sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.name != "prev.safetensors"),
        "config": [x for x in (folder / "config.yaml").read_text().splitlines() if not x.startswith("quiet")],
        "header": (folder / "metrics.csv").read_text().splitlines()[0],
        "timing": (folder / "timing.csv").read_text().splitlines()[0],
        "rows": len((folder / "metrics.csv").read_text().splitlines()),
        "run": sorted(run),
        "stages": run["stages"],
        "checksum": run["data_checksum"],
        "result": sorted(result),
        "end": {key: result[key] for key in ("status", "epochs", "best_epoch", "parameters", "stopping")},
    }


def figures(folder: Path) -> list[float]:
    """Return all numbers of `metrics.csv`, row by row."""
    rows = read_table(folder / "metrics.csv")
    return [float(value) for row in rows for value in row.values() if value]


def assert_same_trees(work: Path, reference: Path, *, relative: float, absolute: float = 0.0) -> None:
    """Compare all run folders: everything that is exact exactly, the figures within a tolerance."""
    assert [f.name for f in folders(work)] == [f.name for f in folders(reference)]
    for ours, theirs in zip(folders(work), folders(reference), strict=True):
        assert shape(ours) == shape(theirs)
        assert figures(ours) == pytest.approx(figures(theirs), rel=relative, abs=absolute), ours.name


def printed(folder: Path) -> list[str]:
    """Return all numbers of `metrics.csv` to six digits."""
    return [f"{value:.6g}" for value in figures(folder)]


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that live."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    return []


def workers_of(pid: int) -> list[int]:
    """Return the worker processes of a command; the tracker of shared memory, which it also starts, is none."""
    found = []
    for child in children_of(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def begun(work: Path, *words: str, before: Sequence[Act] = (), training: int = 1) -> Iterator[Child]:
    """Start a sweep and wait until some of its runs train; what is left of it at the end is killed."""
    child = start(work, *words, before=before)
    try:
        wait_for(lambda: sum("training" in log_of(f) for f in folders(work)) >= training)
        yield child
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child.pid, 0)


__all__ = ["Ended", "wait_for"]
