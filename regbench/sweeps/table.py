"""The table of a sweep: a row a run, as values and as `sweep.csv`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.errors import ConfigError, escape
from regbench.metrics import METRICS, PARTS
from regbench.store import durable
from regbench.store.locks import hold
from regbench.sweeps.manifest import ABSENT, BOOKKEEPING, WRITE_LOCK, varying
from regbench.sweeps.ranking import NO_DATA, mark_data, spell
from regbench.sweeps.run_status import RunStatus

if TYPE_CHECKING:
    from pandas import DataFrame

FILE = "sweep.csv"
FORMULA = ("=", "+", "-", "@")
NUMBERS = ("best_epoch", "epochs")


def write_csv(folder: Path, statuses: Sequence[RunStatus]) -> Path:
    """Write `sweep.csv`, one row a run whatever its state, and return its path.

    Figures are those at each run's best epoch, and of the test rows those at the last epoch too. A
    missing setting or figure is an empty cell.

    Raises:
        ConfigError: the folder cannot be written.
        StorageError: the disk refused; the old file, if any, is intact.
    """
    columns = tabulate(statuses)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_cell(title) for title in columns])
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    path = folder / FILE
    try:
        durable.make_folder(folder / BOOKKEEPING)
        with hold(folder / BOOKKEEPING / WRITE_LOCK):
            durable.replace(path, text.getvalue().encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
    return path


def make_frame(statuses: Sequence[RunStatus]) -> DataFrame:
    """Return the same table as a DataFrame: numbers as numbers, missing ones NaN, and lists spelled as texts."""
    from pandas import DataFrame

    columns = tabulate(statuses)
    return DataFrame({title: [_plain(value) for value in column] for title, column in columns.items()})


def tabulate(statuses: Sequence[RunStatus]) -> dict[str, list[object]]:
    """Return the columns of the table by title; `ABSENT` stands where a run has no such setting or figure."""
    keys = varying([status.run for status in statuses])
    figures = [{part: status.figures(part) for part in PARTS} for status in statuses]
    found = {name for own in figures for part in PARTS for name in own[part]}
    metrics = [name for name in METRICS if name == "loss" or name in found]
    columns: dict[str, list[object]] = {"run_id": [status.run.run_id for status in statuses]}
    for key in keys:
        columns[key] = [status.run.values.get(key, ABSENT) for status in statuses]
    marks = mark_data(statuses, keys)
    if any(marks):
        columns["data"] = [ABSENT if mark in (None, NO_DATA) else mark for mark in marks]
    columns["status"] = [status.state.value for status in statuses]
    for name in NUMBERS:
        columns[name] = [_or_absent(status.number(name)) for status in statuses]
    for part in PARTS:
        for name in metrics:
            columns[f"{part}_{name}"] = [own[part].get(name, ABSENT) for own in figures]
    last = [status.figures("test", "last") for status in statuses]
    for name in metrics:
        columns[f"last_test_{name}"] = [own.get(name, ABSENT) for own in last]
    columns["seconds"] = [_or_absent(status.number("seconds")) for status in statuses]
    columns["error"] = [status.error or ABSENT for status in statuses]
    return columns


def _or_absent(number: float | int | None) -> object:
    return ABSENT if number is None else number


def _plain(value: object) -> object:
    if value is ABSENT:
        return math.nan
    return spell(value) if isinstance(value, list) else value


def _cell(value: object) -> str:
    """Write a cell: a number so that it reads back equal, a text so that no spreadsheet takes it for a formula."""
    if value is ABSENT:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return repr(value)
    text = escape(spell(value))
    return f"'{text}" if text.startswith(FORMULA) else text
