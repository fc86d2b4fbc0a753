"""Rows cut into a part and the rest: at random, by folds or by time; rows that belong together stay so."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regbench.data.dataset import SplitRule
from regbench.data.dealing import deal
from regbench.data.drawing import draw_rows
from regbench.data.equal_folds import NO_FOLD, level_folds
from regbench.data.folds import number_folds
from regbench.data.records import Labels, Raw, Rows
from regbench.data.split_settings import count_folds
from regbench.errors import ConfigError


@dataclass(frozen=True)
class Cutter:
    """The rows of a source with what decides how they are cut.

    `units` numbers the rows `[N]` that belong together; None where every row stands alone.
    """

    raw: Raw
    rule: SplitRule
    units: Rows | None

    @property
    def stratified(self) -> bool:
        """Whether every part gets its share of each class."""
        return self.rule.stratify and self.raw.task == "classification" and self.rule.method != "time"

    def cut(self, rows: Rows, size: int, part: str) -> tuple[Rows, Rows]:
        """Return the rows that stay and the `size` rows of a part ("test" or "val"), or about as many if units say so.

        Raises:
            ConfigError: the part or the rest would be empty or, stratified, lack a class.
        """
        if self.rule.method == "time":
            return self._cut_by_time(rows, size, part)
        self._refuse_small_part(rows, size, part)
        own = self.rule.val_seed if part == "val" else None
        seed = self.rule.seed if own is None else own
        if self.units is None:
            drawn = draw_rows(len(rows), size, seed, self._classes(rows))
            kept, taken = rows[~drawn], rows[drawn]
        else:
            parts = self._deal(rows, self.units[rows], [len(rows) - size, size], seed)
            kept, taken = rows[parts == 0], rows[parts == 1]
        self._refuse_empty(kept, taken, part)
        return np.sort(kept), np.sort(taken)

    def cut_fold(self, rows: Rows) -> tuple[Rows, Rows, Rows]:
        """Return the rows of the other folds, those of the chosen fold, and those of none, which always train.

        Over all folds, each row is in one; with `equal`, in one at most.

        Raises:
            ConfigError: there are more folds than rows that stand alone, or a fold is empty.
        """
        folds, fold = count_folds(self.rule), self.rule.fold or 0
        if folds > len(rows):
            raise ConfigError(f"dataset.split.folds={folds} is not allowed; {self.raw.origin} has {len(rows)} row(s)")
        numbers = self._number_folds(rows, folds)
        if self.rule.equal:
            units = None if self.units is None else self.units[rows]
            numbers = level_folds(numbers, folds, units, self._number_classes(rows), self.rule.seed)
        spare = numbers == NO_FOLD
        return rows[(numbers != fold) & ~spare], rows[numbers == fold], rows[spare]

    def _number_folds(self, rows: Rows, folds: int) -> Rows:
        """Return the number of the fold of each row, sizes as equal as the rows allow."""
        if self.units is None:
            return number_folds(len(rows), folds, self.rule.seed, self._classes(rows))
        sizes = [len(rows) // folds + (number < len(rows) % folds) for number in range(folds)]
        numbers = self._deal(rows, self.units[rows], sizes, self.rule.seed)
        for number in range(folds):
            self._refuse_empty(rows[numbers != number], rows[numbers == number], "test")
        return numbers

    def refuse_small_classes(self, rows: Rows, parts: int) -> None:
        """Refuse classes that have too few rows to be in every one of so many stratified parts."""
        classes = self._classes(rows)
        if classes is None:
            return
        counts = np.bincount(classes, minlength=len(self.raw.classes))
        for number in np.flatnonzero((counts < parts) & (counts > 0)):
            raise ConfigError(
                f"{self.raw.origin}: class {self.raw.classes[number]!r} has {counts[number]} row(s), too few for a "
                f"stratified split, which takes {parts}; leave the class out or set dataset.split.stratify=false"
            )

    def _classes(self, rows: Rows) -> Labels | None:
        return self.raw.y[rows] if self.stratified else None

    def _number_classes(self, rows: Rows) -> Rows:
        """Return the number of each row's class from 0, all 0 where proportions do not matter."""
        classes = self._classes(rows)
        return np.zeros(len(rows), dtype=np.int64) if classes is None else np.unique(classes, return_inverse=True)[1]

    def _deal(self, rows: Rows, units: Rows, sizes: list[int], seed: int) -> Rows:
        return deal(units, self._number_classes(rows), sizes, np.random.default_rng(seed))

    def _cut_by_time(self, rows: Rows, size: int, part: str) -> tuple[Rows, Rows]:
        """Return the rows before and after the moment after which the number of rows is nearest to `size`."""
        assert self.raw.times is not None
        times = self.raw.times[rows]
        moments, counts = np.unique(times, return_counts=True)
        after = np.cumsum(counts[::-1])[::-1]  # rows at this moment and later
        if len(moments) > 1:
            first = moments[1:][np.argmin(np.abs(after[1:] - size))]
            return rows[times < first], rows[times >= first]
        raise ConfigError(
            f"{self.raw.origin}: {len(rows)} row(s) left to cut the {part} part from have one time, and rows of equal "
            "time are not torn apart: take another column for dataset.split.time, or a smaller "
            "dataset.split.val or dataset.split.test"
        )

    def _refuse_small_part(self, rows: Rows, size: int, part: str) -> None:
        """Refuse a stratified cut that cannot be made: fewer rows than classes on a side, or one row of a class."""
        groups = self._classes(rows)
        if groups is None:
            return
        numbers, counts = np.unique(groups, return_counts=True)
        setting, remedy = f"dataset.split.{part}", "or set dataset.split.stratify=false"
        if size < len(numbers):
            raise ConfigError(
                f"{self.raw.origin}: the {part} part would get {size} row(s) for {len(numbers)} classes; stratified, "
                f"it takes one of each at least: raise {setting} {remedy}"
            )
        if len(groups) - size < len(numbers):
            raise ConfigError(
                f"{self.raw.origin}: the {part} part would leave {len(groups) - size} row(s) for {len(numbers)} "
                f"classes; stratified, the others take one of each at least: lower {setting} {remedy}"
            )
        if counts.min() < 2 and self.units is None:
            raise ConfigError(
                f"{self.raw.origin}: one row of class {self.raw.classes[numbers[counts.argmin()]]!r} is left to cut "
                f"the {part} part from, and a stratified split takes 2: leave the class out {remedy}"
            )

    def _refuse_empty(self, kept: Rows, taken: Rows, part: str) -> None:
        if len(kept) and len(taken):
            return
        raise ConfigError(
            f"{self.raw.origin}: the {part} part cannot be cut, because too few groups of rows stay together as a "
            "whole; take a column with more values for dataset.split.groups, or dataset.split.duplicates=apart"
        )


def count_rows(fraction: float, total: int) -> int:
    """Return the rows of a fraction, rounded up as scikit-learn does, but not by a floating-point error."""
    return math.ceil(round(fraction * total, 9))
