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


def time_epochs(name: str, epochs: int) -> float:
    """Return the mean seconds of one epoch of a contestant, its first epochs (warm-up) left out.

    Raises:
        SystemExit: the contestant failed; its last line of errors says why.
    """
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.worker", name, str(epochs)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"benchmarks: {name} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return mean(seconds[WARM_UP:])
