"""What the command itself costs: memory of a run above `import torch`, and the answers that must feel immediate."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import REPETITIONS, ROOT
from benchmarks.ours import OVERRIDES
from benchmarks.table import Row, print_rows, warn_if_busy

RUN = ("run", *OVERRIDES, "schedule.epochs=100")


@dataclass(frozen=True)
class Cost:
    """What one finished process took: wall-clock seconds and peak resident memory in MB (10^6 bytes)."""

    seconds: float
    megabytes: float


def measure() -> list[Row]:
    """Return the memory row and the three start-up rows."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        torch = [run_process(folder, "-c", "import torch") for _ in range(REPETITIONS)]
        first = run_regbench(folder, *RUN)
        fresh = [run_regbench(folder, *RUN, f"seed={seed}") for seed in range(1, REPETITIONS)]
        base, peak = median(cost.megabytes for cost in torch), median(c.megabytes for c in [first, *fresh])
        memory = Row(
            what="one run, peak memory",
            value=peak - base,
            unit="MB more",
            peer="import torch alone",
            detail=f"{peak:.0f} against {base:.0f} MB",
            at_most=200,
        )
        return [memory, *(answer_row(folder, *answer) for answer in ANSWERS)]


ANSWERS = (
    ("--help", ("--help",), 0.1),
    ("run --cfg job", ("run", "--cfg", "job"), 0.35),
    ("a finished run again", RUN, 2.0),
)


def answer_row(folder: Path, what: str, words: tuple[str, ...], bound: float) -> Row:
    """Return the median time of one command that does no training."""
    seconds = [run_regbench(folder, *words).seconds for _ in range(2 * REPETITIONS)]
    detail = f"{1e3 * min(seconds):.0f} to {1e3 * max(seconds):.0f} ms"
    return Row(what=what, value=median(seconds), unit="s", peer="the clock", detail=detail, at_most=bound)


def run_regbench(folder: Path, *words: str) -> Cost:
    """Run the installed console script in `folder`."""
    return run_process(folder, str(Path(sys.executable).with_name("regbench")), *words)


def run_process(folder: Path, *words: str) -> Cost:
    """Run Python with these words in `folder` and wait for its own resource usage.

    Linux hands a parent's peak memory on to its child, so this process must stay small: it imports no torch.

    Raises:
        SystemExit: the process failed; its last line of errors says why.
    """
    start = time.perf_counter()
    with (folder / "errors.txt").open("w+") as errors:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise SystemExit(f"benchmarks: {' '.join(words[:3])} failed: {errors.read().strip().splitlines()[-1:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - start, usage.ru_maxrss * unit / 1e6)


if __name__ == "__main__":
    warn_if_busy()
    print_rows(measure())
