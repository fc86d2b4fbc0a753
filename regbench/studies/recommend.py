"""The settings recommended for an arm, and how its figure depends on each coordinate.

A Gaussian process is fitted to all validation figures of the arm, over all replicates: Matérn 5/2 with a length for
each coordinate, and noise. Recommended is the tried point with the best posterior mean (of those whose run did not
go bad): its neighbours in all replicates speak for it, where a replicate's winner owes much to luck.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from regbench.evidence.arrays import Floats, Integers

EDGE = 0.05
"""Share of a coordinate's range at either end that counts as its edge."""

PLACES = 41
"""Places of a response curve."""

MOST_FITTED = 400
"""Points whose likelihood chooses the lengths and the noise; the posterior is that of all points."""

STEPS = 60
"""Steps of the search for lengths and noise."""

FAR = 1.5
"""Figures this many quartile ranges below the lower quartile are raised to there (Tukey's fence): how bad a bad run is
tells little."""

CONSTANT = 1e-12
"""Figures whose standard deviation is below this share of their size vary by rounding alone."""

LENGTHS, SIGNAL, NOISE = (0.1, 30.0), (0.05, 20.0), (1e-3, 5.0)
"""Bounds of the lengths (1 is the whole range), and of both variances, in variances of the figures."""

BAND = 1.96


@dataclass(frozen=True)
class Curve:
    """The figure along one coordinate, the others as recommended, less the mean at the recommended point; `[41]` each.

    `x` are shares of the range, `low` and `high` the 95 % band.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Recommendation:
    """The place of the recommended point among those tried, its coordinates at the edge, a curve for each."""

    place: int
    at_edge: tuple[int, ...]
    curves: tuple[Curve, ...]


def recommend(points: Floats, values: Floats, replicate: Integers, coordinates: int | None = None) -> Recommendation:
    """Return the recommended one of the points that an arm tried.

    Args:
        points: shares of the ranges `[n, d]`; columns after the coordinates are choices, one-hot.
        values: validation figures `[n]`, larger is better; one that is not finite counts as the worst of its replicate.
        replicate: number of the replicate of each `[n]`; figures are compared with those of their own.
        coordinates: how many columns are coordinates; None for all.

    Raises:
        ValueError: there is no point.
    """
    if not len(points):
        raise ValueError("there is no point to recommend")
    count = points.shape[1] if coordinates is None else coordinates
    figures = _centre(values, replicate)
    known, trained = np.flatnonzero(~np.isnan(figures)), np.flatnonzero(np.isfinite(values))
    scale = float(figures[known].std()) if len(known) else 0.0
    if not scale > CONSTANT * float(np.abs(values[trained]).max(initial=1.0)):
        return _recommend_middle(points, count)
    posterior = _fit(points[known], figures[known] / scale)
    best = int(trained[np.argmax(posterior.predict(points[trained]))])
    curves = tuple(_draw_curve(posterior, points[best], column, scale) for column in range(count))
    return Recommendation(best, _list_edges(points[best, :count]), curves)


def _centre(values: Floats, replicate: Integers) -> Floats:
    """Return the figures less the mean of their replicate, none far below the others.

    NaN in a replicate in which every run went bad: there is nothing to compare them with.
    """
    finite = np.isfinite(values)
    owned = [own for number in np.unique(replicate) if finite[own := replicate == number].any()]
    figures = np.full(values.shape, np.nan)
    for own in owned:
        filled = np.where(finite[own], values[own], values[own & finite].min())
        figures[own] = filled - np.median(filled)
    if owned:
        low, high = np.nanquantile(figures, (0.25, 0.75))
        figures = np.maximum(figures, low - FAR * (high - low)) if high > low else figures
    for own in owned:
        figures[own] -= figures[own].mean()
    return figures


def _fit(points: Floats, figures: Floats) -> Any:
    """Return the posterior of the noiseless figure: lengths and variances by maximum likelihood, from two starts."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from threadpoolctl import threadpool_limits

    some = np.unique(np.linspace(0, len(points) - 1, MOST_FITTED).round().astype(np.int64))
    # One thread: sums are then rounded the same on any number of processors, and such small matrices lose nothing.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # lengths at their bounds, of coordinates that do not matter
        fits = []
        for length, noise in ((0.3, 0.2), (1.0, 1.0)):
            signal = ConstantKernel(1.0, SIGNAL) * Matern(np.full(points.shape[1], length), LENGTHS, nu=2.5)
            kernel = signal + WhiteKernel(noise, NOISE)
            fits.append(GaussianProcessRegressor(kernel, optimizer=_climb).fit(points[some], figures[some]))
        found = max(fits, key=lambda fit: fit.log_marginal_likelihood_value_).kernel_
        posterior = GaussianProcessRegressor(found.k1, alpha=found.k2.noise_level, optimizer=None)
        return posterior.fit(points, figures)


def _climb(objective: Any, start: Floats, bounds: Floats) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    found = minimize(objective, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": STEPS})
    return found.x, found.fun


def _draw_curve(posterior: Any, best: Floats, column: int, scale: float) -> Curve:
    x = np.linspace(0.0, 1.0, PLACES)
    along = np.tile(best, (PLACES + 1, 1))
    along[:PLACES, column] = x
    mean, spread = posterior.predict(along, return_std=True)
    mean, half = scale * (mean[:PLACES] - mean[PLACES]), BAND * scale * spread[:PLACES]
    return Curve(x, mean, mean - half, mean + half)


def _list_edges(point: Floats) -> tuple[int, ...]:
    return tuple(np.flatnonzero((point <= EDGE) | (point >= 1 - EDGE)).tolist())


def _recommend_middle(points: Floats, count: int) -> Recommendation:
    """Return the point nearest to the middle of all ranges, where every figure is the same; its curves are flat."""
    best = int(np.argmin(np.square(points[:, :count] - 0.5).sum(axis=1)))
    flat = np.zeros(PLACES)
    curve = Curve(np.linspace(0.0, 1.0, PLACES), flat, flat, flat)
    return Recommendation(best, _list_edges(points[best, :count]), (curve,) * count)
