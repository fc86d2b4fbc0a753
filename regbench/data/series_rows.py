"""Series as a file has them, of any lengths and with gaps, and the array that they become."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regbench.data.lines import read_number, show
from regbench.data.memory import refuse_too_big
from regbench.data.records import Floats
from regbench.errors import ConfigError

LENGTHS = ("refuse", "pad", "resample")
Channels: TypeAlias = list[Floats]


@dataclass(frozen=True, kw_only=True)
class SeriesRows:
    """The series of one file.

    `rows[i][c]` is channel c of series i, float64 `[L]`, NaN where a value is missing; `places` says for messages where
    each series stands (`line 12`). `targets` are `[N]` texts or numbers; `task` is what the file says of them, `infer`
    where it says nothing; it is empty, and there are no targets, where the file has none. `left_out` are columns of a
    table that are no values, with the reason.
    """

    rows: list[Channels]
    places: list[str]
    targets: NDArray[Any]
    task: str = "infer"
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_values(fields: Sequence[str], where: str) -> Floats:
    """Return numbers `[L]` from their texts, NaN for `?` and `NaN`.

    Raises:
        ConfigError: a text is neither; `where` is what the message calls the place.
    """
    if "_" not in "".join(fields):  # Python reads 1_0 as a number
        try:
            plain = np.array([*map(float, fields)])
        except ValueError:
            plain = np.array([np.inf])
        if not np.isinf(plain).any():
            return plain
    numbers = [np.nan if cell.strip() == "?" else read_number(cell) for cell in fields]
    for cell, number in zip(fields, numbers, strict=True):
        if number is None:
            raise ConfigError(f"{where}: {show(cell)} is not a finite number, and not ? for a missing one")
    return np.array(numbers, dtype=np.float64)


def drop_missing_end(channels: Channels) -> Channels:
    """Return the channels without the missing values at their ends: files of equal rows fill up short series so."""
    known = [np.flatnonzero(~np.isnan(values)) for values in channels]
    return [values[: places[-1] + 1] if len(places) else values for values, places in zip(channels, known, strict=True)]


def fill_missing(found: SeriesRows, path: str) -> tuple[list[Channels], int]:
    """Return the series with their missing values filled, and the number of those.

    A value inside a series lies on the line between its neighbours; one before the first or after the last known value
    is equal to that.

    Raises:
        ConfigError: a channel has no value at all, or the series differ in their number of channels.
    """
    filled, count = [], 0
    for channels, place in zip(found.rows, found.places, strict=True):
        if len(channels) != len(found.rows[0]):
            raise ConfigError(
                f"{path}: {place}: the series has {len(channels)} channel(s), the first has {len(found.rows[0])}"
            )
        filled.append([_interpolate(values, f"{path}: {place}") for values in channels])
        count += sum(int(np.isnan(values).sum()) for values in channels)
    return filled, count


def _interpolate(values: Floats, where: str) -> Floats:
    missing = np.isnan(values)
    if missing.all():
        raise ConfigError(f"{where}: a channel of the series has no value; leave the series out")
    if not missing.any():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[~missing], values[~missing])


def make_array(
    found: SeriesRows, path: str, how: str, shape: tuple[int, int] | None = None
) -> tuple[Floats, tuple[str, ...]]:
    """Return the series as `[N, C, L]`, and sentences on what was done to them.

    Args:
        found: the series of a file.
        path: what messages call the file.
        how: `refuse` takes series of one length only, `pad` repeats the last value of a short series and cuts a long
            one, `resample` interpolates to L values.
        shape: C and L of the training series; None: these are the training series, L is the length of the longest.

    Raises:
        ConfigError: lengths or numbers of channels differ, a channel has no value, or memory does not hold the array.
    """
    rows, filled = fill_missing(found, path)
    lengths = [len(values) for channels in rows for values in channels]
    channels, length = (len(rows[0]), max(lengths)) if shape is None else shape
    if len(rows[0]) != channels:
        raise ConfigError(f"{path}: the series have {len(rows[0])} channel(s), those of training {channels}")
    if how == "refuse":
        _refuse_lengths(rows, found.places, lengths[0] if shape is None else length, path)
    refuse_too_big((len(rows), channels, length), path, "take fewer or shorter series")
    fit = _pad if how == "pad" else _resample
    x = np.stack([np.stack([fit(values, length) for values in channels]) for channels in rows])
    notes = [f"{path}: {filled} missing value(s) were filled along the line between their neighbours"] * (filled > 0)
    if set(lengths) != {length}:
        done = "short ones repeat their last value, long ones are cut" if how == "pad" else "all are resampled"
        notes.append(f"{path}: series of {min(lengths)} to {max(lengths)} values are made {length} long: {done}")
    return x, tuple(notes)


def _pad(values: Floats, length: int) -> Floats:
    return np.pad(values[:length], (0, max(0, length - len(values))), mode="edge")


def _resample(values: Floats, length: int) -> Floats:
    if len(values) == length:
        return values
    return np.interp(np.linspace(0.0, 1.0, length), np.linspace(0.0, 1.0, len(values)), values)


def _refuse_lengths(rows: list[Channels], places: list[str], length: int, path: str) -> None:
    """Refuse the first series that is not of this length, and name the setting that takes it."""
    for channels, place in zip(rows, places, strict=True):
        for values in channels:
            if len(values) != length:
                raise ConfigError(
                    f"{path}: {place}: the series has {len(values)} values, the first one has {length}; "
                    "dataset.lengths=pad repeats the last value of short ones, dataset.lengths=resample stretches them"
                )
