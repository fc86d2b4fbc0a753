"""Choice of the rows that train, validate and test, and of noisy training labels: everything random about the data.

Each random choice has a stream of its own, so that `train_size` and `label_noise` never move a row to another part,
and a smaller training set or less noise is a part of the larger one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from regbench.data.dataset import SplitRule
from regbench.data.records import FREE, TEST, Labels, Raw
from regbench.errors import ConfigError

Rows = NDArray[np.int64]
TEST_FRACTION = 0.2
SIZE_STREAM, NOISE_STREAM = 1, 2


def split_rows(raw: Raw, rule: SplitRule) -> tuple[Rows, Rows, Rows]:
    """Return the numbers of the training, validation and test rows, each sorted; every row is in exactly one.

    Raises:
        ConfigError: the fractions leave no training row, a class is too small to be in every part or absent from
            training, a stratified part has fewer rows than there are classes, or the source has its own test part and
            a fraction for it is given as well.
    """
    roles = np.zeros(len(raw.y), dtype=np.int8) if raw.roles is None else raw.roles
    rows, test = np.flatnonzero(roles == FREE), np.flatnonzero(roles == TEST)
    free, tests = len(rows), _count_test(raw, len(test), rule)
    validations = count_rows(rule.val, free)
    if free - tests - validations < 1:
        raise ConfigError(
            f"dataset.split.val={rule.val:g} and dataset.split.test={rule.test or 0:g} leave no training row "
            f"of {free}; their sum must be less"
        )
    stratify = rule.stratify and raw.task == "classification"
    if stratify:
        _refuse_small_classes(raw, rows, 1 + (tests > 0) + (validations > 0))
    if tests:
        rows, test = _cut(raw, rows, tests, rule, "test")
    rows, val = _cut(raw, rows, validations, rule, "val") if validations else (rows, rows[:0])
    _refuse_absent_classes(raw, rows)
    return rows, val, test


def count_rows(fraction: float, total: int) -> int:
    """Return the rows of a fraction, rounded up as scikit-learn does, but not by a floating-point error."""
    return math.ceil(round(fraction * total, 9))


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


def _count_test(raw: Raw, given: int, rule: SplitRule) -> int:
    """Return how many of the free rows are to be cut for the test, where the source gives `given` test rows."""
    if given == 0:
        return count_rows(TEST_FRACTION if rule.test is None else rule.test, len(raw.y))
    if rule.test is not None:
        raise ConfigError(
            f"dataset.split.test={rule.test:g} is not allowed; {raw.origin} has a test part of its own "
            f"({given} rows), which dataset.split.test=null keeps"
        )
    return 0


def _cut(raw: Raw, rows: Rows, held_out: int, rule: SplitRule, part: str) -> tuple[Rows, Rows]:
    """Return the rows that stay and the `held_out` rows of a part ("test" or "val")."""
    from sklearn.model_selection import train_test_split

    groups = raw.y[rows] if rule.stratify and raw.task == "classification" else None
    if groups is not None:
        _refuse_small_part(raw, groups, held_out, part)
    kept, cut = train_test_split(rows, test_size=held_out, random_state=rule.seed, stratify=groups)
    return np.sort(kept), np.sort(cut)


def _refuse_small_part(raw: Raw, groups: Labels, held_out: int, part: str) -> None:
    """Refuse a stratified cut that scikit-learn would: fewer rows than classes on a side, or one row of a class."""
    numbers, counts = np.unique(groups, return_counts=True)
    setting, remedy = f"dataset.split.{part}", "or set dataset.split.stratify=false"
    if held_out < len(numbers):
        raise ConfigError(
            f"{raw.origin}: the {part} part would get {held_out} row(s) for {len(numbers)} classes; stratified, it "
            f"takes one of each at least: raise {setting} {remedy}"
        )
    if len(groups) - held_out < len(numbers):
        raise ConfigError(
            f"{raw.origin}: the {part} part would leave {len(groups) - held_out} row(s) for {len(numbers)} classes; "
            f"stratified, the others take one of each at least: lower {setting} {remedy}"
        )
    if counts.min() < 2:
        raise ConfigError(
            f"{raw.origin}: one row of class {raw.classes[numbers[counts.argmin()]]!r} is left to cut the {part} part "
            f"from, and a stratified split takes 2: leave the class out {remedy}"
        )


def _refuse_small_classes(raw: Raw, rows: Rows, parts: int) -> None:
    counts = np.bincount(raw.y[rows], minlength=len(raw.classes))
    for number in np.flatnonzero((counts < parts) & (counts > 0)):
        raise ConfigError(
            f"{raw.origin}: class {raw.classes[number]!r} has {counts[number]} row(s), too few for a stratified split, "
            f"which takes {parts}; leave the class out or set dataset.split.stratify=false"
        )


def _refuse_absent_classes(raw: Raw, rows: Rows) -> None:
    for number in np.flatnonzero(np.bincount(raw.y[rows], minlength=len(raw.classes)) == 0 if raw.classes else []):
        raise ConfigError(
            f"{raw.origin}: class {raw.classes[number]!r} is absent from the training rows; all must be in them "
            "(another dataset.split.seed, a smaller dataset.split.val or dataset.split.test, or leave the class out)"
        )
