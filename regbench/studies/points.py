"""Points of a study's search: one scrambled Sobol sequence, and the settings that its points stand for.

The sequence runs on from replicate to replicate: with T trials, trial t of replicate r is point r T + t for every arm.
An arm takes a column for each coordinate from the first on, so that all arms try the same learning rates, and one for
each group of choices from the last back. Choices by column, and not by the number of the point modulo their count: the
first digits of a Sobol point depend on the last bits of its number, and with four choices each would see but one half
of the learning rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from regbench.evidence.arrays import Floats
from regbench.studies.spaces import MOST, Coordinate, Space

DIGITS = 6
"""Significant digits of a tried value: overrides stay short, and what is written is exactly what is trained."""

Groups: TypeAlias = Sequence[tuple[str, Sequence[object]]]


def draw_points(seed: int, dims: int, start: int, count: int) -> Floats:
    """Return points `start` .. `start + count - 1` of the sequence of a seed, its first columns `[count, dims]`.

    Raises:
        ValueError: more columns than the sequence has.
    """
    if dims > MOST:
        raise ValueError(f"{dims} coordinates are too many; the sequence has {MOST}")
    from scipy.stats import qmc

    # From the start, and a power of two of them: scipy warns of any other number. A study has few thousand points.
    total = 1 << max(start + count - 1, 0).bit_length()
    points = qmc.Sobol(d=MOST, scramble=True, rng=seed).random(total)
    return np.ascontiguousarray(points[start : start + count, :dims], dtype=np.float64)


def place(share: float, coordinate: Coordinate) -> float:
    """Return the value at a share of a coordinate's range, rounded to 6 significant digits, inside the range."""
    low, high = coordinate.low, coordinate.high
    if coordinate.log:
        value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
    else:
        value = low + share * (high - low)
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)


def locate(value: float, coordinate: Coordinate) -> float:
    """Return the share of a coordinate's range at which a value lies, in [0, 1]; the inverse of `place`."""
    low, high = coordinate.low, coordinate.high
    if coordinate.log:
        low, high, value = math.log(low), math.log(high), math.log(max(value, low))
    return min(max((value - low) / (high - low), 0.0), 1.0)


def assign_groups(groups: Groups, point: Floats) -> dict[str, object]:
    """Return the choices of a point `[16]` of the sequence by key; choices are spread evenly over points and ranges.

    The last group takes the last column: what all arms search (the batch size) stands last and is the same for all.
    """
    shares = point[len(point) - len(groups) :].tolist()
    return {key: choices[int(share * len(choices))] for (key, choices), share in zip(groups, shares, strict=True)}


def settle(space: Space, point: Floats) -> dict[str, object]:
    """Return the settings of one trial by full key, of a point with all columns `[16]`.

    A sampler that proposes coordinates puts them in place of the point's first columns.
    """
    shares = point[: len(space.coordinates)].tolist()
    values = {c.key: place(share, c) for c, share in zip(space.coordinates, shares, strict=True)}
    return values | assign_groups(space.groups, point)


def encode_settings(space: Space, settings: Sequence[dict[str, object]]) -> Floats:
    """Return settings as points `[n, d + choices]`: shares of the ranges, then a 0 or 1 for each choice of a group."""
    return np.array([_encode(space, values) for values in settings], dtype=np.float64).reshape(len(settings), -1)


def _encode(space: Space, values: dict[str, object]) -> list[float]:
    shares = [locate(float(str(values[c.key])), c) for c in space.coordinates]
    return shares + [float(values[key] == choice) for key, choices in space.groups for choice in choices]
