"""A simulated figure beside its bound, and the table that `make evidence` prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

WIDTH = 120
"""Characters of a table where the output is no terminal."""
ALLOWED = 2.0
"""Standard errors by which a simulated share may miss its bound by chance."""


@dataclass(frozen=True)
class Figure:
    """A mean over independent studies, its standard error, and what it must be: between `low` and `high`."""

    what: str
    value: float
    error: float
    studies: int
    low: float | None = None
    high: float | None = None

    @property
    def excess(self) -> float:
        """How far the value lies outside its bounds, 0 inside."""
        below = 0.0 if self.low is None else self.low - self.value
        above = 0.0 if self.high is None else self.value - self.high
        return max(0.0, below, above)

    @property
    def verdict(self) -> str:
        """Whether the bounds are kept: exactly, within two standard errors, or not."""
        if self.low is None and self.high is None:
            return ""
        if self.excess == 0:
            return "reached"
        return "within 2 s.e." if self.excess <= ALLOWED * self.error else "MISSED"

    @property
    def bounds(self) -> str:
        """The bounds in words."""
        if self.low is not None and self.high is not None:
            return f"{100 * self.low:.4g} to {100 * self.high:.4g} %"
        if self.low is not None:
            return f"at least {100 * self.low:.4g} %"
        return f"at most {100 * self.high:.4g} %" if self.high is not None else ""


def summarise(what: str, values: Sequence[float], low: float | None = None, high: float | None = None) -> Figure:
    """Return the figure of the values of independent studies."""
    known = np.array(values, dtype=np.float64)
    spread = float(known.std(ddof=1))
    if spread == 0:
        # What happened always or never has a standard error too: that of a share two events away.
        share = (len(known) * known[0] + 2) / (len(known) + 4)
        spread = float(np.sqrt(max(0.0, share * (1 - share))))
    return Figure(what, float(known.mean()), spread / len(known) ** 0.5, len(known), low, high)


def print_figures(title: str, figures: Iterable[Figure], seconds: float) -> bool:
    """Print the figures as a table under their title; return whether none is missed."""
    figures = list(figures)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    table = Table("figure", "simulated", "s.e.", "bound", "", "studies", title=title, title_justify="left")
    for figure in figures:
        value, error = f"{100 * figure.value:.2f} %", f"{100 * figure.error:.2f}"
        table.add_row(figure.what, value, error, figure.bounds, figure.verdict, str(figure.studies))
    console.print(table)
    console.print(f"{seconds:.0f} s of processor time\n", highlight=False)
    return all(figure.verdict != "MISSED" for figure in figures)
