"""Figure 1: the difference of every arm from the baseline, with its interval alone and for all arms together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from regbench.report.palette import BAND, INK, MUTED, mark_of
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_number, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, ROW, TOP, BOTTOM = 560.0, 22.0, 12.0, 42.0
LEFT, RIGHT = 150.0, 150.0
COLUMNS = ("arm", "difference", "95 % interval", "with all arms accounted for", "word")


def draw_forest(study: StudyData) -> Picture:
    """Return the forest plot."""
    arms, measure = study.contenders, study.measure
    rope = read_number(study.verdict, "rope") * measure.factor

    def paint(figure: Figure) -> None:
        axes = add_axes(figure, LEFT, TOP, RIGHT, BOTTOM)
        tidy_axes(axes, "x")
        axes.axvspan(-rope, rope, color=BAND, lw=0)
        axes.axvline(0.0, color=MUTED, lw=1.0)
        for place, arm in enumerate(arms):
            _paint_arm(axes, place, arm, study)
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlim(*_limits(arms, measure.factor, rope))
        axes.set_xlabel(f"difference from {shorten(study.baseline.shown)}, {measure.points} (right is better)")

    sentence = f"Differences of {len(arms)} arms from {study.baseline.shown}, each with two intervals."
    svg = render("f1", "Forest plot", sentence, (WIDTH, TOP + BOTTOM + ROW * max(len(arms), 1)), paint)
    return Picture(
        key="f1",
        title="Difference from the baseline",
        caption=(
            f"Each mark is an arm's mean difference from {study.baseline.shown} over {_count(study)} paired "
            "replicates; right of 0 is better. Thick: its 95 % interval. Thin: the interval that holds for all "
            "arms at once, by which words are given. Shaded: no practical difference "
            f"({measure.difference(-rope / measure.factor)} to {measure.difference(rope / measure.factor)}). An "
            "arm whose thin line clears 0 stands out from chance."
        ),
        panels=(Panel(svg),),
        table=DataTable(COLUMNS, tuple(_row(arm, study) for arm in arms)),
    )


def _paint_arm(axes: Axes, place: int, arm: ArmFacts, study: StudyData) -> None:
    colour, marker, filling = mark_of(arm.word)
    factor, gid = study.measure.factor, f"arm-{arm.number}"
    low, high, all_low, all_high, middle = (
        arm.number_of(key) * factor for key in ("low", "high", "low_all", "high_all", "difference")
    )
    axes.plot([all_low, all_high], [place, place], color=colour, lw=1.0, gid=gid, marker="|", ms=6)
    axes.plot([low, high], [place, place], color=colour, lw=4.0, alpha=0.75, gid=gid, solid_capstyle="butt")
    axes.plot([middle], [place], marker, color=colour, mfc=filling, ms=7, mew=1.5, gid=gid)
    beside: dict[str, Any] = {"va": "center", "fontsize": FONT, "transform": axes.get_yaxis_transform(), "gid": gid}
    axes.text(-0.02, place, shorten(arm.shown, 22), ha="right", color=INK, **beside)
    axes.text(1.02, place, _say(arm, study), ha="left", color=colour if arm.word == "better" else MUTED, **beside)


def _say(arm: ArmFacts, study: StudyData) -> str:
    word = {"no practical difference": "no difference"}.get(arm.word or "", arm.word or "")
    return f"{study.measure.difference(arm.number_of('difference'))}  {word}".rstrip()


def _limits(arms: Sequence[ArmFacts], factor: float, rope: float) -> tuple[float, float]:
    """Return what the axis shows: all intervals, but none so wide that the others vanish beside it."""
    ends = [abs(arm.number_of(key)) * factor for arm in arms for key in ("low_all", "high_all")]
    known = np.array([end for end in ends if np.isfinite(end)])
    if not len(known):
        return -3 * rope, 3 * rope
    most = max(min(float(known.max()), 6 * float(np.median(known))), rope)
    lows, highs = ([a.number_of(k) * factor for a in arms] for k in ("low_all", "high_all"))
    low = max(float(np.nanmin([*lows, -rope])), -most)
    high = min(float(np.nanmax([*highs, rope])), most)
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _row(arm: ArmFacts, study: StudyData) -> tuple[str, ...]:
    measure = study.measure
    return (
        arm.shown,
        measure.difference(arm.number_of("difference")),
        measure.interval(arm.number_of("low"), arm.number_of("high")),
        measure.interval(arm.number_of("low_all"), arm.number_of("high_all")),
        arm.word or "-",
    )


def _count(study: StudyData) -> int:
    return int(read_number(study.verdict, "replicates"))
