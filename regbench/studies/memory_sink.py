"""A run whose figures are kept in memory: a study's trials have no folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


class MemorySink:
    """Keeps some columns of every epoch, and the result.

    Args:
        columns: of metrics.csv that are kept.
        updates: of an epoch.
    """

    def __init__(self, columns: Sequence[str], updates: int) -> None:
        self.columns, self.updates = tuple(columns), updates
        self.rows: list[tuple[float, ...]] = []
        self.seconds = 0.0
        self.result: Mapping[str, object] = {}

    def append(self, metrics: Mapping[str, object], timing: Mapping[str, object]) -> None:
        """Keep one epoch's figures."""
        self.rows.append(tuple(_read_number(metrics.get(name)) for name in self.columns))
        self.seconds += _read_number(timing["seconds"])

    def commit(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Do nothing: what an interruption costs is trained again."""

    def end(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Do nothing: only the result is asked for."""

    def finish(self, result: Mapping[str, object], best: Mapping[str, Tensor]) -> None:
        """Keep the result."""
        self.result = result

    @property
    def best_epoch(self) -> int:
        """The epoch that the weights were rolled back to; 0 where the run has none with figures."""
        found = self.result.get("best_epoch")
        return found if isinstance(found, int) and 0 < found <= len(self.rows) else 0

    def at_best(self) -> dict[str, float]:
        """Return the figures of the best epoch by column, NaN where there is none."""
        values = self.rows[self.best_epoch - 1] if self.best_epoch else (math.nan,) * len(self.columns)
        return dict(zip(self.columns, values, strict=True))

    def curves(self, epochs: int) -> NDArray[np.float32]:
        """Return the figures by column and epoch, `[columns, epochs]`, NaN after the run's end."""
        found = np.full((len(self.columns), epochs), np.nan, dtype=np.float32)
        if self.rows:
            with np.errstate(over="ignore"):  # of a run that diverged: infinite from 3e38 on
                found[:, : len(self.rows)] = np.array(self.rows).T.astype(np.float32)
        return found


def _read_number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan
