"""Windows of a table in the order of time: what a forecast sees, what it forecasts, and which part each is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regbench.data.cutting import count_rows
from regbench.data.dataset import SplitRule
from regbench.data.records import FREE, TEST, VAL, Floats, Rows
from regbench.data.split_settings import TEST_FRACTION
from regbench.errors import ConfigError


@dataclass(frozen=True)
class Windows:
    """All windows of a table.

    `values` `[C, T]` are as the network sees them; `target` `[K, T]` is NaN where it is not known.
    A window is known by the number of the last row that it sees; it sees `lookback` rows, passes over `gap` and
    forecasts the `horizon` rows after those.
    """

    values: Floats
    target: Floats
    lookback: int
    gap: int
    horizon: int

    def inputs(self, ends: Rows) -> Floats:
        """Return what the windows see, `[N, C, lookback]`."""
        views = np.lib.stride_tricks.sliding_window_view(self.values, self.lookback, axis=1)
        return np.ascontiguousarray(views[:, ends - self.lookback + 1].transpose(1, 0, 2))

    def targets(self, ends: Rows) -> Floats:
        """Return what follows them, `[N, K · horizon]`, one target after the other."""
        found: Floats = self.target[:, ends[:, None] + self._ahead()]
        return found.transpose(1, 0, 2).reshape(len(ends), len(self.target) * self.horizon)

    def list_usable(self, path: str) -> Rows:
        """Return the windows that see no missing value and whose targets are all known.

        Raises:
            ConfigError: there is none.
        """
        last = self.values.shape[1] - self.gap - self.horizon
        ends = np.arange(self.lookback - 1, last)
        known = np.isfinite(self.values).all(axis=0)
        first = int(known.argmax()) if known.any() else last  # filled forward, so all later rows are known too
        ends = ends[ends - self.lookback + 1 >= first]
        ends = ends[np.isfinite(self.targets(ends)).all(axis=1)]
        if len(ends) == 0:
            raise ConfigError(
                f"{path}: {self.values.shape[1]} rows give no window of dataset.lookback={self.lookback}, "
                f"dataset.gap={self.gap} and dataset.horizon={self.horizon} without a missing value"
            )
        return ends

    def describe_naive(self, ends: Rows, season: int | None, names: Sequence[str], path: str) -> Iterator[str]:
        """Yield for each target, by name, the errors of forecasts without training: the last value, and a season ago's.

        Raises:
            ConfigError: a season before the first of these windows there is no row.
        """
        ahead = ends[:, None] + self._ahead()
        for name, past, truth in zip(names, fill_forward(self.target)[0], self.target, strict=True):
            start = f"naive forecast of {name} in the test part"
            yield f"{start}, the last value: {_describe_errors(past[ends][:, None], truth[ahead])}"
            if season is None:
                continue
            before = ahead - season * -(-self._ahead() // season)
            if before.min() < 0 or not np.isfinite(past[before]).all():
                raise ConfigError(
                    f"dataset.season={season} is not allowed; {path} has no row a season before the test part"
                )
            yield f"{start}, the value {season} row(s) before: {_describe_errors(past[before], truth[ahead])}"

    def _ahead(self) -> NDArray[np.int64]:
        """Return how many rows after the last that is seen each forecast lies, `[horizon]`."""
        return self.gap + 1 + np.arange(self.horizon)


def _describe_errors(forecast: Floats, truth: Floats) -> str:
    error = forecast - truth
    return f"mse {np.square(error).mean():.6g}, mae {np.abs(error).mean():.6g}"


def fill_forward(values: Floats) -> tuple[Floats, int]:
    """Return values `[C, T]` with each missing one replaced by the last known before it, and the number of those.

    What lies before the first known value stays missing: a forecast must not see what comes later.
    """
    places = np.where(np.isnan(values), -1, np.arange(values.shape[1]))
    last = np.maximum.accumulate(places, axis=1)
    filled = np.where(last < 0, np.nan, np.take_along_axis(values, np.maximum(last, 0), axis=1))
    return filled, int(np.isnan(values).sum() - np.isnan(filled).sum())


def cut_windows(ends: Rows, rule: SplitRule, reach: int, path: str) -> tuple[Rows, NDArray[np.int8]]:
    """Return the windows that are used, with the part of each: training, then validation, then test.

    `reach - 1` windows between two parts are left out; `reach` is gap + horizon, so the targets of the earlier part end
    with the last row that the first window of the later part sees, at the latest.

    Raises:
        ConfigError: the fractions leave no window for training.
    """
    between = (reach - 1) * (1 + (rule.val > 0))
    used = max(0, len(ends) - between)
    tests = count_rows(TEST_FRACTION if rule.test is None else rule.test, used)
    vals = count_rows(rule.val, used)
    train = used - tests - vals
    if train < 1:
        raise ConfigError(
            f"{path}: {len(ends)} windows leave none for training; {between} between the parts are left out, and "
            f"dataset.split.val={rule.val:g} and the test part take {vals} and {tests}: take a shorter lookback or "
            "horizon"
        )
    start = train + reach - 1 if vals else train
    parts = [ends[:train], ends[start : start + vals], ends[len(ends) - tests :]]
    roles = np.repeat(np.array([FREE, VAL, TEST], dtype=np.int8), [len(part) for part in parts])
    return np.concatenate(parts), roles
