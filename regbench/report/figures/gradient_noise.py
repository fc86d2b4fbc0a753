"""Figure 13: how the noise of `gradient_noise` falls with the updates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regbench.report.labels import spread
from regbench.report.palette import BLUE, INK, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import StudyData
from regbench.report.svg import FONT, POINTS, add_axes, render, tidy_axes
from regbench.report.wording import read_mapping, read_number, write_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "gradient_noise"
SIZE = (560.0, 300.0)
PUBLISHED = ((0.01, 0.55), (0.3, 0.55), (1.0, 0.55))
Curve = tuple[str, float, float, bool]


def draw_gradient_noise(study: StudyData) -> Picture | None:
    """Return the annealing curves, of the settings published and recommended here; None without the technique."""
    arm = next((arm for arm in study.arms if NAME in arm.members), None)
    if arm is None:
        return None
    values = read_mapping(arm.facts, "recommended", "values")
    own = tuple(read_number(values, f"regularizer.{NAME}.{key}") for key in ("eta", "gamma"))
    gamma = own[1] if math.isfinite(own[1]) else PUBLISHED[0][1]
    mine = [(own[0], gamma, True)] if math.isfinite(own[0]) else []
    curves: list[Curve] = [
        (f"η = {write_number(eta)}, γ = {write_number(power)}", eta, power, strong)
        for eta, power, strong in [*((*pair, False) for pair in PUBLISHED), *mine]
    ]
    steps = study.fresh_of(arm.name).get("steps")
    last = int(steps.median()) if steps is not None and len(steps.dropna()) else 1000

    svg = render(
        "f13",
        "Annealed gradient noise",
        f"{len(curves)} curves over {last:,} updates.",
        SIZE,
        partial(_paint, curves=curves, last=last),
    )
    rows = tuple(
        (text, *(write_number(float(deviation(eta, power, np.array([float(t)]))[0])) for t in (0, last // 2, last)))
        for text, eta, power, _ in curves
    )
    return Picture(
        key="f13",
        title="Annealed gradient noise",
        caption=(
            "Noise N(0, σ²) is added to every component of the gradient, σ² = η/(1 + t)^γ after t updates. Bold: "
            "the setting recommended here; the others are the published ones. Gradients smaller than a curve are "
            "mostly noise."
        ),
        panels=(Panel(svg),),
        table=DataTable(("setting", "σ at the start", "half-way", "at the end"), rows),
    )


def deviation(eta: float, gamma: float, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return σ_t = √(η/(1 + t)^γ)."""
    found: NDArray[np.float64] = np.sqrt(eta / (1.0 + t) ** gamma)
    return found


def _paint(figure: Figure, curves: Sequence[Curve], last: int) -> None:
    """Draw the deviation of the noise over the updates, each curve named at its end."""
    axes = add_axes(figure, 56, 14, 150, 44)
    tidy_axes(axes, "y")
    t = np.unique(np.geomspace(1, max(last, 10), 60).round()) - 1
    for _, eta, power, strong in curves:
        axes.plot(t, deviation(eta, power, t), color=BLUE if strong else MUTED, lw=2.2 if strong else 1.2)
    axes.set_xlim(0, t[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("updates")
    axes.set_ylabel("standard deviation of the noise")
    top = axes.get_ylim()[1]
    unit = top / (axes.get_position().height * float(figure.get_size_inches()[1]) * POINTS)
    ends = [float(deviation(eta, power, t[-1:])[0]) for _, eta, power, _ in curves]
    for (text, _, _, strong), place in zip(curves, spread(ends, 13 * unit, 0, top), strict=True):
        style: dict[str, Any] = {"color": INK if strong else MUTED, "weight": "bold" if strong else "normal"}
        where: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": FONT - 1}
        axes.text(1.02, place, text, **style, **where)
