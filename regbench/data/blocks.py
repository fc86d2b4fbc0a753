"""Prepared rows, a piece at a time: computed in float64, kept once, in the type that the run trains in.

A piece holds so many values that data of ordinary size are one piece.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from regbench.data.encoding import Encodings, encode_column
from regbench.data.preprocessing import Preprocessing
from regbench.data.records import Column, Columns, Floats, Numbers, Rows
from regbench.errors import ConfigError

PIECE = 1 << 21
"""Values of a piece: 16 MiB in float64."""

CACHED = 1 << 16
"""Values of a piece whose sums nobody takes: few, so that all steps find them in the processor's cache."""

LARGEST = float(np.finfo(np.float32).max)

ReadRows: TypeAlias = Callable[[Rows], Floats]
"""Returns rows, by number, as float64 `[n, *shape]`."""


@dataclass(frozen=True)
class Divided:
    """An array of a source and the number by which its values are to be divided."""

    x: Numbers
    divisor: float

    def take(self, rows: Rows) -> Floats:
        """Return some rows as float64."""
        taken: Floats = self.x[rows].astype(np.float64, copy=False)
        return taken if self.divisor == 1.0 else taken / self.divisor


@dataclass(frozen=True)
class Encoded:
    """Columns of a source and how they are encoded."""

    columns: Columns
    encodings: Encodings

    def take(self, rows: Rows) -> Floats:
        """Return some rows as float64 `[n, D]`, one column after the other."""
        taken = np.empty((len(rows), sum(len(encoding.features) for encoding in self.encodings)))
        start = 0
        for encoding, column in zip(self.encodings, self.columns, strict=True):
            end = start + len(encoding.features)
            taken[:, start:end] = encode_column(encoding, column.take(rows))
            start = end
        return taken


def pieces(rows: Rows, width: int, values: int = PIECE) -> Iterator[Rows]:
    """Yield row numbers a piece of so many values at a time, where each row has `width` of them."""
    size = max(1, values // max(1, width))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def measure_spread(
    read: ReadRows, rows: Rows, shape: tuple[int, ...], weights: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return mean and deviation of each column of `[N, D]`, or channel of `[N, C, ...]`, over some rows.

    A row counts as much as it weighs; `weights` are those of all rows of the source, None where all weigh the same.
    The deviation is the population's (divisor N): not finite where the variance overflows, and 0 for what is constant.
    Two passes: the squares of deviations from the mean lose nothing where the mean is large.
    """
    axes = (0, *range(2, len(shape) + 1))
    rows = rows if weights is None else rows[weights[rows] > 0.0]
    total = len(rows) if weights is None else float(weights[rows].sum())
    count, width = total * math.prod(shape[1:]), math.prod(shape)

    def weigh(values: Floats, piece: Rows) -> Floats:
        return values if weights is None else values * weights[piece].reshape(-1, *(1,) * len(shape))

    with np.errstate(over="ignore", invalid="ignore"):
        mean = _add(np.add.reduce(weigh(read(piece), piece), axes) for piece in pieces(rows, width)) / count
        centre = mean.reshape(-1, *(1,) * (len(shape) - 1))
        squares = _add(
            np.add.reduce(weigh(_square_deviations(read(piece), centre), piece), axes) for piece in pieces(rows, width)
        )
        deviation = np.sqrt(squares / count)
    # The rounded mean of equal values may differ from them, so that their computed deviation need not be 0.
    first = read(rows[:1]).reshape(shape[0], -1)[:, 0].reshape(centre.shape)
    varied = np.zeros(mean.shape, dtype=np.bool_)
    for piece in pieces(rows, width):
        if varied.all():
            break
        varied |= np.logical_or.reduce(read(piece) != first, axes)
    return mean, np.where(varied, deviation, 0.0)


def prepare_array(array: Divided, fitted: Preprocessing, rows: Rows, dtype: DTypeLike, origin: str) -> Floats:
    """Return some rows `[n, *shape]` of an array, standardised.

    Raises:
        ConfigError: a value is beyond the range of float32.
    """
    filled = np.empty((len(rows), *fitted.shape), dtype)
    _fill(filled, rows, lambda piece: fitted.standardise(array.take(piece)), fitted.features, origin)
    return filled


def prepare_columns(
    columns: list[Column], fitted: Preprocessing, parts: Sequence[Rows], dtype: DTypeLike, origin: str
) -> list[Floats]:
    """Return the rows `[n, D]` of each part, the columns encoded and standardised.

    `columns` is empty afterwards: each column is let go once it is prepared, so that large data never lie in memory
    whole in both forms.

    Raises:
        ConfigError: a value is beyond the range of float32.
    """
    prepared: list[list[Floats]] = [[] for _ in parts]
    start = 0
    for encoding in fitted.columns:
        source = Encoded([columns.pop(0)], (encoding,))
        own = slice(start, start + len(encoding.features))
        read = partial(_read_standardised, source, fitted, own)
        for part, rows in zip(prepared, parts, strict=True):
            part.append(np.empty((len(rows), len(encoding.features)), dtype))
            _fill(part[-1], rows, read, encoding.features, origin)
        del source, read
        start = own.stop
    return [_join(part) for part in prepared]


def refuse_too_large(values: Floats, features: Sequence[str], what: str, rows: Rows | None = None) -> None:
    """Refuse prepared values `[n, ...]` beyond the range of float32, naming the row (from 1) and the column, if any.

    Args:
        values: the values.
        features: names of the columns, where they are a table's.
        what: what messages call them.
        rows: numbers of their rows in the source; None: they are all of it.
    """
    if values.size == 0 or max(values.max(), -values.min()) <= LARGEST:
        return
    place = tuple(int(axis) for axis in np.argwhere(~(np.abs(values) <= LARGEST))[0])
    row = place[0] if rows is None else int(rows[place[0]])
    column = f", column {features[place[1]]!r}" if features else "".join(f", {axis}" for axis in place[1:])
    raise ConfigError(
        f"{what}, row {row + 1}{column}: {values[place]:.3g} is too large; "
        f"once prepared, a value may be {LARGEST:.2g} at most: rescale it"
    )


def _square_deviations(values: Floats, centre: Floats) -> Floats:
    """Return the squares of values less their centre, written over the values: a piece is large."""
    np.subtract(values, centre, out=values)
    return np.square(values, out=values)


def _add(parts: Iterator[Floats]) -> Floats:
    total = next(parts)
    for part in parts:
        total = total + part
    return total


def _read_standardised(source: Encoded, fitted: Preprocessing, own: slice, rows: Rows) -> Floats:
    return fitted.standardise(source.take(rows), own)


def _fill(filled: Floats, rows: Rows, read: ReadRows, features: Sequence[str], origin: str) -> None:
    """Write rows into an array of their number, a piece at a time."""
    start = 0
    for piece in pieces(rows, math.prod(filled.shape[1:]), CACHED):
        values = read(piece)
        refuse_too_large(values, features, origin, piece)
        filled[start : start + len(piece)] = values
        start += len(piece)


def _join(columns: list[Floats]) -> Floats:
    """Return columns side by side, each let go once it is copied."""
    if len(columns) == 1:
        return columns[0]
    joined = np.empty((len(columns[0]), sum(column.shape[1] for column in columns)), columns[0].dtype)
    start = 0
    while columns:
        column = columns.pop(0)
        joined[:, start : start + column.shape[1]] = column
        start += column.shape[1]
    return joined
