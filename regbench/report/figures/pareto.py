"""Figure 3: what each arm brings against what it costs, in training and in prediction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regbench.report.labels import Box, place_labels
from regbench.report.palette import INK, MUTED, mark_of
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_list, shorten, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (560.0, 330.0)
KINDS = (("train", "training time"), ("inference", "prediction time"))


def draw_pareto(study: StudyData) -> Picture | None:
    """Return the two cost figures; None where no cost is known."""
    panels = [panel for kind, words in KINDS if (panel := _draw_kind(study, kind, words))]
    if not panels:
        return None
    rows = tuple(
        (
            arm.shown,
            study.measure.difference(_gain(arm)),
            *(write_number(_cost(arm, kind)) for kind, _ in KINDS),
            ", ".join(words for kind, words in KINDS if arm.name in read_list(study.verdict, "front", kind)) or "-",
        )
        for arm in study.arms
    )
    return Picture(
        key="f3",
        title="What it brings against what it costs",
        caption=(
            "Up is better, left is cheaper; costs are multiples of the baseline's, on a logarithmic axis. The line "
            "joins the front: arms to which no cheaper one comes close. A point below and to the right of the line "
            "costs more without being told apart."
            f"{'' if study.named == study.arms else ' Named are the front, the baseline and the best arms.'}"
        ),
        panels=tuple(panels),
        table=DataTable(("arm", "difference", "training, x", "prediction, x", "on the front of"), rows),
        wide=len(panels) > 1,
    )


def _draw_kind(study: StudyData, kind: str, words: str) -> Panel | None:
    arms = [arm for arm in study.arms if math.isfinite(_gain(arm)) and _cost(arm, kind) > 0]
    if len(arms) < 2:
        return None
    front = read_list(study.verdict, "front", kind)

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, 56, 14, 16, 44)
        tidy_axes(axes, "y")
        axes.axhline(0, color=MUTED, lw=0.8)
        factor = study.measure.factor
        joined = sorted((_cost(arm, kind), _gain(arm) * factor) for arm in arms if arm.name in front)
        if joined:
            axes.plot(*zip(*joined, strict=True), color=INK, lw=1.0, ls=(0, (4, 3)))
        for arm in arms:
            colour, marker, filling = mark_of(arm.word)
            spot = ([_cost(arm, kind)], [_gain(arm) * factor])
            axes.plot(*spot, marker, color=colour, mfc=filling, ms=7, mew=1.5, gid=f"arm-{arm.number}")
        _scale_costs(axes, [_cost(arm, kind) for arm in arms])
        axes.margins(y=0.12)
        axes.set_xlabel(f"{words}, x {shorten(study.baseline.shown)}")
        axes.set_ylabel(study.measure.points)
        _name_points(axes, [arm for arm in arms if arm in study.named or arm.name in front], kind, factor)

    sentence = f"Difference of {len(arms)} arms against {words}."
    return Panel(render(f"f3{kind[0]}", f"Gain against {words}", sentence, SIZE, paint))


def _scale_costs(axes: Axes, costs: list[float]) -> None:
    """Give the axis of costs a logarithmic scale with plain numbers."""
    axes.set_xscale("log")
    low, high = min(costs), max(costs)
    spare = max((high / low) ** 0.08, 1.12)
    axes.set_xlim(low / spare, high * spare)
    fine = (1, 1.1, 1.2, 1.4, 1.7, 2, 5, 6, 7, 8, 9)
    steps = (1,) if high / low > 20 else (1, 1.5, 2, 3, 5, 7) if high / low > 2.2 else fine
    marks = [m * 10.0**p for p in range(-3, 6) for m in steps]
    shown = [mark for mark in marks if low / spare <= mark <= high * spare]
    axes.set_xticks(shown, [f"{mark:g}" for mark in shown])
    axes.set_xticks([], minor=True)


def _name_points(axes: Axes, arms: list[ArmFacts], kind: str, factor: float) -> None:
    spots = axes.transData.transform([(_cost(arm, kind), _gain(arm) * factor) for arm in arms])
    corners = axes.get_window_extent()
    frame = Box(corners.x0 + 2, corners.y0 + 2, corners.width - 4, corners.height - 4)
    names = [shorten(arm.shown, 18) for arm in arms]
    boxes = place_labels([(float(x), float(y)) for x, y in spots], names, FONT - 1, frame)
    back = axes.transData.inverted()
    for arm, name, box, spot in zip(arms, names, boxes, spots, strict=True):
        start = back.transform((box.x, box.y + box.height / 2))
        centre = box.x + box.width / 2
        far = abs(box.y + box.height / 2 - spot[1]) > box.height
        if far:
            end = back.transform((centre, box.y if box.y > spot[1] else box.y + box.height))
            axes.plot(*zip(back.transform(spot), end, strict=True), color=MUTED, lw=0.6, gid=f"arm-{arm.number}")
        right = box.x + box.width < spot[0]
        if right:
            start = back.transform((box.x + box.width, box.y + box.height / 2))
        anchor = "center" if box.x < spot[0] < box.x + box.width else ("right" if right else "left")
        if anchor == "center":
            start = back.transform((centre, box.y + box.height / 2))
        axes.text(
            start[0], start[1], name, ha=anchor, va="center", fontsize=FONT - 1, color=INK, gid=f"arm-{arm.number}"
        )


def _gain(arm: ArmFacts) -> float:
    return 0.0 if arm.is_baseline else arm.number_of("difference")


def _cost(arm: ArmFacts, kind: str) -> float:
    own = arm.number_of("cost", f"{kind}_ratio")
    return 1.0 if arm.is_baseline and not own > 0 else own
