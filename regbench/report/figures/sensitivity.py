"""Figure 9: how arms bear noise on their inputs, and how they learn from fewer rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from regbench.report.labels import spread
from regbench.report.palette import BLUE, INK, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, POINTS, add_axes, render, scale_log, tidy_axes
from regbench.report.wording import read_mapping, read_numbers, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (560.0, 330.0)
KINDS = (
    ("learning", "rows", "training rows", "Learning curve"),
    ("noise", "sigma", "noise on standardised inputs (standard deviation)", "Noise sensitivity"),
)
Curve = tuple[ArmFacts, list[float], list[float]]


def draw_sensitivity(study: StudyData) -> Picture | None:
    """Return the learning curve and the noise sensitivity, those that the verdict has; None without either."""
    panels, rows = [], []
    for kind, x, label, title in KINDS:
        own = read_mapping(study.verdict, kind)
        curves = [curve for arm in study.arms if (curve := _read(own, arm, x))]
        if curves:
            sentence = f"{title} of {len(curves)} arms."
            paint = partial(_paint, study=study, curves=curves, label=label, log=kind == "learning")
            panels.append(Panel(render(f"f9{kind[0]}", title, sentence, SIZE, paint)))
            rows += [
                (title, arm.shown, f"{at:g}", study.measure.value(y))
                for arm, xs, ys in curves
                for at, y in zip(xs, ys, strict=True)
            ]
    if not panels:
        return None
    return Picture(
        key="f9",
        title="Fewer rows, noisier inputs",
        caption=(
            "Test figures of the same networks as training rows grow fewer, and as noise is added to the inputs "
            "that they were not trained on. A learning curve that still rises says that more rows help more than "
            "any technique; a line that falls slowly belongs to a network that bears noise."
        ),
        panels=tuple(panels),
        table=DataTable(("figure", "arm", "at", study.measure.label), tuple(rows)),
        wide=len(panels) > 1,
    )


def _read(own: Mapping[str, object], arm: ArmFacts, x: str) -> Curve | None:
    at, mean = read_numbers(own, arm.name, x), read_numbers(own, arm.name, "mean")
    pairs = [pair for pair in zip(at, mean, strict=False) if all(map(math.isfinite, pair))]
    return (arm, [a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def _paint(figure: Figure, study: StudyData, curves: list[Curve], label: str, log: bool) -> None:
    axes = add_axes(figure, 56, 14, 150, 44)
    tidy_axes(axes, "y")
    factor = study.measure.factor
    for arm, x, y in reversed(curves):
        strong = arm.is_baseline or arm is study.leader
        colour = INK if arm.is_baseline else BLUE if strong else MUTED
        dash = (0, (5, 3)) if arm.is_baseline else "-"
        gid = f"arm-{arm.number}" if strong else f"arm-{arm.number}-quiet"
        axes.plot(x, [v * factor for v in y], color=colour, ls=dash, lw=2.0 if strong else 1.0, marker=".", gid=gid)
    if log:
        scale_log(axes, "x")
        marks = sorted({at for _, x, _ in curves for at in x})
        axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xlabel(label)
    axes.set_ylabel(f"test {study.measure.label}")
    low, high = axes.get_ylim()
    unit = (high - low) / (axes.get_position().height * float(figure.get_size_inches()[1]) * POINTS)
    ends = [y[-1] * factor for _, _, y in curves]
    for (arm, _, _), place in zip(curves, spread(ends, 12 * unit, low, high), strict=True):
        text: dict[str, Any] = {"va": "center", "fontsize": FONT - 1, "transform": axes.get_yaxis_transform()}
        colour = INK if arm.is_baseline or arm is study.leader else MUTED
        axes.text(1.02, place, shorten(arm.shown, 22), color=colour, gid=f"arm-{arm.number}", **text)
    axes.set_ylim(low, high)
