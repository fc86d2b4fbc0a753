"""Columns of a table that are to be predicted: one, several numbers, or labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regbench.data.columns import ColumnRules, read_names, read_target
from regbench.data.multilabel import are_labels, split_labels, stack_labels
from regbench.data.number_texts import find_no_number
from regbench.data.records import Labels
from regbench.data.targets import encode_target, explain_task
from regbench.errors import ConfigError
from regbench.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

INFER = "infer"


class Targets(NamedTuple):
    """What is to be predicted, as in `Raw`, and sentences on what was guessed."""

    task: str
    y: Labels
    classes: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_targets(
    frame: pd.DataFrame, task: str, separator: str | None, path: str, rules: ColumnRules | None = None
) -> Targets:
    """Return the targets of a table.

    Args:
        frame: the columns to predict.
        task: what is asked for; `infer` decides by the values.
        separator: what separates labels in a column of texts; None: every column is a target of its own.
        path: what messages call the table.
        rules: what the person says of columns of texts.

    Raises:
        ConfigError: a cell is missing, or not what the task needs; or task and separator do not fit.
    """
    if separator is not None:
        return _read_lists(frame, task, separator, path)
    if len(frame.columns) == 1 and task != Task.MULTILABEL:
        return _read_single(frame[frame.columns[0]], task, path, rules or ColumnRules())
    if task == Task.CLASSIFICATION:
        raise ConfigError(
            f"dataset.task=classification is not allowed; it takes one target, and dataset.target names "
            f"{len(frame.columns)}: several columns of 0 and 1 are dataset.task=multilabel"
        )
    columns = {name: read_target(frame[name], f"{path}: column {name!r}", rules) for name in frame.columns}
    return encode_several(columns, task, path)


def encode_several(columns: Mapping[str, NDArray[Any]], task: str, path: str) -> Targets:
    """Return several numbers to predict, or several labels, from columns `[N]` by name.

    Raises:
        ConfigError: a value is not what the task needs.
    """
    notes: tuple[str, ...] = ()
    if task == INFER:
        task = Task.MULTILABEL if are_labels(columns) else Task.REGRESSION
        other = Task.REGRESSION if task == Task.MULTILABEL else Task.MULTILABEL
        found = "are all 0 or 1" if task == Task.MULTILABEL else "are not all 0 or 1"
        notes = (f"task {task}: inferred because the {len(columns)} targets {found}; dataset.task={other} otherwise",)
    if task == Task.MULTILABEL:
        return Targets(task, stack_labels(columns, path), outputs=tuple(columns), notes=notes)
    for name, values in columns.items():
        if values.dtype.kind not in "iufb":
            row = find_no_number([str(value) for value in values]) or 0
            raise ConfigError(
                f"{path}: column {name!r}, row {row + 1}: {str(values[row])!r} is not a number; several targets are "
                "numbers (dataset.task=regression), or 0 and 1 (dataset.task=multilabel)"
            )
    numbers = [encode_target(values, task, f"{path}: column {name!r}")[1] for name, values in columns.items()]
    return Targets(task, np.stack(numbers, 1), outputs=tuple(columns), notes=notes)


def _read_single(column: pd.Series[Any], task: str, path: str, rules: ColumnRules) -> Targets:
    where = f"{path}: column {column.name!r}"
    values = read_target(column, where, None if task == Task.CLASSIFICATION else rules)
    found, y, classes = encode_target(values, task, where)
    notes = (explain_task(values, found, len(classes)),) if task == INFER else ()
    return Targets(found, y, classes, notes=notes)


def _read_lists(frame: pd.DataFrame, task: str, separator: str, path: str) -> Targets:
    """Return the labels that one column of texts lists."""
    if task not in (INFER, Task.MULTILABEL):
        raise ConfigError(f"dataset.task={task} is not allowed with dataset.target_separator; it takes multilabel")
    if len(frame.columns) > 1 or not separator:
        raise ConfigError(
            f"dataset.target_separator={separator!r} is not allowed; it takes what separates the labels in the texts "
            "of one target, such as ';', or null"
        )
    where = f"{path}: column {frame.columns[0]!r}"
    column = read_names(frame[frame.columns[0]], where)
    texts = ["" if code < 0 else column.levels[code] for code in column.codes]
    labels, names = split_labels(texts, separator, where)
    empty = int((labels.max(1) == 0.0).sum())
    notes = (f"{where}: {empty} row(s) have none of the {len(names)} labels",) if empty else ()
    return Targets(Task.MULTILABEL, labels, outputs=names, notes=notes)
