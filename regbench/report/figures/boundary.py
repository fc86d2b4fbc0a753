"""Figure 11: which class networks of two inputs predict where."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.errors import RegbenchError
from regbench.report.palette import INK, RASTER
from regbench.report.picture import MOST_ARMS, Panel, Picture
from regbench.report.study_data import StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_list, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (250.0, 236.0)
RESOLUTION = 110
MOST_POINTS = 250
MARKERS = "osD^vPX"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Boundary:
    """Probabilities `[G, G, C]` over a grid of the two inputs, and some rows of the data with their classes."""

    name: str
    x: Floats
    y: Floats
    probabilities: Floats
    points: Floats
    classes: NDArray[np.int64]
    names: tuple[str, ...]
    arm: int | None = None


def draw_study_boundaries(study: StudyData) -> Picture | None:
    """Return the boundary of the median run of each arm; None unless the data have two inputs and networks are "
    "there."""
    if read_list(study.plan, "data", "input_shape") != [2] or study.plan.get("data") is None:
        return None
    folders = [(study.median_folder(arm.name), arm) for arm in study.arms[:MOST_ARMS]]
    found = [b for folder, arm in folders if folder is not None and (b := read_boundary(folder, arm.shown, arm.number))]
    if not found:
        return None
    drawn = draw_boundaries(found)
    few = f" Of {len(study.arms)} arms the baseline and the {MOST_ARMS - 1} with the largest differences are drawn."
    return replace(drawn, caption=drawn.caption + few) if len(study.arms) > MOST_ARMS else drawn


def read_boundary(folder: Path, name: str, arm: int | None = None) -> Boundary | None:
    """Return what a run's network predicts where; None unless it classifies rows of two numbers and can be loaded."""
    from regbench.runs.load_model import load_model
    from regbench.runs.saved_config import read_config

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = load_model(folder)
            fitted = model.preprocessing
            if fitted.shape != (2,) or not fitted.takes_arrays or not model.classes:
                return None
            points, classes = _read_points(read_config(folder).dataset)
            x, y = _choose_region(points, fitted.mean, fitted.deviation)
            grid = np.stack(np.meshgrid(x, y), -1)
            told = model.finish(model.evaluate_rows(grid.reshape(-1, 2))).detach().numpy().astype(np.float64)
    except (RegbenchError, OSError, ValueError, RuntimeError):
        return None  # a picture that cannot be drawn takes nothing from the rest
    probabilities = told.reshape(len(y), len(x), -1)
    return Boundary(name, x, y, probabilities, points, classes, model.classes, arm)


def draw_boundaries(found: Sequence[Boundary]) -> Picture:
    """Return the panels of some networks."""
    panels = []
    for place, boundary in enumerate(found):
        sentence = f"Regions of {len(boundary.names)} classes over the two inputs, and {len(boundary.points)} rows."
        svg = render(f"f11n{place}", f"Boundary of {boundary.name}", sentence, SIZE, partial(_paint, boundary=boundary))
        panels.append(Panel(svg, boundary.arm, boundary.name))
    return Picture(
        key="f11",
        title="Decision boundaries",
        caption=(
            "The class that a typical run predicts at each place, the stronger the colour the surer, with rows of "
            "the data (all parts; a shape a class). A boundary that winds around single rows has learned their "
            "noise; one that is smooth and still parts the classes generalises. Pale regions: the network does not "
            "know."
        ),
        panels=tuple(panels),
        wide=len(found) > 2,
    )


def _read_points(dataset: object) -> tuple[Floats, NDArray[np.int64]]:
    """Return some rows of the data as they are read, `[N, 2]`, with their classes; none where they cannot be read."""
    from regbench.data.loading import build_dataset
    from regbench.data.records import Numeric

    nothing = (np.empty((0, 2)), np.empty(0, dtype=np.int64))
    try:
        raw = build_dataset(dataset).read()  # type: ignore[arg-type]
        if isinstance(raw.x, np.ndarray):
            x = raw.x.astype(np.float64) / raw.divisor
        else:
            x = np.stack([column.values for column in raw.x if isinstance(column, Numeric)], 1)
        classes = np.asarray(raw.y).astype(np.int64)
    except (RegbenchError, OSError, ValueError):
        return nothing
    if x.shape != (len(classes), 2):
        return nothing
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).astype(np.int64))
    return x[kept], classes[kept]


def _choose_region(points: Floats, mean: Sequence[float], deviation: Sequence[float]) -> tuple[Floats, Floats]:
    """Return the grid's coordinates along both inputs: around the rows, else around the training rows' mean."""
    if len(points):
        low, high = points.min(0), points.max(0)
    else:
        centre, spread = (np.array(v) if len(v) == 2 else np.array(d) for v, d in ((mean, (0, 0)), (deviation, (1, 1))))
        low, high = centre - 2.5 * spread, centre + 2.5 * spread
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    x, y = (np.linspace(low[k] - margin[k], high[k] + margin[k], RESOLUTION) for k in (0, 1))
    return x, y


def _paint(figure: Figure, boundary: Boundary) -> None:
    axes = add_axes(figure, 34, 28, 8, 24)
    tidy_axes(axes, "none")
    extent = (boundary.x[0], boundary.x[-1], boundary.y[0], boundary.y[-1])
    axes.imshow(_colour(boundary.probabilities), origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    if boundary.probabilities.shape[2] == 2:
        apart = boundary.probabilities[..., 1] - 0.5
        if apart.min() < 0 < apart.max():
            axes.contour(boundary.x, boundary.y, apart, levels=[0.0], colors=[INK], linewidths=1.4)
    for number in np.unique(boundary.classes):
        _paint_points(axes, boundary.points[boundary.classes == number], int(number))
    axes.set_xlim(boundary.x[0], boundary.x[-1])
    axes.set_ylim(boundary.y[0], boundary.y[-1])
    axes.locator_params(nbins=5)
    axes.tick_params(labelsize=FONT - 2)
    figure.text(4 / SIZE[0], 1 - 15 / SIZE[1], shorten(boundary.name, 32), fontsize=FONT, weight="bold")


def _paint_points(axes: Axes, points: Floats, number: int) -> None:
    colour = np.array(RASTER[number % len(RASTER)]) / 255
    marker = MARKERS[number % len(MARKERS)]
    axes.plot(*points.T, marker, color=tuple(colour), ms=2.8, mew=0.4, mec=INK, alpha=0.8)


def _colour(probabilities: Floats) -> NDArray[np.uint8]:
    """Return a picture `[G, G, 4]`: the colour of the likeliest class, the surer the less transparent."""
    count = probabilities.shape[2]
    best, sure = probabilities.argmax(2), (probabilities.max(2) - 1 / count) / (1 - 1 / count)
    colours = np.array(RASTER, dtype=np.uint8)[best % len(RASTER)]
    steps = np.round(np.clip(sure, 0, 1) * 16) / 16  # few shades make a small file
    alpha = (20 + 110 * steps).astype(np.uint8)
    return np.concatenate([colours, alpha[..., None]], axis=2)
