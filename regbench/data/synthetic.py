"""Data sets computed from a seed: the articles' noisy cubic and two-dimensional toys for decision boundaries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regbench.config.fields import Bounds, flag, integer, nested, number, numbers
from regbench.data.dataset import Computed, SplitRule
from regbench.data.records import Floats, Raw
from regbench.errors import ConfigError

SEEDS: Bounds = {"low": 0, "high": 2**32 - 1}
TURNS = 1.5
INNER_RADIUS = 0.1


@dataclass(frozen=True, kw_only=True)
class Polynomial(Computed):
    """The articles' worked example: 30 points of y = 20 x³ - 15 x² + 10 x + 5 + 2 · N(0, 1), x evenly in [0, 1].

    With the defaults it is the published sample and the published split into 24 training and 6 test points: both are
    drawn with seed 42, the noise from NumPy's `RandomState` as `np.random.seed(42)` gives it. The columns x² to x⁸
    are made by the model, not here.
    """

    n: int = integer(30, low=10, high=10**6, help="points")
    noise: float = number(2.0, low=0.0, high=1e6, help="standard deviation of the noise")
    seed: int = integer(42, **SEEDS, help="the draw of the noise")
    coefficients: tuple[float, ...] = numbers((20.0, -15.0, 10.0, 5.0), help="highest power first")
    split: SplitRule = nested(SplitRule(seed=42, val=0.0))
    standardize: bool = flag(False, help="x is in [0, 1] already")
    standardize_target: bool = flag(False, help="target of mean 0 and deviation 1, measured on the training rows")

    def read(self) -> Raw:
        """Return x `[n, 1]`."""
        if not self.coefficients:
            raise ConfigError("dataset.coefficients=[] is not allowed; it takes at least one number")
        x = np.linspace(0.0, 1.0, self.n)
        y = np.polyval(self.coefficients, x) + self.noise * np.random.RandomState(self.seed).randn(self.n)
        return Raw(
            origin="polynomial",
            task="regression",
            layout="table",
            x=x[:, None],
            y=y,
            features=("x",),
            standardize_target=self.standardize_target,
        )


@dataclass(frozen=True, kw_only=True)
class Moons(Computed):
    """Two interleaved half circles of radius 1 with Gaussian noise, 2 classes (scikit-learn's `make_moons`)."""

    n: int = integer(500, low=10, high=10**6, help="points")
    noise: float = number(0.2, low=0.0, high=1e6, help="standard deviation of the noise")
    seed: int = integer(0, **SEEDS, help="the draw of the points")

    def read(self) -> Raw:
        """Return x `[n, 2]`."""
        from sklearn.datasets import make_moons

        x, y = make_moons(n_samples=self.n, noise=self.noise, random_state=self.seed)
        return _toy("moons", x, y, 2)


@dataclass(frozen=True, kw_only=True)
class Circles(Computed):
    """Two circles around 0, of radius 1 and ½, with Gaussian noise, 2 classes (scikit-learn's `make_circles`)."""

    n: int = integer(500, low=10, high=10**6, help="points")
    noise: float = number(0.1, low=0.0, high=1e6, help="standard deviation of the noise")
    seed: int = integer(0, **SEEDS, help="the draw of the points")

    def read(self) -> Raw:
        """Return x `[n, 2]`."""
        from sklearn.datasets import make_circles

        x, y = make_circles(n_samples=self.n, noise=self.noise, random_state=self.seed, factor=0.5)
        return _toy("circles", x, y, 2)


@dataclass(frozen=True, kw_only=True)
class Spirals(Computed):
    """Arms that wind 1.5 times around 0 from radius 0.1 to 1, turned against each other by 2π/arms; a class per arm.

    Point i is on arm a = i mod arms at r = 0.1 + 0.9 u, u ~ U(0, 1), at the angle 2π (1.5 u + a/arms), plus Gaussian
    noise on both coordinates.
    """

    n: int = integer(600, low=10, high=10**6, help="points")
    noise: float = number(0.03, low=0.0, high=1e6, help="standard deviation of the noise")
    seed: int = integer(0, **SEEDS, help="the draw of the points")
    arms: int = integer(2, low=2, high=20, help="arms, which are the classes")

    def read(self) -> Raw:
        """Return x `[n, 2]`."""
        rng = np.random.default_rng(self.seed)
        arm = np.arange(self.n) % self.arms
        along = rng.random(self.n)
        angle = 2.0 * math.pi * (TURNS * along + arm / self.arms)
        radius = INNER_RADIUS + (1.0 - INNER_RADIUS) * along
        x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return _toy("spirals", x + self.noise * rng.standard_normal(x.shape), arm, self.arms)


def _toy(origin: str, x: Floats, y: np.ndarray, classes: int) -> Raw:
    return Raw(
        origin=origin,
        task="classification",
        layout="table",
        x=x.astype(np.float64),
        y=y.astype(np.int64),
        classes=tuple(str(number) for number in range(classes)),
        features=("x1", "x2"),
    )
