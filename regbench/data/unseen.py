"""Texts that no training row has: the measure by which names and free text are told from categories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regbench.data.columns import advise_drop
from regbench.data.records import Categorical, Column, Rows
from regbench.errors import ConfigError, escape

REFUSED, TOLD = 0.5, 0.05
"""Shares of held-out rows with a text that no training row has. Names, comments and keys reached 0.68 to 1.00 on public
tables, categories 0.00: above one half most of the column cannot be of use, and a column of 1 in 20 deserves a look."""

FEWEST = 10
"""Held-out rows with a text below which a share says too little to refuse a column."""


def check_unseen(columns: Sequence[Column], train: Rows, held_out: Rows, origin: str) -> tuple[str, ...]:
    """Return notes on categories of which held-out rows have texts that no training row has.

    Raises:
        ConfigError: more than half of the held-out rows with a text do: the column is one of names or of free text.
    """
    notes = []
    for column in columns:
        if not isinstance(column, Categorical):
            continue
        known = np.zeros(len(column.levels), dtype=bool)
        known[column.codes[train][column.codes[train] >= 0]] = True
        # Empty cells tell names from categories no more than missing rows would: comments may be rare.
        written = column.codes[held_out][column.codes[held_out] >= 0]
        share = float((~known[written]).mean()) if len(written) else 0.0
        told = (
            f"column {escape(column.name)!r}: {share:.0%} of the held-out rows with a text have one that no training "
            f"row has ({len(column.levels)} distinct in {len(column.codes)} rows)"
        )
        if share > REFUSED and len(written) >= FEWEST:
            raise ConfigError(f"{origin}: {told}; names and free text are not categories: {advise_drop(column.name)}")
        if share > TOLD:
            notes.append(f"{told}; they count as none of its levels")
    return tuple(notes)
