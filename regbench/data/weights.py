"""Weights of rows: how much each counts in losses and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.data.columns import ColumnRules, read_numbers, read_texts
from regbench.data.records import Floats, Rows
from regbench.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("training", "validation", "test")


def read_weights(column: pd.Series[Any], path: str, rules: ColumnRules | None = None) -> Floats:
    """Return a column of weights `[N]`.

    Args:
        column: the column.
        path: what messages call its table.
        rules: what the person says of columns of texts.

    Raises:
        ConfigError: a cell is not a finite number, or is negative.
    """
    where = f"{path}: column {column.name!r}"
    numeric = read_numbers(column)
    if numeric is None:
        numeric = read_texts(column, where, rules or ColumnRules(), "; or take another column for dataset.weight")
    if numeric is None or numeric.kind not in ("number", "truth"):
        raise ConfigError(f"{where} holds no numbers; dataset.weight takes a column of numbers that are at least 0")
    check_weights(numeric.values, where)
    return numeric.values


def check_weights(weights: Floats, where: str) -> None:
    """Refuse weights `[N]` that are missing, infinite or negative; `where` is what messages call them.

    Raises:
        ConfigError: names the first such row, counted from 1.
    """
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(wrong):
        value = weights[wrong[0]]
        said = "is missing" if np.isnan(value) else f"is {value:g}"
        raise ConfigError(f"{where}, row {wrong[0] + 1}: the weight {said}; it must be a finite number, at least 0")


def scale_weights(weights: Floats, parts: Sequence[Rows], origin: str) -> Floats:
    """Return weights `[N]` whose mean over the training rows is 1; `parts` are those, validation and test.

    Raises:
        ConfigError: all rows of a part weigh 0: it has no mean.
    """
    for rows, name in zip(parts, PARTS, strict=True):
        if len(rows) and not weights[rows].any():
            raise ConfigError(
                f"{origin}: every {name} row has weight 0, so that none counts; correct the weights, or take another "
                "dataset.split.seed"
            )
    relative = weights / weights[parts[0]].max()  # a sum of weights near the largest float64 would overflow
    scaled: Floats = relative / relative[parts[0]].mean()
    return scaled


def measure_weighted(values: Floats, weights: Floats | None) -> tuple[float, float]:
    """Return mean and population deviation of values `[N]`, each of which counts as much as its row weighs.

    A row of weight 2 counts as the same row twice, and one of weight 0 not at all; None: all count the same. They are
    measured in units of a power of 2 near the largest, which changes no digit: no square overflows or vanishes.
    """
    if weights is not None:
        values, weights = values[weights > 0.0], weights[weights > 0.0]
    exponent = np.frexp(np.abs(values).max())[1]
    small = np.ldexp(values, -exponent)
    if weights is None:
        mean, deviation = small.mean(), small.std()
    else:
        mean = np.average(small, weights=weights)
        deviation = np.sqrt(np.average(np.square(small - mean), weights=weights))
    if values.max() == values.min():  # the rounded mean of equal values may differ from them
        deviation = 0.0
    return float(np.ldexp(mean, exponent)), float(np.ldexp(deviation, exponent))
