"""Cuts of the data: the rows each replicate of a study trains on, validates with and tests, as settings of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regbench.studies.variants import draw_seed

MOST_FOLDED = 5000
"""Rows from which on one test part holds enough: folding would train the same again."""

SEARCH, FRESH = "search", "fresh"
"""Stages with a cut of their own: trials are chosen on other validation rows than the fresh run stops on."""


@dataclass(frozen=True)
class CutRule:
    """How the replicates of a study are cut.

    `kfold`: replicate r tests fold r mod folds of partition r // folds, drawn anew for each partition. `locked`: all
    replicates test the same rows. In both, each replicate and stage draws its own validation rows from the others,
    unless the source has a validation part of its own or its rows are ordered by time (`fixed`).
    """

    method: str
    folds: int
    seed: int
    fixed: bool
    typed: Mapping[str, object]
    """Settings of the split as typed."""

    def partitions(self, replicates: int) -> int:
        """Return how often every row is tested."""
        return replicates // self.folds if self.method == "kfold" else 1

    def settings(self, replicate: int, stage: str) -> dict[str, object]:
        """Return what the split of a replicate has instead of the settings as typed."""
        drawn: dict[str, object] = (
            {} if self.fixed else {"val_seed": draw_seed(self.seed, "validation", stage, replicate)}
        )
        if self.method == "locked":
            return drawn
        partition, fold = divmod(replicate, self.folds)
        return {
            "method": "folds",
            "folds": self.folds,
            "fold": fold,
            "seed": draw_seed(self.seed, "partition", partition),
            "test": None,
            "equal": True,
            **drawn,
        }

    def describe(self, replicates: int) -> str:
        """Say how the rows are cut, in a few words."""
        if self.method == "kfold":
            return f"{self.partitions(replicates)} x {self.folds} folds"
        return "one test part for all"


def choose_method(asked: str, rows: int, published: bool, method: str, free: bool) -> str:
    """Return the cut of a study: as asked, or kfold for few rows without a test part of their own.

    Args:
        asked: kfold, locked or auto.
        rows: of the source.
        published: whether the source has a test part of its own.
        method: of the split as typed.
        free: whether no test fraction, fold or other cut was typed.
    """
    if asked != "auto":
        return asked
    return (
        "kfold"
        if rows < MOST_FOLDED and not published and method in ("random", "folds", "groups") and free
        else "locked"
    )
