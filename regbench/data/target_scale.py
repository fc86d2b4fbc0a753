"""Unit in which a network learns numbers: each target by itself has mean 0 and deviation 1 over the training rows."""

from __future__ import annotations

import math

from regbench.data.records import Raw, Rows
from regbench.data.weights import measure_weighted
from regbench.errors import ConfigError


def measure_targets(raw: Raw, train: Rows) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of each number to predict over the training rows; 0 and 1 where none are asked for.

    Rows count as much as they weigh.

    Raises:
        ConfigError: a target has one value in all training rows, or its squares are beyond the range of float64.
    """
    columns = raw.y.reshape(len(raw.y), -1).T
    if not raw.standardize_target:
        return (0.0,) * len(columns), (1.0,) * len(columns)
    weights = None if raw.weights is None else raw.weights[train]
    fitted = [measure_weighted(column[train], weights) for column in columns]
    for place, (_, scale) in enumerate(fitted):
        name = f"the target {raw.outputs[place]!r}" if raw.outputs else "the target"
        if scale == 0.0:
            raise ConfigError(
                f"{raw.origin}: {name} cannot be standardised, its deviation over the training rows is {scale:g}"
            )
        if not 0.0 < scale * scale < math.inf:
            size = "large" if scale > 1.0 else "small"
            raise ConfigError(f"{raw.origin}: the values of {name} are too {size} to standardise; rescale it")
    return tuple(mean for mean, _ in fitted), tuple(scale for _, scale in fitted)
