"""Meaning of a column of targets: classes or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.number_texts import find_no_number
from regbench.data.records import Labels
from regbench.errors import ConfigError
from regbench.tasks import Task

FEW_CODES = 5
"""Most whole numbers that are taken for codes of classes: with more of them counts are likelier."""

TASKS = ("infer", *Task)


def infer_task(values: NDArray[Any]) -> str:
    """Say what a target is: texts and truth values are classes, two whole numbers, and up to five from 0 or 1 on.

    Three to five whole numbers that begin at 0 or 1 and leave none out are how classes are coded, whatever the number
    of rows. All else is a regression: ten numbers from 0 to 9 may be counts, and a regression of classes is seen at
    once, a classification of counts is not.
    """
    if values.dtype.kind not in "iuf":
        return "classification"
    distinct = np.unique(values)
    if len(distinct) <= 2:
        return "classification" if bool(np.all(distinct == np.round(distinct))) else "regression"
    coded = distinct[0] in (0, 1) and np.array_equal(distinct, distinct[0] + np.arange(len(distinct)))
    return "classification" if coded and len(distinct) <= FEW_CODES else "regression"


def explain_task(values: NDArray[Any], task: str, classes: int) -> str:
    """Say what was inferred of a target and how to say otherwise."""
    if values.dtype.kind not in "iufb":
        return f"classification (inferred from {classes} texts)"
    if task == Task.CLASSIFICATION:
        kind = "truth values" if values.dtype.kind == "b" else "whole numbers"
        return f"classification (inferred from {classes} {kind}; dataset.task=regression otherwise)"
    return (
        f"regression (inferred from {len(np.unique(values))} distinct numbers; dataset.task=classification otherwise)"
    )


def encode_target(values: NDArray[Any], task: str, where: str) -> tuple[str, Labels, tuple[str, ...]]:
    """Return the task, the target `[N]` (class numbers int64, or float64) and the names of the classes, sorted.

    Args:
        values: `[N]` numbers, truth values or texts, none missing.
        task: "classification", "regression" or "infer".
        where: what messages call the values.

    Raises:
        ConfigError: the values are infinite, or texts although a regression was asked for or most are numbers.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0]) + 1
        raise ConfigError(f"{where}, row {row}: the target is {values[row - 1]}; it must be a finite number")
    _refuse_texts(values, task, where)
    task = infer_task(values) if task == "infer" else task
    if task == Task.MULTILABEL:
        raise ConfigError(
            f"{where}: dataset.task=multilabel is not allowed; it takes a column of 0 and 1 for each label"
        )
    if task == "classification":
        names = np.unique(values)
        return task, np.searchsorted(names, values).astype(np.int64, copy=False), tuple(_name(name) for name in names)
    return task, values.astype(np.float64), ()


def _refuse_texts(values: NDArray[Any], task: str, where: str) -> None:
    """Refuse texts of a regression, and one among what would else be numbers, by the first that is none.

    Up to `FEW_CODES` numbers among texts may be codes of classes, such as 1, 2 and 3+.
    """
    if values.dtype.kind in "iufb" or task not in ("infer", Task.REGRESSION):
        return
    distinct = [str(value) for value in np.unique(values)]
    others = {text for text in distinct if find_no_number([text]) is not None}
    row = next((row for row, value in enumerate(values) if str(value) in others), None)
    numbers = len(distinct) - len(others)
    if task == Task.REGRESSION and not (numbers and others):
        raise ConfigError(
            f"{where}: dataset.task=regression is not allowed; the target has texts such as {str(values[0])!r}, "
            "and a regression takes numbers"
        )
    if row is not None and (task == Task.REGRESSION or numbers > max(FEW_CODES, len(others))):
        remedy = (
            "" if task == Task.REGRESSION else ", but most are; set dataset.task=classification if they are classes"
        )
        raise ConfigError(f"{where}, row {row + 1}: {str(values[row])!r} is not a number{remedy}")


def _name(value: Any) -> str:
    """Name a class: a whole number without its decimal point."""
    plain = value.item() if isinstance(value, np.generic) else value
    return str(int(plain)) if isinstance(plain, float) and plain.is_integer() else str(plain)
