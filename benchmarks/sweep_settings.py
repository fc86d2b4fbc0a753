"""What is asked of the table of sweeps, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contestants import REPETITIONS
from benchmarks.table import Row


@dataclass(frozen=True)
class Settings:
    """How often, which rows (a part of a row's text; empty: all), and whether everything is scaled down."""

    repetitions: int = REPETITIONS
    only: str = ""
    quick: bool = False

    def wants(self, *texts: str) -> bool:
        """Tell whether a row with these texts is asked for."""
        return self.only.lower() in " ".join(texts).lower()


@dataclass(frozen=True)
class Part:
    """Some rows of the table: about how many minutes they take on two cores, and what measures them."""

    minutes: float
    measure: Callable[[], list[Row]]
