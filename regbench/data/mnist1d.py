"""MNIST-1D, computed: the published generator re-implemented, equal to it bit for bit at the published settings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regbench.config.fields import flag, integer, nested
from regbench.data.dataset import Computed, SplitRule
from regbench.data.records import Floats, Raw, last_rows_are_test

ROWS, TEST_ROWS, LENGTH = 5000, 1000, 40
MIN_PADDING, MAX_PADDING, MAX_SHIFT = 36, 60, 48
SCALE, SHEAR, CORRELATED_NOISE, INDEPENDENT_NOISE = 0.4, 0.75, 0.25, 0.02
SMOOTHING = 2.0
NOT_ZERO = 1e-8

TEMPLATES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
"""Pen strokes of the ten digits, 12 points each (published constants of the data set)."""


@dataclass(frozen=True, kw_only=True)
class Mnist1d(Computed):
    """MNIST-1D: 5,000 signals of 40 points, 10 classes, the last 1,000 of them the published test part.

    Each signal is a digit's stroke of 12 points, padded, stretched, scaled, shifted round, filled with smooth noise
    where it was padded, disturbed by white noise, sheared and sampled at 40 points. All signals together have mean 0
    and deviation 1, as published. Source: Greydanus 2020, Scaling down Deep Learning (arXiv 2011.14439).
    """

    seed: int = integer(42, low=0, high=2**32 - 1, help="the draw of the signals; 42 is the published set")
    split: SplitRule = nested(SplitRule(val=0.1, test=None))
    standardize: bool = flag(False, help="the published signals have mean 0 and deviation 1 already")

    def read(self) -> Raw:
        """Return x `[5000, 1, 40]`, test rows last."""
        x, y = generate(self.seed)
        return Raw(
            origin="mnist1d",
            task="classification",
            layout="series",
            x=x[:, None, :],
            y=y,
            classes=tuple(str(digit) for digit in range(10)),
            roles=last_rows_are_test(len(y), TEST_ROWS),
        )


def generate(seed: int) -> tuple[Floats, np.ndarray]:
    """Return signals `[5000, 40]` and digits `[5000]` in the published order.

    The order of the draws is part of the definition, so signals are drawn one by one; only the smoothing, which draws
    nothing, is done for all at once.
    """
    from scipy.ndimage import gaussian_filter1d

    rng = np.random.RandomState(seed)
    digits = np.repeat(np.arange(10), ROWS // 10)
    strokes = normalize_strokes()
    drawn = [_draw(strokes[digit], rng) for digit in digits]
    signals, smooth, white, tilt = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
    smooth = gaussian_filter1d(CORRELATED_NOISE * smooth, SMOOTHING, axis=1)
    length = signals.shape[1]
    signals = np.where(signals != 0.0, signals, smooth) + INDEPENDENT_NOISE * white
    signals = signals - SHEAR * tilt[:, None] * np.linspace(-0.5, 0.5, length)
    grid, points = np.linspace(0.0, 1.0, length), np.linspace(0.0, 1.0, LENGTH)
    x = np.stack([np.interp(points, grid, signal) for signal in signals])
    order = rng.permutation(ROWS)
    x, digits = x[order], digits[order]
    return (x - x.mean()) / x.std(), digits


def normalize_strokes() -> Floats:
    """Return the ten strokes `[10, 12]` with mean 0 and deviation 1, moved to start at 0 and divided by 6."""
    strokes = np.array(TEMPLATES, dtype=np.float64)
    strokes -= strokes.mean(axis=1, keepdims=True)
    strokes /= strokes.std(axis=1, keepdims=True)
    strokes -= strokes[:, :1]
    return strokes / 6.0


def _draw(stroke: Floats, rng: np.random.RandomState) -> tuple[Floats, Floats, Floats, float]:
    """Return one stretched and shifted signal, zero where it was padded, its two noises, and its tilt in [-½, ½)."""
    padding = MIN_PADDING + int(rng.rand() * (MAX_PADDING - MIN_PADDING + 1))
    padded = np.concatenate([stroke + NOT_ZERO, np.zeros(padding)])
    length = len(stroke) + MAX_PADDING
    signal = np.interp(np.linspace(0.0, 1.0, length), np.linspace(0.0, 1.0, len(padded)), padded)
    signal = np.roll(signal * (1.0 + SCALE * (rng.rand() - 0.5)), rng.randint(MAX_SHIFT))
    return signal, rng.randn(length), rng.randn(length), rng.rand() - 0.5
