"""Figure 7: the error of each arm as bias and variance."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regbench.report.palette import BLUE, INK, RED
from regbench.report.picture import DataTable, Panel, Picture, Swatch
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_number, shorten, write_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW, TOP, BOTTOM = 560.0, 20.0, 10.0, 42.0
Parts = tuple[ArmFacts, float, float, float]


def draw_decomposition(study: StudyData) -> Picture | None:
    """Return the stacked bars; None where runs did not test the same rows often enough."""
    found = [parts for arm in study.arms if (parts := _read(study, arm))]
    if not found:
        return None
    factor = 100.0 if study.measure.percent else 1.0
    unit = "% of rows wrong" if study.measure.percent else "squared error"

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 150, TOP, 70, BOTTOM)
        tidy_axes(axes, "x")
        axes.spines["left"].set_visible(False)
        for place, (arm, bias, variance, error) in enumerate(found):
            gid = f"arm-{arm.number}"
            axes.barh(place, bias * factor, 0.62, color=BLUE, gid=gid)
            axes.barh(place, variance * factor, 0.62, left=bias * factor, color=RED, gid=gid, hatch="////", lw=0)
            across = axes.get_yaxis_transform()
            name: dict[str, Any] = {"va": "center", "fontsize": FONT, "color": INK, "gid": gid, "transform": across}
            axes.text(-0.02, place, shorten(arm.shown, 22), ha="right", **name)
            axes.text(1.02, place, write_number(error * factor), ha="left", **name)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks([])
        axes.set_xlabel(f"error of the average run, {unit}")

    sentence = f"Bias and variance of {len(found)} arms as stacked bars."
    svg = render("f7", "Bias and variance", sentence, (WIDTH, TOP + BOTTOM + ROW * len(found)), paint)
    rows = tuple((arm.shown, *(write_number(part, 4) for part in parts)) for arm, *parts in found)
    return Picture(
        key="f7",
        title="Bias and variance",
        caption=(
            "The error of an arm's runs in two parts that add up to it exactly: what its typical prediction gets wrong "
            "(bias, from which the noise of the targets cannot be told) and what runs add by differing from each other "
            "(variance). Regularization trades the second for the first: it pays where the bars grow shorter."
        ),
        panels=(Panel(svg),),
        table=DataTable(("arm", "bias + noise", "variance", "error"), rows),
        legend=(Swatch("blue", "area", "bias + noise"), Swatch("red", "hatch", "variance")),
    )


def _read(study: StudyData, arm: ArmFacts) -> Parts | None:
    bias, variance, error = (
        read_number(study.verdict, "decomposition", arm.name, part) for part in ("bias", "variance", "error")
    )
    if not (math.isfinite(bias) and math.isfinite(variance)):
        return None
    return arm, bias, variance, error if math.isfinite(error) else bias + variance
