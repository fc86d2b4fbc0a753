"""Folds in the order of time (forward chaining): each is tested by a window of rows that ends with it.

The last rows are cut into folds that follow each other. The window of a fold holds training rows, then validation rows,
then those of the fold; it is as long for one fold as for another, so that all parts have the same sizes in every fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.data.cutting import count_rows
from regbench.data.dataset import SplitRule
from regbench.data.records import Raw, Rows
from regbench.data.split_settings import TEST_FRACTION, count_folds
from regbench.errors import ConfigError

BACK_STREAM = 5


@dataclass(frozen=True)
class Window:
    """Rows of each part of a window."""

    train: int
    val: int
    test: int


def measure_window(total: int, rule: SplitRule, origin: str) -> Window:
    """Return the sizes of a window of `total` rows.

    Before the first fold lie the window's other rows, and as many more as they may be moved back: those that validate.

    Raises:
        ConfigError: no training row is left.
    """
    folds, tested = count_folds(rule), TEST_FRACTION if rule.test is None else rule.test
    test = int(round(tested * total, 9)) // folds
    before = total - (folds - 1) * test
    length = int(round(before / (1 + rule.val), 9))
    val = min(count_rows(rule.val, length), before - length)
    train = length - val - test
    if test < 1 or train < 1 or (rule.val > 0 and val < 1):
        raise ConfigError(
            f"{origin}: {total} rows are too few for dataset.split.folds={folds} in the order of time with "
            f"dataset.split.test={tested:g} and dataset.split.val={rule.val:g}; lower one of them"
        )
    return Window(train, val, test)


def draw_back(rule: SplitRule, window: Window) -> int:
    """Return how many rows the training and validation rows are moved back: none, or what `val_seed` draws."""
    if rule.val_seed is None or window.val == 0:
        return 0
    return int(np.random.default_rng([rule.val_seed, BACK_STREAM]).integers(1, window.val + 1))


def cut_window(raw: Raw, rule: SplitRule) -> tuple[Rows, Rows, Rows]:
    """Return the rows of training, validation and test of one fold, in the order of the source.

    Rows of equal time are not torn apart: each boundary is the moment nearest to it.

    Raises:
        ConfigError: there are too few rows, or too few moments.
    """
    assert raw.times is not None
    total = len(raw.times)
    window = measure_window(total, rule, raw.origin)
    end = total - (count_folds(rule) - 1 - (rule.fold or 0)) * window.test
    stop = end - window.test - draw_back(rule, window)
    places = (stop - window.val - window.train, stop - window.val, stop, end - window.test, end)
    moments, counts = np.unique(raw.times, return_counts=True)
    edges = np.concatenate([[0], np.cumsum(counts)])
    first, middle, stop, begin, end = (int(np.argmin(np.abs(edges - place))) for place in places)
    number = np.searchsorted(moments, raw.times)
    parts = [np.flatnonzero((number >= low) & (number < high)) for low, high in ((first, middle), (middle, stop))]
    test = np.flatnonzero((number >= begin) & (number < end))
    if len(parts[0]) == 0 or (window.val and len(parts[1]) == 0) or len(test) == 0:
        raise ConfigError(
            f"{raw.origin}: {len(moments)} different times are too few for dataset.split.folds={count_folds(rule)}, as "
            "rows of equal time are not torn apart; lower it, or take another column for dataset.split.time"
        )
    return parts[0], parts[1], test


def describe_window(raw: Raw, parts: tuple[Rows, Rows, Rows]) -> str:
    """Say how many rows are in no part."""
    left = len(raw.y) - sum(map(len, parts))
    return f"{left} row(s) before and after the window of this fold are in no part"


def find_scarce(raw: Raw, rule: SplitRule) -> str | None:
    """Return the first class that some window's training rows lack, wherever it may lie; None where none does.

    Raises:
        ConfigError: there are too few rows.
    """
    assert raw.times is not None
    total = len(raw.times)
    window = measure_window(total, rule, raw.origin)
    classes = raw.y[np.argsort(raw.times, kind="stable")]
    for number, name in enumerate(raw.classes):
        before = np.concatenate([[0], np.cumsum(classes == number)])
        ends = before[window.train : total - window.test - window.val + 1]
        if (ends == before[: len(ends)]).any():
            return name
    return None
