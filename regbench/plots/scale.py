"""Axes of a picture: where a value lies, and which round values label it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DRAWABLE = 1e300
"""Values beyond this are not drawn: differences and round steps around them would overflow."""


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic map from values in [low, high] to pixels, with its labelled ticks."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Return the pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def is_drawable(value: float) -> bool:
    """Tell whether a scale can place the value: finite, and not so large that the picture's sums overflow."""
    return abs(value) <= DRAWABLE


def choose_scale(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale that holds drawable values: logarithmic if all are positive and span more than two decades."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low > 0 and math.log10(high) - math.log10(low) > 2:
        return _log_scale(low, high, start, end)
    largest = max(abs(low), abs(high))
    if high - low <= largest * 1e-9:
        margin = largest / 10 if largest > 1 / DRAWABLE else 1.0
        low, high = low - margin, high + margin
    step = nice_step((high - low) / 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple((n * step, _label(n * step, step)) for n in range(first, last + 1))
    return Scale(first * step, last * step, start, end, ticks)


def epoch_scale(epochs: Sequence[int], start: float, end: float) -> Scale:
    """Return a linear scale over whole epochs whose ticks are the first epoch and round ones."""
    first, last = min(epochs, default=1), max(epochs, default=1)
    if first == last:
        return Scale(first - 0.5, last + 0.5, start, end, ((first, str(first)),))
    step = max(1, round(nice_step((last - first) / 8)))
    round_ones = range(-(-first // step) * step, last + 1, step)
    # The first epoch is labelled too, unless a round one stands so close that the labels would touch.
    ticks = [first, *(n for n in round_ones if n > first and n - first >= step / 2)]
    return Scale(first, last, start, end, tuple((n, f"{n:,}") for n in ticks))


def nice_step(rough: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is not below a positive number.

    >>> [nice_step(v) for v in (0.07, 1.0, 1.3, 42.0)]
    [0.1, 1.0, 2.0, 50.0]
    """
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5) if m * power >= rough * (1 - 1e-9)), 10 * power)


def _log_scale(low: float, high: float, start: float, end: float) -> Scale:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    every = math.ceil((last - first + 1) / 8)
    ticks = tuple((10.0**n, _power(n)) for n in range(first, last + 1, every))
    margin = (end - start) * 0.03
    return Scale(low, high, start + margin, end - margin, ticks, log=True)


def _label(value: float, step: float) -> str:
    digits = max(0, -math.floor(math.log10(step)))
    return f"{value:.{digits}f}" if digits <= 8 and abs(value) < 1e6 else f"{value:.3g}"


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -4 <= exponent <= 4 else f"1e{exponent}"
