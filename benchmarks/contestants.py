"""Who is timed, and how: each contestant trains in a fresh process, and repetitions of all of them alternate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
WARM_UP = 5
REPETITIONS = 5
THREADS = {"ours": 1, "hand_written": 1, "lightning": 1}
"""A network this small gains nothing from a second thread: the hand-written loop is slower with two than with one, and
where other work shares the cores, threads that wait for each other make an epoch ten times as long, by chance. So each
single run has one, which is the peer's best; whoever is not named here has torch's default."""

CONTESTANTS = {
    "ours": "benchmarks.ours:train",
    "cohort": "benchmarks.ours:train_cohort",
    "hand_written": "benchmarks.hand_written_peer:train",
    "lightning": "benchmarks.lightning_peer:train",
}


def alternate(names: tuple[str, ...], epochs: int, repetitions: int = REPETITIONS) -> dict[str, list[float]]:
    """Return each contestant's mean seconds an epoch, one value for each repetition.

    They take turns (a b c, a b c, ...), so that a slow minute of the machine meets all of them: compare value by value.
    """
    figures: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repetitions):
        for name in names:
            figures[name].append(time_epochs(name, epochs))
    return figures


def thread_limit(name: str) -> dict[str, str]:
    """Return the environment variables that give a contestant its threads."""
    return {"OMP_NUM_THREADS": str(THREADS[name])} if name in THREADS else {}


def describe_spread(ratios: list[float]) -> str:
    """Return the range of a ratio over the repetitions: a wide one says that the machine was not quiet."""
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def time_epochs(name: str, epochs: int) -> float:
    """Return the mean seconds of one epoch of a contestant, its first epochs (warm-up) left out.

    Raises:
        SystemExit: the contestant failed; its last line of errors says why.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.worker", name, str(epochs)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **thread_limit(name)}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"benchmarks: {name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return mean(seconds[WARM_UP:])
