"""What a training step costs with a technique, as `python -m benchmarks.costs` measured it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PATH = Path(__file__).resolve().parent.parent / "regularizers" / "costs.csv"
HEADER = ("name", "alone", "stacked", "task", "machine", "date", "version")
STACK = 32
"""Runs of the stack."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Cost:
    """Processor time of a step over that of a plain one: of a run alone, and of `STACK` runs stacked."""

    alone: float
    stacked: float
    task: str
    machine: str
    date: str
    version: str

    def __str__(self) -> str:
        """Return both factors and where they come from."""
        return (
            f"a step takes {self.alone:.2f} times as long as a plain one, {self.stacked:.2f} in a stack of {STACK} "
            f"runs ({self.task}, default settings, processor time; {self.machine}; {self.date}, "
            f"regbench {self.version})"
        )


@cache
def read_costs(path: Path = PATH) -> Mapping[str, Cost]:
    """Return the measured costs by technique; none where nothing was measured."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            row.pop("name"): Cost(float(row.pop("alone")), float(row.pop("stacked")), **row)
            for row in csv.DictReader(file)
        }


def describe_cost(name: str) -> str:
    """Return what a step costs with a technique, in words."""
    cost = read_costs().get(name)
    return NOT_MEASURED if cost is None else str(cost)
