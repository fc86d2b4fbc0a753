"""Forecasts: windows of a table whose rows follow each other in time, and what comes after each window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regbench.config.fields import flag, integer, nested, text, text_or_texts, texts
from regbench.data.absent_columns import refuse_absent
from regbench.data.columns import ColumnRules, read_amounts
from regbench.data.dataset import REQUIRED, SplitRule
from regbench.data.memory import refuse_too_big
from regbench.data.records import TEST, Floats, Numeric, Raw
from regbench.data.row_numbers import find_row_numbers, note_row_numbers
from regbench.data.text_files import TextFile
from regbench.data.times import read_times, refuse_irregular
from regbench.data.windows import Windows, cut_windows, fill_forward
from regbench.errors import ConfigError, escape

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Forecast(TextFile):
    """Windows `[N, C, lookback]` of all columns of numbers of a CSV, and the target's `horizon` values that follow.

    The last windows are the test part and those before them validation. Between two parts windows are left out, so that
    all targets of the earlier part are known when the first forecast of the later one is made.
    """

    path: str = text(REQUIRED, help="path of the CSV file")
    time: str = text(REQUIRED, help="column of numbers or dates, in equal steps")
    target: str | tuple[str, ...] = text_or_texts(
        REQUIRED, help="column to forecast, or several; their past is among the inputs"
    )
    lookback: int = integer(24, low=1, help="rows that the network sees")
    horizon: int = integer(1, low=1, help="rows to forecast")
    gap: int = integer(0, low=0, help="rows between the last that is seen and the first to forecast")
    season: int | None = integer(None, low=1, optional=True, help="rows of a season, for the seasonal naive forecast")
    drop: tuple[str, ...] = texts((), help="columns to leave out")
    split: SplitRule = nested(SplitRule(method="time"))
    standardize_target: bool = flag(True, help="mean 0 and deviation 1, measured on the training rows")

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns to forecast."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is forecast, `load+1` for the next row; empty where it is one number."""
        steps = range(self.gap + 1, self.gap + self.horizon + 1)
        names = tuple(f"{name}+{step}" for name in self.targets for step in steps)
        return names if len(names) > 1 else ()

    def files(self) -> tuple[str, ...]:
        """Return the path of the file."""
        return (self.path,)

    def read(self) -> Raw:
        """Return the windows of the three parts, in the order of time."""
        if self.split.method != "time":
            raise ConfigError(
                f"dataset.split.method={self.split.method} is not allowed; windows overlap, and a forecast is tested "
                "on what comes later: dataset.split.method=time"
            )
        frame = self.empty_cells(self.read_frame(self.path, "dataset.path"), self.path)
        frame, notes = self._sort(frame)
        columns, left_out = self._read_columns(frame)
        inputs = [Numeric(name, column) for name, column in columns.items() if name not in self.targets]
        notes += note_row_numbers(inputs)
        values, filled = fill_forward(np.stack(list(columns.values())))
        if filled:
            notes.append(f"{filled} missing value(s) count as the last known value of their column")
        windows = Windows(
            values, np.stack([columns[name] for name in self.targets]), self.lookback, self.gap, self.horizon
        )
        usable = windows.list_usable(self.path)
        kept, roles = cut_windows(usable, self.split, self.gap + self.horizon, self.path)
        refuse_too_big((len(kept), len(columns), self.lookback), self.path, "take a shorter lookback or fewer rows")
        between = len(usable) - len(kept)
        notes.append(f"{len(kept)} windows of {self.lookback} rows; {between} between the parts are left out")
        y = windows.targets(kept)
        return Raw(
            origin=self.path,
            task="regression",
            layout="series",
            x=windows.inputs(kept),
            y=y if self.outputs else y[:, 0],
            times=kept.astype(np.float64),
            outputs=self.outputs,
            standardize_target=self.standardize_target,
            left_out=left_out,
            notes=tuple(notes),
            test_notes=tuple(windows.describe_naive(kept[roles == TEST], self.season, self.targets, self.path)),
        )

    @property
    def _rules(self) -> ColumnRules:
        return ColumnRules(self.decimal, self.thousands, self.dates, remedies=("drop",))

    def _sort(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
        """Return the rows in the order of time, and a sentence where they were not.

        Raises:
            ConfigError: a column that is named does not exist, there are no rows, or the times are not in equal steps.
        """
        for setting, names in (("time", (self.time,)), ("target", self.targets), ("drop", self.drop)):
            refuse_absent(f"dataset.{setting}", names, frame.columns, self.path)
        if set(self.targets) & set(self.drop) or self.time in (*self.targets, *self.drop):
            raise ConfigError("dataset.time, dataset.target and dataset.drop must name different columns")
        if len(frame) == 0:
            raise ConfigError(f"{self.path}: the table has no rows")
        where = f"{self.path}: column {self.time!r}"
        times = read_times(frame[self.time], where, self._rules)
        order = np.argsort(times, kind="stable")
        refuse_irregular(times[order], order, where)
        if np.array_equal(order, np.arange(len(order))):
            return frame, []
        return frame.iloc[order].reset_index(drop=True), ["the rows were not in the order of time and were sorted"]

    def _read_columns(self, frame: pd.DataFrame) -> tuple[dict[str, Floats], dict[str, str]]:
        """Return the columns of numbers by name, the target among them, and why others are left out.

        Raises:
            ConfigError: the target does not hold numbers.
        """
        columns: dict[str, Floats] = {}
        numbers = {name: why for name, why in find_row_numbers(frame, self.path).items() if name not in self.targets}
        left_out = {**numbers, self.time: "time", **dict.fromkeys(self.drop, "dataset.drop")}
        for name in frame.columns:
            if name in left_out:
                continue
            rules = replace(self._rules, remedies=()) if name in self.targets else self._rules
            read = read_amounts(frame[name], f"{self.path}: column {name!r}", rules)
            if read is not None:
                columns[name] = read
            elif name in self.targets:
                raise ConfigError(f"dataset.target={escape(name)} is not allowed; the column does not hold numbers")
            else:
                left_out[name] = "not numbers"
        return columns, left_out
