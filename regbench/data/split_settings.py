"""Settings of a split that do not go together, or not with the source: refused, never ignored."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regbench.config.containers import defaults_of
from regbench.config.values import spell
from regbench.data.dataset import Dataset, SplitRule
from regbench.data.records import FREE, TEST, VAL, Raw
from regbench.errors import ConfigError, escape

FOLDS = 5
TEST_FRACTION = 0.2
USED_BY = {
    "test": ("random", "groups", "time"),
    "folds": ("folds", "time"),
    "fold": ("folds", "time"),
    "groups": ("groups", "folds", "given", "all"),
    "time": ("time", "all"),
    "column": ("given", "all"),
    "equal": ("folds",),
}
"""Methods with which a setting that is null or false by default has an effect."""

TEST_IS_KNOWN = {"folds": "the fold is the test part", "given": "the source says which rows are the test part"}


def check_settings(dataset: Dataset) -> None:
    """Check the settings of a data set's split against each other; nothing is read.

    Raises:
        ConfigError: one has no effect with this method, or the fold is not one of the folds.
    """
    rule = dataset.split
    for name, methods in USED_BY.items():
        value = getattr(rule, name)
        if value is not None and value is not False and rule.method not in methods:
            _refuse_idle(name, value, rule.method, methods)
    folds, fold = count_folds(rule), rule.fold or 0
    if fold >= folds:
        raise ConfigError(
            f"dataset.split.fold={fold} is not allowed; {folds} folds have the numbers 0 to {folds - 1} "
            "(dataset.split.folds says how many there are)"
        )
    if rule.val == 0.0:
        _refuse_typed(dataset, ("val_seed",), "dataset.split.val=0, which draws no validation part")
    if rule.method == "time":
        drawn = dataset.train_size is not None or dataset.label_noise > 0
        idle = ("stratify", "duplicates", *(() if is_forward(rule) else ("val_seed",)), *(() if drawn else ("seed",)))
        _refuse_typed(dataset, idle, _describe_time(rule))


def count_folds(rule: SplitRule) -> int:
    """Return the number of folds of the methods `folds` and `time`."""
    return FOLDS if rule.folds is None else rule.folds


def is_forward(rule: SplitRule) -> bool:
    """Tell whether the rows are cut by time into folds, each tested by a window that ends with it."""
    return rule.method == "time" and (rule.folds is not None or rule.fold is not None)


def describe_fold(rule: SplitRule) -> Iterator[str]:
    """Yield a note on what was assumed where the settings do not say which fold is tested."""
    if rule.fold is None:
        last = count_folds(rule) - 1
        yield f"fold 0 is the test part (of folds 0 to {last}; dataset.split.fold says which)"


def check_source(dataset: Dataset, raw: Raw) -> None:
    """Check the settings of a data set's split against what was read.

    Raises:
        ConfigError: the source lacks what the method needs, or has parts that the settings do not go with.
    """
    rule, roles = dataset.split, _list_roles(raw) | (set() if dataset.reads_test else {TEST})
    for name in ("groups", "time", "column"):
        column = getattr(rule, name)
        if column is not None and (column not in raw.left_out or isinstance(raw.x, np.ndarray)):
            raise ConfigError(
                f"dataset.split.{name}={escape(column)} is not allowed; {raw.origin} has no columns that can be named"
            )
    if rule.method == "groups" and raw.groups is None:
        raise _lacks(rule, "dataset.split.groups=COLUMN", "which rows belong together")
    if rule.method == "time" and raw.times is None:
        raise _lacks(rule, "dataset.split.time=COLUMN", "the order of the rows")
    if rule.method == "given" and TEST not in roles:
        raise _lacks(rule, "dataset.split.column=COLUMN or dataset.test_path=FILE", "which rows are the test part")
    if rule.method == "folds" and roles != {FREE}:
        raise ConfigError(
            f"dataset.split.method=folds is not allowed; {raw.origin} has parts of its own, "
            "which dataset.split.method=random keeps"
        )
    if is_forward(rule) and roles != {FREE}:
        raise ConfigError(
            f"dataset.split.folds={count_folds(rule)} is not allowed with dataset.split.method=time; {raw.origin} has "
            "parts of its own: leave out dataset.split.folds and dataset.split.fold"
        )
    if VAL in roles:
        _refuse_typed(dataset, ("val", "val_seed"), f"{raw.origin}, which has a validation part of its own")
    if {VAL, TEST} <= roles and dataset.train_size is None and dataset.label_noise == 0:
        _refuse_typed(dataset, ("seed",), f"{raw.origin}, which has all parts of its own")


def seed_matters(dataset: Dataset, raw: Raw) -> bool:
    """Tell whether the seed of a split decides anything about the rows of the parts."""
    drawn = dataset.train_size is not None or dataset.label_noise > 0
    return drawn or (dataset.split.method != "time" and not {VAL, TEST} <= _list_roles(raw))


def _list_roles(raw: Raw) -> set[int]:
    return {FREE} if raw.roles is None else set(np.unique(raw.roles).tolist())


def _lacks(rule: SplitRule, setting: str, what: str) -> ConfigError:
    return ConfigError(f"dataset.split.method={rule.method} needs {setting}, which says {what}")


def _describe_time(rule: SplitRule) -> str:
    return f"dataset.split.method={rule.method}, which takes the rows in their order"


def _refuse_idle(name: str, value: object, method: str, methods: tuple[str, ...]) -> None:
    shown, idle = ("true", "false") if value is True else (escape(str(value)), "null")
    typed, kept = f"dataset.split.{name}={shown}", f"leave it out (dataset.split.{name}={idle})"
    if name == "test":
        raise ConfigError(
            f"{typed} has no effect with dataset.split.method={method}, because {TEST_IS_KNOWN[method]}; {kept}"
        )
    remedy = " or ".join(f"dataset.split.method={other}" for other in methods)
    raise ConfigError(f"{typed} has no effect with dataset.split.method={method}; add {remedy}, or {kept}")


def _refuse_typed(dataset: Dataset, names: tuple[str, ...], where: str) -> None:
    """Refuse settings without effect that differ from the data set's defaults."""
    usual = defaults_of(type(dataset)).get("split", SplitRule())
    for name in names:
        value, default = getattr(dataset.split, name), getattr(usual, name)
        if value != default:
            raise ConfigError(
                f"dataset.split.{name}={spell(value)} has no effect with {where}; "
                f"leave it out (dataset.split.{name}={spell(default)})"
            )
