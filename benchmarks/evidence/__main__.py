"""Print what studies of known truth say of the statistics: all parts, or `python -m benchmarks.evidence looks needs`.

The environment variable REGBENCH_EVIDENCE sets the number of tables, studies or comparisons of every part, and
REGBENCH_EVIDENCE_SEED their seed. The exit code is 1 if a figure misses its bound by more than two standard errors.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from benchmarks.evidence import coverage, false_alarms, looks, needs, ordered, real
from benchmarks.evidence.figures import Figure, print_figures


@dataclass(frozen=True)
class Part:
    """A simulator: what it asks, how it counts, how many it makes by default, and how it is run (number, seed)."""

    question: str
    unit: str
    number: int
    measure: Callable[[int, int], Iterator[Figure]]


PARTS = {
    "coverage": Part("Do intervals hold the truth?", "tables a task and cut", 180, coverage.measure),
    "false-alarms": Part("Are nulls called different?", "studies a task", 400, false_alarms.measure),
    "looks": Part("Does looking again find what is not there?", "studies a task", 500, looks.measure),
    "needs": Part("Does the N named decide?", "comparisons a setting", 250, needs.measure),
    "ordered": Part("Do intervals hold the truth by time?", "studies a setting", 3000, ordered.measure),
    "real": Part("Are copies of one arm called different, trained by regbench?", "studies", 200, real.measure),
}


def main(words: list[str]) -> int:
    """Run the parts named, all if none is, and return the exit code."""
    unknown = [word for word in words if word not in PARTS]
    if unknown:
        print(f"evidence: no part {unknown[0]!r}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    seed, kept = int(os.environ.get("REGBENCH_EVIDENCE_SEED", "0")), True
    for name in words or PARTS:
        part = PARTS[name]
        number, started = int(os.environ.get("REGBENCH_EVIDENCE", part.number)), time.process_time()
        figures = list(part.measure(number, seed))
        title = f"{name}: {part.question} {number} {part.unit}, seed {seed}"
        kept = print_figures(title, figures, time.process_time() - started) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
