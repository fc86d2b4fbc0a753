"""Meaning of a column of targets: classes or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Labels
from regbench.errors import ConfigError
from regbench.tasks import Task

MOST_CLASSES, MOST_PER_ROW = 20, 0.05
TASKS = ("infer", *Task)


def infer_task(values: NDArray[Any]) -> str:
    """Say what a target is: texts and truth values are classes, and so are a few whole numbers.

    "A few": two distinct values, or at most 20 that are fewer than 5 % of the rows. Anything else is a regression.
    """
    if values.dtype.kind not in "iuf":
        return "classification"
    distinct = np.unique(values)
    whole = bool(np.all(np.isfinite(distinct)) and np.all(distinct == np.round(distinct)))
    few = len(distinct) <= 2 or (len(distinct) <= MOST_CLASSES and len(distinct) < MOST_PER_ROW * len(values))
    return "classification" if whole and few else "regression"


def encode_target(values: NDArray[Any], task: str, where: str) -> tuple[str, Labels, tuple[str, ...]]:
    """Return the task, the target `[N]` (class numbers int64, or float64) and the names of the classes, sorted.

    Args:
        values: `[N]` numbers, truth values or texts, none missing.
        task: "classification", "regression" or "infer".
        where: what messages call the values.

    Raises:
        ConfigError: the values are infinite, or texts although a regression was asked for.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise ConfigError(f"{where}, row {row}: the target is {values[row - 1]}; it must be a finite number")
    task = infer_task(values) if task == "infer" else task
    if task == Task.MULTILABEL:
        raise ConfigError(
            f"{where}: dataset.task=multilabel is not allowed; it takes a column of 0 and 1 for each label"
        )
    if task == "classification":
        names, numbers = np.unique(values, return_inverse=True)
        return task, numbers.astype(np.int64).reshape(-1), tuple(_name(name) for name in names)
    if values.dtype.kind not in "iufb":
        raise ConfigError(
            f"{where}: dataset.task=regression is not allowed; the target has texts such as {str(values[0])!r}, "
            "and a regression takes numbers"
        )
    return task, values.astype(np.float64), ()


def _name(value: Any) -> str:
    """Name a class: a whole number without its decimal point."""
    plain = value.item() if isinstance(value, np.generic) else value
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else str(plain)
