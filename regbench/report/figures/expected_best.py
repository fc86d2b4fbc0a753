"""Figure 4: how good the best of k trials is expected to be, by validation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regbench.report.labels import spread
from regbench.report.palette import BLUE, INK, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, POINTS, add_axes, render, tidy_axes
from regbench.report.wording import read_numbers, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, LEAST, LABEL = 560.0, 330.0, 12.0
NAMED = 24
Curve = tuple[ArmFacts, list[float], list[float]]


def draw_expected_best(study: StudyData) -> Picture | None:
    """Return the curves of all arms; None where the verdict has none, or there was one trial only."""
    curves = [curve for arm in study.arms if (curve := _read(study, arm))]
    if not curves or max(k[-1] for _, k, _ in curves) < 2:
        return None
    height = max(LEAST, 70 + LABEL * min(len(curves), NAMED))

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 56, 14, 150, 44)
        tidy_axes(axes, "y")
        for arm, k, mean in reversed(curves):
            _paint_curve(axes, study, arm, k, mean)
        most = max(k[-1] for _, k, _ in curves)
        ticks = sorted({1, *(round(most * share / 4) for share in range(1, 5))} - {0})
        axes.set_xticks(ticks)
        axes.set_xlim(min(k[0] for _, k, _ in curves), most)
        axes.set_xlabel("trials of the search")
        axes.set_ylabel(f"expected validation {study.measure.label}")
        _name_curves(axes, figure, curves[:NAMED], study)

    sentence = f"Expected best validation figure of {len(curves)} arms after 1 to {curves[0][1][-1]:g} trials."
    svg = render("f4", "Expected best after k trials", sentence, (WIDTH, height), paint)
    columns = ("arm", *(f"k = {k:g}" for k in _shown(curves[0][1])))
    rows = tuple(
        (arm.shown, *(study.measure.value(dict(zip(k, mean, strict=True)).get(at)) for at in _shown(curves[0][1])))
        for arm, k, mean in curves
    )
    return Picture(
        key="f4",
        title="How much tuning it takes",
        caption=(
            "What the best of k trials is expected to reach on validation rows, averaged over replicates. A line still "
            "rising at its right end would gain from more trials; one that starts low is hard to set without a search. "
            "Validation figures of winners are too good to be true: compare the lines, do not quote them."
        ),
        panels=(Panel(svg),),
        table=DataTable(columns, rows),
    )


def _read(study: StudyData, arm: ArmFacts) -> Curve | None:
    where = ("expected_best", arm.name)
    k, mean = read_numbers(study.verdict, *where, "k"), read_numbers(study.verdict, *where, "mean")
    pairs = [(a, b) for a, b in zip(k, mean, strict=False) if math.isfinite(a) and math.isfinite(b)]
    return (arm, [a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def _paint_curve(axes: Axes, study: StudyData, arm: ArmFacts, k: list[float], mean: list[float]) -> None:
    factor, leads = study.measure.factor, arm is study.leader
    if leads:
        low, high = (read_numbers(study.verdict, "expected_best", arm.name, end) for end in ("low", "high"))
        if len(low) == len(high) == len(k):
            band = ([v * factor for v in low], [v * factor for v in high])
            axes.fill_between(k, *band, color=BLUE, alpha=0.15, lw=0, gid=f"arm-{arm.number}")
    colour = INK if arm.is_baseline else BLUE if leads else MUTED
    dash = (0, (5, 3)) if arm.is_baseline else "-"
    gid = f"arm-{arm.number}" if leads or arm.is_baseline else f"arm-{arm.number}-quiet"
    width = 2.2 if leads or arm.is_baseline else 1.0
    marker = "." if len(k) == 1 else None
    alpha = 1.0 if leads or arm.is_baseline else 0.6
    axes.plot(k, [v * factor for v in mean], color=colour, ls=dash, lw=width, marker=marker, gid=gid, alpha=alpha)


def _name_curves(axes: Axes, figure: Figure, curves: list[Curve], study: StudyData) -> None:
    """Write the names at the right ends, spread so that none covers another, each joined to its line."""
    low, high = axes.get_ylim()
    pixels = axes.get_position().height * float(figure.get_size_inches()[1]) * POINTS
    unit = (high - low) / pixels
    ends = [mean[-1] * study.measure.factor for _, _, mean in curves]
    for (arm, k, _), end, place in zip(curves, ends, spread(ends, LABEL * unit, low, high), strict=True):
        strong = arm.is_baseline or arm is study.leader
        across = k[-1] + (axes.get_xlim()[1] - axes.get_xlim()[0]) * 0.03
        axes.plot([k[-1], across], [end, place], color=MUTED, lw=0.6, clip_on=False, gid=f"arm-{arm.number}")
        axes.text(
            across,
            place,
            f" {shorten(arm.shown, 22)}",
            va="center",
            fontsize=FONT - 1,
            color=BLUE if arm is study.leader else INK if strong else MUTED,
            weight="bold" if strong else "normal",
            gid=f"arm-{arm.number}",
        )
    axes.set_ylim(low, high)


def _shown(k: list[float]) -> list[float]:
    return [at for at in k if at in (1, 2, 4, 8, 16, 32, 64, 128)] or k[:8]
