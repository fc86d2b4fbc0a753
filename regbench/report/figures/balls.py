"""Figure 12: why an L1 penalty gives zeros and an L2 penalty does not: their balls on the contours of a loss."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.report.palette import BAND, BLUE, INK, MUTED, RED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import write_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 300.0
PENALTIES = ("l1", "l2", "elastic_net", "lp", "weight_decay", "max_norm")
CENTRE = np.array([0.5, 1.65])
CURVATURE = np.array([[1.0, 0.35], [0.35, 1.0]])
BALLS = ((1.0, "L1 ball", "|w1| + |w2| ≤ 1"), (2.0, "L2 ball", "w1² + w2² ≤ 1"))


def draw_balls(members: Iterable[str]) -> Picture | None:
    """Return the drawing of the articles where a penalty on the weights is among the techniques; None elsewhere."""
    if not set(members) & set(PENALTIES):
        return None
    panels, rows = [], []
    for place, (power, title, formula) in enumerate(BALLS):
        best = touch(power)
        sentence = f"The loss is least within the ball at w1 = {best[0]:.2f}, w2 = {best[1]:.2f}."
        paint = partial(_paint, power=power, best=best, title=f"{title}: {formula}")
        panels.append(Panel(render(f"f12{place}", title, sentence, (SIDE, SIDE), paint)))
        rows.append((title, *(write_number(round(float(weight), 4) + 0.0) for weight in best)))
    return Picture(
        key="f12",
        title="Why L1 gives zeros",
        caption=(
            "A drawing, not these data: contours of a quadratic loss of two weights, its minimum (cross), and all "
            "weights that a penalty of a given size allows. The least loss within the L1 ball lies at a corner, "
            "where one weight is exactly 0; the L2 ball has no corners, and both weights only shrink."
        ),
        panels=tuple(panels),
        table=DataTable(("ball", "w1", "w2"), tuple(rows)),
    )


def touch(power: float) -> NDArray[np.float64]:
    """Return the point of the ball Σ |w|^power <= 1 at which the drawing's loss is least, `[2]`."""
    border = trace(power)
    losses = loss_at(border)
    best: NDArray[np.float64] = border[int(np.argmin(losses))]
    return best


def trace(power: float, count: int = 4000) -> NDArray[np.float64]:
    """Return points of the border of a ball, `[count, 2]`, its corners among them."""
    angle = np.linspace(0.0, 2 * np.pi, count, endpoint=False)
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    direction[np.abs(direction) < 1e-12] = 0.0
    size = (np.abs(direction) ** power).sum(1, keepdims=True) ** (1 / power)
    border: NDArray[np.float64] = direction / size
    return border


def loss_at(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the drawing's loss at points `[..., 2]`: half the squared distance from the minimum, seen through its
    curvature."""
    apart = points - CENTRE
    losses: NDArray[np.float64] = 0.5 * np.einsum("...i,ij,...j->...", apart, CURVATURE, apart)
    return losses


def _paint(figure: Figure, power: float, best: NDArray[np.float64], title: str) -> None:
    axes = add_axes(figure, 34, 26, 10, 34)
    tidy_axes(axes, "none")
    border = trace(power, 4 if power == 1 else 240)
    axes.fill(*border.T, facecolor=BAND, edgecolor=BLUE, lw=1.6)
    axis = np.linspace(-1.4, 2.6, 90)
    grid = np.stack(np.meshgrid(axis, axis), -1)
    levels = sorted({float(loss_at(best)), 0.05, 0.6, 1.4, 2.6})
    axes.contour(axis, axis, loss_at(grid), levels=levels, colors=[MUTED], linewidths=0.8)
    axes.axhline(0, color=MUTED, lw=0.6)
    axes.axvline(0, color=MUTED, lw=0.6)
    axes.plot(*CENTRE, "x", color=INK, ms=7, mew=1.6)
    axes.plot(*best, "o", color=RED, ms=7)
    axes.set_xlim(-1.3, 2.1)
    axes.set_ylim(-1.2, 2.2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("w1")
    axes.set_ylabel("w2", rotation=0)
    axes.set_aspect("equal")
    figure.text(6 / SIDE, 1 - 16 / SIDE, title, fontsize=FONT, weight="bold")
