"""The table that `make bench` prints, and the machine it was measured on."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDTH = 160
"""Characters of the table where the output is no terminal."""

BUSY = 0.5
"""Load average over the last minute above which the machine is not idle."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, `value` in `unit`, and its target: at most `at_most` or at least `at_least`."""

    what: str
    value: float
    unit: str
    peer: str
    detail: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        """The target in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}" if self.at_least is not None else "-"

    @property
    def verdict(self) -> str:
        """Whether the target is reached."""
        if self.at_most is None and self.at_least is None:
            return ""
        high_enough = self.at_least is None or self.value >= self.at_least
        low_enough = self.at_most is None or self.value <= self.at_most
        return "reached" if high_enough and low_enough else "MISSED"


def describe_machine() -> str:
    """Return processor, cores and versions in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # Not from torch itself: this process stays small, as `command.py` explains.
    parts = f"torch {version('torch')}, Python {platform.python_version()}, {platform.system()}"
    return f"{processor_name()}, {cores} cores, {parts}"


def processor_name() -> str:
    """Return the processor's model name where the system tells it, else its architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def warn_if_busy() -> None:
    """Say before measuring that other work shares the cores: figures taken then are worth little."""
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"warning: load {load:.1f} before the start; repeat on an idle machine before believing a figure")


def print_rows(rows: Iterable[Row]) -> None:
    """Print the rows as a table under a line that names the machine."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(describe_machine(), highlight=False)
    table = Table("what", "measured", "target", "", "peer", "medians", title_justify="left")
    for row in rows:
        table.add_row(row.what, f"{row.value:.3g} {row.unit}".strip(), row.target, row.verdict, row.peer, row.detail)
    console.print(table)
