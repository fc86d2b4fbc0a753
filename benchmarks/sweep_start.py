"""What a sweep costs besides training: the time to its first trained epoch, its memory, and the answer of `status`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.sweep_clock import REGBENCH, finish, start_process
from benchmarks.sweep_tasks import DIGITS, Sweep

LONGEST = 600.0
"""Seconds after which a sweep that has not begun to train is given up."""

PATIENCE = 60.0
"""Seconds in which a terminated sweep must have ended."""


@dataclass(frozen=True)
class Start:
    """Seconds from the command to the first row of a metrics.csv; the peak memory of its main process till then, MB."""

    seconds: float
    megabytes: float


def sweep_of(count: int) -> Sweep:
    """Return a sweep of `count` runs on digits: four dropout rates, the rest seeds."""
    return Sweep(**{**vars(DIGITS), "seeds": count // len(DIGITS.rates), "epochs": 100})


def time_start(count: int) -> Start:
    """Start a sweep of so many runs, wait until an epoch is trained, and terminate it.

    Raises:
        SystemExit: it ended before, or trained nothing for too long.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        runs = Path(name) / "runs"
        words = sweep_of(count).words(runs, images=Path(name))
        with (Path(name) / "output.txt").open("w") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                [REGBENCH, "run", *words], cwd=name, stdout=output, stderr=output, start_new_session=True
            )
            try:
                wait_for_epoch(process, runs / "default", began + LONGEST)
                return Start(time.perf_counter() - began, peak_megabytes(process.pid))
            finally:
                end_session(process)


def wait_for_epoch(process: subprocess.Popen[bytes], folder: Path, deadline: float) -> None:
    """Return once a metrics.csv in a folder below has a row under its header."""
    while not any_epoch(folder):
        if process.poll() is not None or time.perf_counter() > deadline:
            raise SystemExit(f"benchmarks: the sweep trained no epoch (exit code {process.poll()})")
        time.sleep(0.05)


def any_epoch(folder: Path) -> bool:
    """Tell whether some run below has trained an epoch."""
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError, NotADirectoryError):
                if (Path(entry.path) / "metrics.csv").read_bytes().count(b"\n") > 1:
                    return True
    return False


def peak_megabytes(pid: int) -> float:
    """Return the peak resident memory of one process, without its workers; NaN where the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Terminate a sweep as a person would, and whatever of its workers is left after that."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def time_status(count: int, repetitions: int) -> list[float]:
    """Return the seconds in which `regbench status` rebuilds sweep.csv for so many finished runs, each time anew.

    Raises:
        SystemExit: a command failed, or sweep.csv lacks a run.
    """
    with TemporaryDirectory() as name:
        folder, runs = Path(name), Path(name) / "runs"
        finish(start_process([sys.executable, "-m", "benchmarks.sweep_start", str(runs), str(count)], folder))
        table, seconds = runs / "default" / "sweep.csv", []
        for _ in range(repetitions):
            table.unlink(missing_ok=True)
            start = time.perf_counter()
            finish(start_process([REGBENCH, "status", str(runs / "default")], folder))
            seconds.append(time.perf_counter() - start)
            rows = table.read_bytes().count(b"\n") - 1 if table.exists() else 0
            if rows != count:
                raise SystemExit(f"benchmarks: sweep.csv has {rows} of {count} runs")
        return seconds


def fill(runs: Path, count: int) -> None:
    """Make the folder of a finished sweep without training it: every run holds the files of one that was trained."""
    from regbench.compose.loader import PRIMARY, open_loader
    from regbench.compose.sweep_runs import compose_sweep
    from regbench.sweeps.manifest import describe, register

    words = ["dataset=digits", "regularizer=dropout", "schedule.epochs=5", f"runs={runs}"]
    subprocess.run([REGBENCH, "run", "-q", *words, "name=template"], check=True, stdout=subprocess.DEVNULL)
    template = next((runs / "template").glob("*/result.json")).parent
    files = {name: (template / name).read_bytes() for name in ("config.yaml", "metrics.csv", "run.log", "result.json")}
    grid = [f"regularizer.dropout.rate={','.join(map(str, DIGITS.rates))}", f"seed=range({count // len(DIGITS.rates)})"]
    with open_loader(None, None, warn=print) as loader:
        configs = compose_sweep(loader, PRIMARY, [[*words, *grid]])
    register(configs[0].folder().parent, describe(configs))
    for config in configs:
        config.folder().mkdir()
        for name, content in files.items():
            (config.folder() / name).write_bytes(content)


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
