"""Large data in one run: processor time before the first step, that of an epoch, and peak memory, against a hand.

`python -m benchmarks.scale [table | images]` prints the table; `python -m benchmarks.scale WHO TASK FILE` is one turn
of one side, in a process of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.contestants import ROOT, describe_spread
from benchmarks.scale_tasks import TASKS, Scale
from benchmarks.table import Row, print_rows, warn_if_busy

EPOCHS = 3
"""The first is not counted."""

REPETITIONS = 3
SIDES = {"ours": "benchmarks.scale_ours", "hand_written": "benchmarks.scale_peer"}
BOUNDS: dict[str, dict[str, float | None]] = {
    "table": {"preparation": 1.2, "epoch": 0.5, "peak": 1.3},
    "images": {"preparation": None, "epoch": 0.6, "peak": 1.3},
}
UNITS = {"preparation": ("time before the first step", "s"), "epoch": ("time an epoch", "s"), "peak": ("peak", "MB")}


@dataclass(frozen=True)
class Turn:
    """Processor seconds before the first step and an epoch, and peak memory in MB (10^6 bytes)."""

    preparation: float
    epoch: float
    peak: float


def measure(names: tuple[str, ...] = tuple(TASKS)) -> list[Row]:
    """Return regbench's figures as ratios to the hand-written loop: the median of those of each repetition."""
    rows = []
    for name in names:
        with TemporaryDirectory() as folder:
            start_turn(Path(folder), "write", name)
            turns = [{side: start_turn(Path(folder), side, name) for side in SIDES} for _ in range(REPETITIONS)]
        rows += [make_row(TASKS[name], figure, turns, bound) for figure, bound in BOUNDS[name].items()]
    return rows


def make_row(task: Scale, figure: str, turns: list[dict[str, Turn]], bound: float | None) -> Row:
    """Return one figure as a row of the table."""
    figures = [[getattr(turn[side], figure) for turn in turns] for side in SIDES]
    ratios = [ours / theirs for ours, theirs in zip(*figures, strict=True)]
    words, unit = UNITS[figure]
    ours, theirs = (median(side) for side in figures)
    detail = f"{ours:.3g} against {theirs:.3g} {unit}, one thread each; ratio {describe_spread(ratios)}"
    what, peer = f"{task.what}, {words}", "hand-written PyTorch loop"
    return Row(what=what, value=median(ratios), unit="x", peer=peer, detail=detail, at_most=bound)


def start_turn(folder: Path, who: str, name: str) -> Turn:
    """Let a side take a turn in a process of its own; `write` writes the file.

    Raises:
        SystemExit: it failed; its last line of errors says why.
    """
    with TemporaryDirectory(dir=folder) as own:
        command = [sys.executable, "-m", "benchmarks.scale", who, name, str(folder / TASKS[name].file)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=own, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"benchmarks: {who} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return Turn(**json.loads(done.stdout.splitlines()[-1]))


def take_turn(who: str, name: str, path: Path) -> Turn:
    """Take a turn in this process."""
    moments = [0.0] * (EPOCHS + 2)
    if who == "write":
        TASKS[name].write(path)
    else:
        moments = importlib.import_module(SIDES[who]).train(TASKS[name], path, EPOCHS)
    epochs = [after - before for before, after in pairwise(moments[2:])]
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return Turn(moments[1] - moments[0], min(epochs), peak)


def main() -> None:
    """Print the table, or take one turn."""
    if len(sys.argv) == 4:
        print(json.dumps(vars(take_turn(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
        return
    warn_if_busy()
    print_rows(measure(tuple(sys.argv[1:]) or tuple(TASKS)))


if __name__ == "__main__":
    main()
