"""Series from tables: a row for each series (UCR's .tsv, ARFF, CSV), or a row for each moment (CSV)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.data.absent_columns import refuse_absent
from regbench.data.columns import ColumnRules, read_amounts, read_target
from regbench.data.lines import number_lines, read_number, show
from regbench.data.records import Floats, Numeric
from regbench.data.row_numbers import find_row_numbers, note_row_numbers
from regbench.data.series_rows import Channels, SeriesRows, drop_missing_end, read_values
from regbench.data.times import name_time, read_times
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SeriesColumns:
    """Which columns of a table are what, and how their texts are read.

    `id` None: each row is a series. `values` empty: all other columns. `classes`: the target's texts are classes,
    whatever they look like.
    """

    target: str
    id: str | None
    time: str | None
    values: tuple[str, ...]
    drop: tuple[str, ...]
    classes: bool
    rules: ColumnRules

    def read_values(self, frame: pd.DataFrame, names: Sequence[str], path: str) -> Floats:
        """Return columns of values `[K, N]`, NaN where one is missing.

        Raises:
            ConfigError: a column holds something else.
        """
        rules = replace(self.rules, remedies=() if self.values else ("drop",))
        found = []
        for name in names:
            read = read_amounts(frame[name], f"{path}: column {name!r}", rules)
            if read is None:
                advice = rules.advise(name, leads="; ") or "; take it out of dataset.values"
                raise ConfigError(f"{path}: column {name!r} does not hold numbers{advice}")
            found.append(read)
        return np.stack(found)

    def read_targets(self, frame: pd.DataFrame, path: str) -> NDArray[Any]:
        """Return the target of each row.

        Raises:
            ConfigError: one is missing, or a text stands among numbers.
        """
        rules = None if self.classes else replace(self.rules, dates="none")
        return read_target(frame[self.target], f"{path}: column {self.target!r}", rules)

    def refuse_absent(self, frame: pd.DataFrame, path: str) -> None:
        """Refuse a setting that names no column of the table."""
        single = {"target": self.target, "id": self.id, "time": self.time}
        named = {name: (column,) for name, column in single.items() if column is not None}
        for setting, names in {**named, "values": self.values, "drop": self.drop}.items():
            refuse_absent(f"dataset.{setting}", names, frame.columns, path)

    def sort_out(self, frame: pd.DataFrame, path: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """Return the names of the columns that hold values, and why each other column is left out.

        Raises:
            ConfigError: there is none, or one is the target, the id or the time as well.
        """
        single = {"target": self.target, "id": self.id, "time": self.time}
        used = {name: reason for reason, name in single.items() if name is not None}
        used |= dict.fromkeys(self.drop, "dataset.drop")
        for name in self.values:
            if name in used:
                raise ConfigError(f"dataset.values names {escape(name)!r}, which is the target, id, time or dropped")
        reasons = {**find_row_numbers(frame, path), **used}
        names = self.values or tuple(name for name in frame.columns if name not in reasons)
        if not names:
            raise ConfigError(f"{path}: no column of values is left")
        others = (name for name in frame.columns if name not in names)
        return names, {name: reasons.get(name, "not in dataset.values") for name in others}

    def note_counters(self, names: Sequence[str], values: Floats) -> tuple[str, ...]:
        """Say which columns of values `[K, N]` seem to number the rows; nothing of those that the person named."""
        return () if self.values else tuple(note_row_numbers(map(Numeric, names, values)))


def parse_ucr(content: bytes, path: str) -> SeriesRows:
    """Return the series of a file in UCR's format: a line for each, its class first, tabs or blanks between values.

    Source: Dau et al. (2018), The UCR time series classification archive: short series are filled up with NaN.
    """
    rows: list[Channels] = []
    places: list[str] = []
    labels: list[str] = []
    for number, line in number_lines(content, path, comments=""):
        label, *fields = line.split()
        if not fields:
            raise ConfigError(f"{path}: line {number}: a class and values are needed; there is only {show(label)}")
        rows.append(drop_missing_end([read_values(fields, f"{path}: line {number}")]))
        places.append(f"line {number}")
        labels.append(label)
    if not rows:
        raise ConfigError(f"{path}: no series")
    return SeriesRows(rows=rows, places=places, targets=_plain_labels(labels, path), task="classification")


def _plain_labels(labels: list[str], path: str) -> NDArray[Any]:
    """Return class names as numbers where all are: `2` and `2.0000e+00` are one class."""
    numbers = [read_number(label) for label in labels]
    missing = [label in ("?", "NaN") for label in labels]
    if any(missing):
        raise ConfigError(f"{path}: the class of series {missing.index(True) + 1} is missing; every series needs one")
    return np.array(labels) if None in numbers else np.array(numbers, dtype=np.float64)


def read_wide(frame: pd.DataFrame, columns: SeriesColumns, path: str) -> SeriesRows:
    """Return the series of a table with a row for each.

    Raises:
        ConfigError: a column of values does not hold numbers, or a target is missing.
    """
    columns.refuse_absent(frame, path)
    names, left_out = columns.sort_out(frame, path)
    values = columns.read_values(frame, names, path)
    told = f"{len(names)} columns are the values of a series, from {names[0]!r} to {names[-1]!r}"
    return SeriesRows(
        rows=[drop_missing_end([row]) for row in np.ascontiguousarray(values.T)],
        places=[f"row {row}" for row in range(1, len(frame) + 1)],
        targets=columns.read_targets(frame, path),
        left_out=left_out,
        notes=(told, *columns.note_counters(names, values)),
    )


def read_long(frame: pd.DataFrame, columns: SeriesColumns, path: str) -> SeriesRows:
    """Return the series of a table with a row for each moment of each series, in the order of their first rows.

    Raises:
        ConfigError: an id is missing, a series has two rows of one time, or its target changes.
    """
    import pandas as pd

    columns.refuse_absent(frame, path)
    names, left_out = columns.sort_out(frame, path)
    missing = np.flatnonzero(frame[columns.id].isna())
    if len(missing):
        raise ConfigError(
            f"{path}: column {columns.id!r}, row {missing[0] + 1}: the id is missing; every row needs one"
        )
    codes, ids = pd.factorize(frame[columns.id].astype(object))
    order, sorted_rows = _sort_rows(frame, codes, columns, path)
    targets = columns.read_targets(frame, path)
    values = columns.read_values(frame, names, path)
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    _refuse_changing(targets[order], starts, [str(name) for name in ids], columns.target, path)
    told = f"{len(names)} channel(s): {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    notes = (told, *columns.note_counters(names, values))
    return SeriesRows(
        rows=[list(block) for block in np.split(values[:, order], starts[1:], axis=1)],
        places=[f"id {show(str(name))}" for name in ids],
        targets=targets[order][starts],
        left_out=left_out,
        notes=(*notes, *(("the rows were not in the order of time and were sorted",) if sorted_rows else ())),
    )


def _sort_rows(
    frame: pd.DataFrame, codes: NDArray[np.int64], columns: SeriesColumns, path: str
) -> tuple[NDArray[np.int64], bool]:
    """Return the rows series by series, each in the order of time, and whether that moved a row of a series."""
    if columns.time is None:
        return np.argsort(codes, kind="stable"), False
    times = read_times(frame[columns.time], f"{path}: column {columns.time!r}", columns.rules)
    order = np.lexsort((times, codes))
    same = (np.diff(codes[order]) == 0) & (np.diff(times[order]) == np.zeros(1, dtype=np.diff(times[:2]).dtype))
    for place in np.flatnonzero(same):
        one, other = sorted((order[place] + 1, order[place + 1] + 1))
        raise ConfigError(
            f"{path}: rows {one} and {other} are of one series and have one time, {name_time(times, other - 1)}; "
            "a series has one row for each time"
        )
    return order, not np.array_equal(order, np.argsort(codes, kind="stable"))


def _refuse_changing(
    targets: NDArray[Any], starts: NDArray[np.int64], ids: Sequence[str], name: str, path: str
) -> None:
    """Refuse a series whose rows have different targets."""
    for block, series in zip(np.split(targets, starts[1:]), ids, strict=True):
        other = np.flatnonzero(block != block[0])
        if len(other):
            both = " and ".join(show(str(block[place])) for place in (0, int(other[0])))
            raise ConfigError(
                f"{path}: the series of id {show(series)} has the targets {both} in column {name!r}; "
                "a series has one target"
            )
