"""Figure 9: how arms bear noise on their inputs, how they learn from fewer rows, and from wrong labels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from regbench.report.labels import spread
from regbench.report.palette import BLUE, INK, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, POINTS, add_axes, render, scale_log, tidy_axes
from regbench.report.wording import Measure, read_mapping, read_numbers, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE, NARROW, HEIGHT = 560.0, 390.0, 330.0
"""Width of one or two drawings, and of three beside each other, whose letters would be too small otherwise."""

LETTER = 6.8


@dataclass(frozen=True)
class Kind:
    """A drawing: its key in the verdict and that of its places, what the axis says, and the factor of the places."""

    key: str
    x: str
    label: str
    title: str
    prefix: str
    factor: float = 1.0
    log: bool = False


NOISE = Kind("noise", "sigma", "noise on standardised inputs (standard deviation)", "Noise sensitivity", "f9n")
TRAINED_AGAIN = (
    Kind("learning", "rows", "training rows", "Learning curve", "f9l", log=True),
    Kind("label_noise", "label_noise", "training labels that are wrong (%)", "Wrong labels", "f9w", factor=100.0),
)
NOISE_CAPTION = (
    "Test figures of the same networks as training rows grow fewer, and as noise is added to the inputs "
    "that they were not trained on. A learning curve that still rises says that more rows help more than "
    "any technique; a line that falls slowly belongs to a network that bears noise."
)
CURVES_CAPTION = (
    "Test figures of baseline and leader, trained again with each replicate's own settings on parts of its training "
    "rows (each part lies within the next){wrong}{noise}. Bands are 95 % t intervals of each mean alone: the arms "
    "share their replicates, so the difference between two lines is surer than the bands suggest. A learning curve "
    "that still improves at its right end says that more rows would help, and more than the technique does where it "
    "gains more than the lines lie apart. The settings were tuned on all rows, and the leader is the best of the arms "
    "there, which flatters its right end a little."
)
WRONG_TOLD = " and with some of their labels wrong"
NOISE_TOLD = ", and of all arms as noise is added to inputs that they were not trained on"


@dataclass(frozen=True)
class Curve:
    """Figures of an arm at some places, with the ends of their intervals, NaN where there are none."""

    arm: ArmFacts
    points: tuple[tuple[float, float, float, float], ...]
    """Place, mean, low, high."""

    def column(self, number: int, factor: float) -> list[float]:
        """Return one of the four, times a factor."""
        return [point[number] * factor for point in self.points]


def draw_sensitivity(study: StudyData) -> Picture | None:
    """Return learning curve, wrong labels and noise sensitivity, those that the verdict has; None without any."""
    found = {kind: _read_all(study, kind) for kind in (*TRAINED_AGAIN, NOISE)}
    found = {kind: curves for kind, curves in found.items() if curves}
    if not found:
        return None
    again = len(found) > (NOISE in found)
    wrong, noise = TRAINED_AGAIN[1] in found, NOISE in found
    told = CURVES_CAPTION.format(wrong=WRONG_TOLD if wrong else "", noise=NOISE_TOLD if noise else "")
    head = ("figure", "arm", "at", study.measure.label)
    cells = [_list_cells(kind, curve, study.measure) for kind, curves in found.items() for curve in curves]
    rows = tuple(row if again else row[:4] for own in cells for row in own)
    return Picture(
        key="f9",
        title=f"Fewer rows{', wrong labels' if wrong else ''}{', noisier inputs' if noise else ''}",
        caption=told if again else NOISE_CAPTION,
        panels=tuple(_draw(study, kind, curves, NARROW if len(found) > 2 else WIDE) for kind, curves in found.items()),
        table=DataTable((*head, "95 % interval") if again else head, rows),
        wide=len(found) > 1,
        row=len(found) > 2,
    )


def _read_all(study: StudyData, kind: Kind) -> list[Curve]:
    own = read_mapping(study.verdict, kind.key)
    return [curve for arm in study.arms if (curve := _read(own, arm, kind.x)).points]


def _read(own: Mapping[str, object], arm: ArmFacts, x: str) -> Curve:
    at, mean = read_numbers(own, arm.name, x), read_numbers(own, arm.name, "mean")
    ends = [read_numbers(own, arm.name, end) for end in ("low", "high")]
    low, high = (end if len(end) == len(mean) else [math.nan] * len(mean) for end in ends)
    points = zip(at, mean, low, high, strict=False)
    return Curve(arm, tuple(point for point in points if all(map(math.isfinite, point[:2]))))


def _list_cells(kind: Kind, curve: Curve, measure: Measure) -> Iterator[tuple[str, ...]]:
    """Yield the rows of the data table."""
    for at, mean, low, high in curve.points:
        ends = f"{measure.value(low)} to {measure.value(high)}" if math.isfinite(low) else "-"
        yield kind.title, curve.arm.shown, f"{kind.factor * at:g}", measure.value(mean), ends


def _draw(study: StudyData, kind: Kind, curves: list[Curve], width: float) -> Panel:
    paint = partial(_paint, study=study, curves=curves, kind=kind)
    return Panel(render(kind.prefix, kind.title, f"{kind.title} of {len(curves)} arms.", (width, HEIGHT), paint))


def _paint(figure: Figure, study: StudyData, curves: list[Curve], kind: Kind) -> None:
    width = float(figure.get_size_inches()[0]) * POINTS
    names = 150 if width >= WIDE else 100
    axes = add_axes(figure, 56, 14, names, 44)
    tidy_axes(axes, "y")
    for curve in reversed(curves):
        _paint_curve(axes, curve, study, kind)
    if kind.log:
        scale_log(axes, "x")
    if kind is not NOISE:
        marks = sorted({at for curve in curves for at in curve.column(0, kind.factor)})
        axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xlabel(kind.label)
    axes.set_ylabel(f"test {study.measure.label}")
    low, high = axes.get_ylim()
    unit = (high - low) / (axes.get_position().height * float(figure.get_size_inches()[1]) * POINTS)
    ends = [curve.column(1, study.measure.factor)[-1] for curve in curves]
    for curve, place in zip(curves, spread(ends, 12 * unit, low, high), strict=True):
        text: dict[str, Any] = {"va": "center", "fontsize": FONT - 1, "transform": axes.get_yaxis_transform()}
        colour = INK if curve.arm.is_baseline or curve.arm is study.leader else MUTED
        axes.text(
            1.02,
            place,
            shorten(curve.arm.shown, int(names / LETTER)),
            color=colour,
            gid=f"arm-{curve.arm.number}",
            **text,
        )
    axes.set_ylim(low, high)


def _paint_curve(axes: Axes, curve: Curve, study: StudyData, kind: Kind) -> None:
    """Draw the line of an arm, and the band of its intervals where it has some."""
    arm, factor = curve.arm, study.measure.factor
    strong = arm.is_baseline or arm is study.leader
    colour = INK if arm.is_baseline else BLUE if strong else MUTED
    dash = (0, (5, 3)) if arm.is_baseline else "-"
    gid = f"arm-{arm.number}" if strong else f"arm-{arm.number}-quiet"
    x, y = curve.column(0, kind.factor), curve.column(1, factor)
    low, high = curve.column(2, factor), curve.column(3, factor)
    if all(map(math.isfinite, low)):
        axes.fill_between(x, low, high, color=colour, alpha=0.12, lw=0, gid=gid)
    axes.plot(x, y, color=colour, ls=dash, lw=2.0 if strong else 1.0, marker=".", gid=gid)
