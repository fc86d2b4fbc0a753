"""Real engines on this machine, and sweeps sent to them with the installed command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.faults.children import read_result, started, wait_for

SWEEP = ("run", "-m", "regularizer=l2", "regularizer.l2.strength=1e-4,1e-3", "seed=0,1,2", "sweep.cohort=2", "-q")
"""Six runs in cohorts of two: while two workers train, one cohort waits."""

LONG = ("dataset.train_size=300", "schedule.epochs=100", "schedule/stop=none")
"""Long enough for something to be killed in the middle, on a busy machine too."""

PROGRAMS = Path(sys.executable).parent


@dataclass
class DaskHere:
    """A Dask scheduler and two worker processes with one thread each, on loopback."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


@contextmanager
def dask_here(folder: Path, *options: str) -> Iterator[DaskHere]:
    """Start a Dask cluster as its handbook says; its processes are killed at the end."""
    folder.mkdir()
    processes: list[subprocess.Popen[bytes]] = []

    def start(log: str, *words: str) -> subprocess.Popen[bytes]:
        with (folder / log).open("wb") as out:
            command = [str(PROGRAMS / "dask"), *words, "--no-dashboard"]
            processes.append(subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT))
        return processes[-1]

    def said(log: str, words: str) -> re.Match[str] | None:
        return re.search(words, (folder / log).read_text())

    try:
        scheduler = start("scheduler.log", "scheduler", "--host", "127.0.0.1", "--port", "0")
        listening = r"Scheduler at: +(tcp://127\.0\.0\.1:\d+)"
        wait_for(lambda: said("scheduler.log", listening) is not None)
        found = said("scheduler.log", listening)
        assert found is not None
        worker = ("worker", found[1], "--no-nanny", "--host", "127.0.0.1", *(options or ("--nthreads", "1")))
        workers = [start(f"worker{number}.log", *worker) for number in range(2)]
        for number in range(2):
            wait_for(lambda number=number: said(f"worker{number}.log", "Registered to") is not None)  # type: ignore[misc]
        yield DaskHere(found[1], scheduler, workers)
    finally:
        for process in processes:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


def sweep(folder: Path, *words: str, meanwhile: Callable[[], None] | None = None) -> Ended:
    """Run the sweep in a folder; `meanwhile` is called once it trains."""
    folder.mkdir(exist_ok=True)
    with started(*SWEEP, *words, cwd=folder) as process:
        if meanwhile is not None:
            wait_for(lambda: any(rows(path) > 2 for path in folder.glob("runs/*/*/metrics.csv")))
            meanwhile()
        out, err = process.communicate(timeout=120)
    return Ended(process.returncode, out, err)


def rows(path: Path) -> int:
    """Return how many epochs a `metrics.csv` has."""
    return path.read_bytes().count(b"\n")


def figures(folder: Path) -> dict[str, object]:
    """Return what each complete run found: its `metrics.csv`, byte for byte, and its result without the seconds."""
    paths = [path.parent for path in sorted(folder.glob("runs/*/*/result.json"))]
    return {path.name: ((path / "metrics.csv").read_bytes(), read_result(path)) for path in paths}


def without(module: str) -> list[str]:
    """Return the command in a Python that lacks a module."""
    program = f"import sys; sys.modules[{module!r}] = None; from regbench.cli import main; sys.exit(main.main())"
    return [sys.executable, "-c", program]
