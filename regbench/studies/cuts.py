"""Cuts of the data: the rows each replicate of a study trains on, validates with and tests, as settings of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regbench.studies.variants import draw_seed

MOST_FOLDED = 5000
"""Rows from which on one test part holds enough: folding would train the same again."""

FORWARD_TEST = 0.3
"""Share of the rows that is tested in the order of time: training windows hold fewer rows where it is larger."""

FORWARD = "forward"
FOLDS, FORWARD_FOLDS = 5, 10
"""Folds where none are asked for. In the order of time a fold is one observation, and words take 10 of them."""

SEARCH, FRESH = "search", "fresh"
"""Stages with a cut of their own: trials are chosen on other validation rows than the fresh run stops on."""


@dataclass(frozen=True)
class CutRule:
    """How the replicates of a study are cut.

    `kfold`: replicate r tests fold r mod folds of partition r // folds, drawn anew for each partition. `forward`: rows
    in the order of time; replicate r tests fold r mod folds, the same in every partition. `locked`: all replicates test
    the same rows. Each replicate and stage draws its own validation rows from the others, unless the source has a
    validation part of its own or its rows are ordered by time (`fixed`); `forward` moves the window back in time for
    the search, and takes the one next to the test rows for the fresh run.
    """

    method: str
    folds: int
    seed: int
    fixed: bool
    typed: Mapping[str, object]
    """Settings of the split as typed."""

    @property
    def block(self) -> int:
        """Replicates that belong together: their number is a multiple of it."""
        return count_block(self.method, self.folds)

    def partitions(self, replicates: int) -> int:
        """Return how often every row is tested."""
        return replicates // self.block if self.block > 1 else 1

    def settings(self, replicate: int, stage: str) -> dict[str, object]:
        """Return what the split of a replicate has instead of the settings as typed."""
        drawn: dict[str, object] = (
            {} if self.fixed else {"val_seed": draw_seed(self.seed, "validation", stage, replicate)}
        )
        if self.method == "locked":
            return drawn
        partition, fold = divmod(replicate, self.folds)
        if self.method == FORWARD:
            return self._settings_by_time(fold, {"val_seed": None} if stage == FRESH else drawn)
        return {
            "method": "folds",
            "folds": self.folds,
            "fold": fold,
            "seed": draw_seed(self.seed, "partition", partition),
            "test": None,
            "equal": True,
            **drawn,
        }

    def _settings_by_time(self, fold: int, drawn: Mapping[str, object]) -> dict[str, object]:
        test = self.typed.get("test")
        return {"folds": self.folds, "fold": fold, "test": FORWARD_TEST if test is None else test, **drawn}

    def describe(self, replicates: int) -> str:
        """Say how the rows are cut, in a few words."""
        if self.method == "kfold":
            return f"{self.partitions(replicates)} x {self.folds} folds"
        if self.method == FORWARD:
            return f"{self.partitions(replicates)} x {self.folds} folds in the order of time"
        return "one test part for all"


def count_folds(asked: int | None, method: str) -> int:
    """Return the folds of a study: as asked, or what the method of the split as typed suggests."""
    return asked or (FORWARD_FOLDS if method == "time" else FOLDS)


def count_block(method: str, folds: int) -> int:
    """Return how many replicates of a cut belong together: those that test every row once, or 1."""
    return folds if method in ("kfold", FORWARD) else 1


def choose_method(asked: str, rows: int, published: bool, method: str, free: bool) -> str:
    """Return the cut of a study: as asked, or forward by time, or kfold for few rows without a test part of their own.

    Args:
        asked: kfold, forward, locked or auto.
        rows: of the source.
        published: whether the source has a test part of its own.
        method: of the split as typed.
        free: whether no fold, and but by time no test fraction, was typed.
    """
    if asked != "auto":
        return asked
    if method == "time" and not published and free:
        return FORWARD
    return (
        "kfold"
        if rows < MOST_FOLDED and not published and method in ("random", "folds", "groups") and free
        else "locked"
    )
