"""Rows that repeat others in all inputs, as a study tells of them: how many, and whether the parts tear them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.data.duplicates import number_equal_rows
from regbench.data.records import Raw
from regbench.data.splitting import RowParts


@dataclass(frozen=True)
class Repeats:
    """How many of all rows repeat another, and how many of a part's rows equal one of an earlier part.

    `val` of `val_rows` validation rows equal a row of training, `test` of `test_rows` one of training or validation.
    """

    rows: int
    total: int
    val: int
    val_rows: int
    test: int
    test_rows: int

    @property
    def together(self) -> bool:
        """Whether equal rows are in one part everywhere."""
        return self.val == self.test == 0


def find_repeats(raw: Raw, parts: RowParts) -> Repeats | None:
    """Return the rows that repeat others in all inputs, whatever their targets; None where none does."""
    equal = number_equal_rows(raw.x)
    if equal is None:
        return None
    train, val, test = (equal[rows] for rows in parts[:3])
    return Repeats(
        rows=len(equal) - len(np.unique(equal)),
        total=len(equal),
        val=int(np.isin(val, train).sum()),
        val_rows=len(val),
        test=int(np.isin(test, np.concatenate([train, val])).sum()),
        test_rows=len(test),
    )
