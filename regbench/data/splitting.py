"""Choice of the rows that train, validate and test, and of noisy training labels: everything random about the data.

Each random choice has a stream of its own, so that `train_size` and `label_noise` never move a row to another part,
and a smaller training set or less noise is a part of the larger one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from regbench.data.cutting import Cutter, count_rows
from regbench.data.dataset import Dataset, SplitRule
from regbench.data.forward import cut_window, describe_window
from regbench.data.key_columns import find_torn_keys
from regbench.data.records import FREE, TEST, VAL, Labels, Raw, Rows
from regbench.data.row_units import describe_size, describe_torn, find_units
from regbench.data.split_settings import TEST_FRACTION, check_source, count_folds, describe_fold, is_forward
from regbench.errors import ConfigError

SIZE_STREAM, NOISE_STREAM = 1, 2


class RowParts(NamedTuple):
    """Numbers of the rows of each part, sorted, each row in at most one, and what the person should know of the cut.

    Every row is in one, unless a window of the time is used alone.
    """

    train: Rows
    val: Rows
    test: Rows
    notes: tuple[str, ...]


def split_rows(raw: Raw, dataset: Dataset) -> RowParts:
    """Cut the rows of a source into parts; rows that belong together are never torn apart, unless the parts are given.

    Raises:
        ConfigError: a setting of the split does not go with the source, the fractions leave no training row, a class
            is too small to be in every part or absent from training, or a stratified part has fewer rows than there
            are classes.
    """
    check_source(dataset, raw)
    rule = dataset.split
    if rule.method == "all":
        none = np.empty(0, dtype=np.int64)
        return RowParts(np.arange(len(raw.y)), none, none, ("every row trains: nothing is measured on unseen rows",))
    if is_forward(rule):
        return _cut_forward(raw, rule)
    roles = np.zeros(len(raw.y), dtype=np.int8) if raw.roles is None else raw.roles
    rows, val, test = (np.flatnonzero(roles == role) for role in (FREE, VAL, TEST))
    free, tests = len(rows), _count_test(raw, len(rows), len(test), dataset)
    validations = 0 if len(val) else count_rows(rule.val, free)
    if free - tests - validations < 1:
        raise ConfigError(f"dataset.split.val={rule.val:g} and {_name_test(rule)} leave no training row of {free}")
    units = find_units(raw, rule)
    cutter = Cutter(raw, rule, units.numbers)
    said = [*units.notes]
    spare = np.empty(0, dtype=np.int64)
    cutter.refuse_small_classes(rows, _count_parts(rule, tests, validations))
    if rule.method == "folds":
        rows, test, spare = cutter.cut_fold(rows)
        said += describe_fold(rule)
    elif tests:
        rows, test = cutter.cut(rows, tests, "test")
    if tests:
        said += describe_size("test", len(test), tests)
    if validations:
        rows, val = cutter.cut(rows, validations, "val")
        said += describe_size("validation", len(val), validations)
    rows = np.sort(np.concatenate([rows, spare]))
    _refuse_absent_classes(raw, rows)
    said += describe_torn(raw, units, rows, val, test)
    said += find_torn_keys(raw, rows, np.concatenate([val, test]))
    return RowParts(rows, val, test, tuple(said))


def _cut_forward(raw: Raw, rule: SplitRule) -> RowParts:
    """Return the parts of the window of one fold; rows before and after it are in none."""
    train, val, test = cut_window(raw, rule)
    _refuse_absent_classes(raw, train)
    said = [*describe_fold(rule), describe_window(raw, (train, val, test))]
    units = find_units(raw, rule)
    said += [*units.notes, *describe_torn(raw, units, train, val, test)]
    said += find_torn_keys(raw, train, np.concatenate([val, test]))
    return RowParts(train, val, test, tuple(said))


def choose_training_rows(raw: Raw, rows: Rows, size: float | None, seed: int) -> Rows:
    """Return `size` of the training rows: nested (fewer are always among more), class proportions kept within one row.

    Rows of a class with n rows get the places 0/n, 1/n, ... in random order; the rows with the first places are taken.
    So the first rows are one of each class, whatever the seed.

    Raises:
        ConfigError: there are fewer training rows, or `size` is less than the number of classes.
    """
    if size is None:
        return rows
    wanted = size if isinstance(size, int) else max(1, round(size * len(rows)))
    if wanted > len(rows):
        raise ConfigError(f"dataset.train_size={size} is not allowed; the split leaves {len(rows)} training rows")
    if wanted < len(raw.classes):
        raise ConfigError(
            f"dataset.train_size={size} is not allowed; it takes a row for each of {len(raw.classes)} classes"
        )
    shuffled = np.random.default_rng([seed, SIZE_STREAM]).permutation(rows)
    groups = raw.y[shuffled] if raw.classes else np.zeros(len(rows))
    place = np.empty(len(rows))
    for group in np.unique(groups):
        members = groups == group
        place[members] = np.arange(members.sum()) / members.sum()
    return np.sort(shuffled[np.argsort(place, kind="stable")[:wanted]])


def disturb_labels(labels: Labels, classes: int, fraction: float, seed: int) -> Labels:
    """Return class numbers `[N]`, round(fraction · N) of them replaced by another class, each other one equally likely.

    The same seed disturbs the same rows in the same way at every fraction, only more or fewer of them.
    """
    rng = np.random.default_rng([seed, NOISE_STREAM])
    order, shift = rng.permutation(len(labels)), rng.integers(1, classes, size=len(labels))
    chosen = order[: round(fraction * len(labels))]
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + shift[chosen]) % classes
    return noisy


def _count_test(raw: Raw, free: int, given: int, dataset: Dataset) -> int:
    """Return how many of `free` rows are to be cut for the test, where the source gives `given` test rows."""
    rule = dataset.split
    if rule.method == "folds":
        return free // count_folds(rule) if rule.equal else count_rows(1 / count_folds(rule), free)
    if given == 0 and dataset.reads_test:
        return count_rows(TEST_FRACTION if rule.test is None else rule.test, free)
    if rule.test is not None:
        rows = f" ({given} rows)" if given else ""
        raise ConfigError(
            f"dataset.split.test={rule.test:g} is not allowed; {raw.origin} has a test part of its own{rows}, "
            "which dataset.split.test=null keeps"
        )
    return 0


def _name_test(rule: SplitRule) -> str:
    if rule.method == "folds":
        return f"a fold of {count_folds(rule)}"
    return f"dataset.split.test={rule.test or TEST_FRACTION:g}"


def _count_parts(rule: SplitRule, tests: int, validations: int) -> int:
    """Return how many rows a class needs to be in every part; with folds, in every fold."""
    parts = 1 + (tests > 0) + (validations > 0)
    return max(parts, count_folds(rule)) if rule.method == "folds" else parts


def _refuse_absent_classes(raw: Raw, rows: Rows) -> None:
    for number in np.flatnonzero(np.bincount(raw.y[rows], minlength=len(raw.classes)) == 0 if raw.classes else []):
        raise ConfigError(
            f"{raw.origin}: class {raw.classes[number]!r} is absent from the training rows; all must be in them "
            "(another dataset.split.seed, a smaller dataset.split.val or dataset.split.test, or leave the class out)"
        )
