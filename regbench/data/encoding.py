"""The columns of a table as numbers: how each is encoded, fitted on the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regbench.data.records import Categorical, Column, Columns, Floats, Numeric, Rows, Texts
from regbench.data.words import TextColumn, fit_texts
from regbench.errors import ConfigError

MISSING = "(missing)"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers.

    `kind` tells how its cells are read: number, truth (0 and 1), date (days since 1970-01-01) or duration (days).
    `fill` replaces a missing value: the median of the training rows. None: the source has no missing values.
    """

    name: str
    kind: str
    fill: float | None
    written: tuple[str, ...] = ()
    """How texts are read into numbers: ("date", order) or ("number", before, unit, decimal); empty: they are not."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return (self.name,)

    def encode(self, column: Numeric) -> Floats:
        """Return the values `[N, 1]`, missing ones filled."""
        filled: Floats = np.where(
            np.isnan(column.values), self.fill if self.fill is not None else np.nan, column.values
        )
        return filled[:, None]


@dataclass(frozen=True)
class CategoryColumn:
    """A column of names: one column of 0 and 1 for each name of the training rows, sorted.

    `missing` tells whether a missing value is one of these names; it is then the last.
    """

    name: str
    levels: tuple[str, ...]
    missing: bool

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the encoded columns."""
        return tuple(f"{self.name}={level}" for level in (*self.levels, *([MISSING] if self.missing else [])))

    def find_levels(self, column: Categorical) -> NDArray[np.int64]:
        """Return the number `[N]` of each row's level, len(levels) for missing; -1 where training had none such."""
        numbers = {level: number for number, level in enumerate(self.levels)}
        known = [numbers.get(level, -1) for level in column.levels]
        # The last entry is what code -1, a missing value, selects.
        return np.array([*known, len(self.levels) if self.missing else -1], dtype=np.int64)[column.codes]

    def encode(self, column: Categorical) -> Floats:
        """Return 0 and 1 `[N, L]`; a row of an unseen level is 0 everywhere."""
        marks: NDArray[np.bool_] = self.find_levels(column)[:, None] == np.arange(len(self.features))[None, :]
        return marks.astype(np.float64)


Encoding: TypeAlias = NumberColumn | CategoryColumn | TextColumn
Encodings: TypeAlias = tuple[Encoding, ...]


def fit_encodings(columns: Columns, train: Rows, origin: str) -> Encodings:
    """Fit the encoding of each column on the training rows.

    Raises:
        ConfigError: a column has no value in any training row.
    """
    return tuple(_fit_column(column, train, origin) for column in columns)


def encode(encodings: Encodings, columns: Columns) -> Floats:
    """Return columns, given in the order of their encodings, as numbers `[N, D]`."""
    return np.concatenate([encode_column(*pair) for pair in zip(encodings, columns, strict=True)], axis=1)


def encode_column(encoding: Encoding, column: Column) -> Floats:
    """Return one column as numbers `[N, columns]`."""
    if isinstance(encoding, NumberColumn):
        assert isinstance(column, Numeric)
        return encoding.encode(column)
    if isinstance(encoding, TextColumn):
        assert isinstance(column, Texts)
        return encoding.encode(column)
    assert isinstance(column, Categorical)
    return encoding.encode(column)


def _fit_column(column: Column, train: Rows, origin: str) -> Encoding:
    if isinstance(column, Numeric):
        return _fit_number(column, train, origin)
    if isinstance(column, Texts):
        return fit_texts(column, train, origin)
    return _fit_category(column, train)


def _fit_number(column: Numeric, train: Rows, origin: str) -> NumberColumn:
    known = column.values[train]
    known = known[~np.isnan(known)]
    if len(known) == 0:
        raise ConfigError(
            f"{origin}: column {column.name!r} has no value in the training rows; drop it with dataset.drop"
        )
    return NumberColumn(column.name, column.kind, float(np.median(known, overwrite_input=True)), column.written)


def _fit_category(column: Categorical, train: Rows) -> CategoryColumn:
    seen = np.unique(column.codes[train])
    return CategoryColumn(column.name, tuple(column.levels[code] for code in seen if code >= 0), bool((seen < 0).any()))
