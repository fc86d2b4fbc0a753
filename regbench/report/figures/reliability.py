"""Figure 8: whether probabilities mean what they say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regbench.report.palette import BAND, BLUE, INK, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_list, read_mapping, read_number, read_text, shorten, write_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE, WIDTH, ROW = 360.0, 460.0, 20.0


def draw_reliability(study: StudyData) -> Picture | None:
    """Return the reliability diagram and the calibration errors; None where there are no probabilities."""
    arms = [arm for arm in study.arms if read_mapping(study.verdict, "calibration", arm.name)]
    if not arms:
        return None
    leader = study.leader
    shown = " and ".join(dict.fromkeys(arm.shown for arm in (study.baseline, leader) if arm is not None))
    diagram = render(
        "f8a",
        "Reliability diagram",
        f"Accuracy against confidence; {shown} stand out.",
        (SIDE, SIDE),
        lambda figure: _paint_diagram(figure, study, arms),
    )
    errors = render(
        "f8b",
        "Calibration errors",
        f"Calibration error of {len(arms)} arms beside what a calibrated model would have.",
        (WIDTH, max(SIDE, 60 + ROW * len(arms))),
        lambda figure: _paint_errors(figure, study, arms),
    )
    return Picture(
        key="f8",
        title="Do probabilities mean what they say?",
        caption=(
            f"Left: of the predictions made with a confidence, the share that was right; {shown} are drawn bold. "
            "Below the diagonal a network is overconfident, above it underconfident. Right: the expected "
            "calibration error of each arm (dot), and up to where it would lie for a calibrated model of the same "
            "confidences in 95 % of cases (shaded): only dots beyond the shade say anything."
        ),
        panels=(Panel(diagram), Panel(errors)),
        table=DataTable(("arm", "Brier", "calibration error", "limit", "word"), tuple(_row(study, a) for a in arms)),
        wide=True,
    )


def _paint_diagram(figure: Figure, study: StudyData, arms: list[ArmFacts]) -> None:
    axes = add_axes(figure, 48, 14, 14, 44)
    tidy_axes(axes, "y")
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1.0, ls=(0, (2, 3)))
    for arm in sorted(arms, key=lambda arm: _rank(study, arm)):
        confidence, accuracy = _read_bins(study, arm)
        colour, dash, width, gid = _style(study, arm)
        marker: dict[str, Any] = {"marker": "o", "ms": 4.0} if width > 1 else {}
        axes.plot(confidence, accuracy, color=colour, ls=dash, lw=width, gid=gid, **marker)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that was right")


def _paint_errors(figure: Figure, study: StudyData, arms: list[ArmFacts]) -> None:
    axes = add_axes(figure, 150, 14, 20, 44)
    tidy_axes(axes, "x")
    axes.spines["left"].set_visible(False)
    for place, arm in enumerate(arms):
        own, gid = read_mapping(study.verdict, "calibration", arm.name), f"arm-{arm.number}"
        error, limit = read_number(own, "ece"), read_number(own, "ece_limit")
        beyond = error > limit
        axes.barh(place, limit, 0.7, color=BAND, gid=gid)
        axes.plot([error], [place], "o", color=BLUE if beyond else MUTED, mfc=BLUE if beyond else "none", ms=6, gid=gid)
        text: dict[str, Any] = {"va": "center", "fontsize": FONT, "transform": axes.get_yaxis_transform(), "gid": gid}
        axes.text(-0.02, place, shorten(arm.shown, 22), ha="right", **text)
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.set_xlabel("expected calibration error")
    axes.locator_params(axis="x", nbins=5)


def _read_bins(study: StudyData, arm: ArmFacts) -> tuple[list[float], list[float]]:
    bins = read_list(study.verdict, "calibration", arm.name, "bins")
    pairs = [(read_number(each, "confidence"), read_number(each, "accuracy")) for each in bins]
    known = [pair for pair in pairs if all(map(math.isfinite, pair))]
    return [confidence for confidence, _ in known], [accuracy for _, accuracy in known]


def _rank(study: StudyData, arm: ArmFacts) -> int:
    return 2 if arm is study.leader else 1 if arm.is_baseline else 0


def _style(study: StudyData, arm: ArmFacts) -> tuple[str, Any, float, str]:
    if arm is study.leader:
        return BLUE, "-", 2.2, f"arm-{arm.number}"
    if arm.is_baseline:
        return INK, (0, (5, 3)), 1.8, f"arm-{arm.number}"
    return MUTED, "-", 0.7, f"arm-{arm.number}-quiet"


def _row(study: StudyData, arm: ArmFacts) -> tuple[str, ...]:
    own = read_mapping(study.verdict, "calibration", arm.name)
    numbers = (write_number(read_number(own, name)) for name in ("brier", "ece", "ece_limit"))
    return (arm.shown, *numbers, read_text(own, "word") or "-")
