"""Figure 6: training and validation loss over epochs of one typical run of each arm."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.plots.loss_curves import thin_out
from regbench.report.palette import BLUE, INK, MUTED, RED
from regbench.report.picture import DataTable, Panel, Picture, Swatch
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, scale_log, tidy_axes
from regbench.report.wording import read_number, shorten, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL, LARGE = (250.0, 172.0), (560.0, 330.0)
MOST_POINTS = 200
Line = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class LossCurves:
    """The losses of one run by epoch, and the epoch whose weights were kept; 0 where none is known."""

    name: str
    train: Line
    val: Line
    best_epoch: int
    arm: int | None = None

    @property
    def epochs(self) -> int:
        """The last epoch."""
        return max((epoch for epoch, _ in (*self.train, *self.val)), default=0)


def draw_study_losses(study: StudyData) -> Picture | None:
    """Return the curves of the median run of each arm; None where no run's curves are there."""
    found = [curves for arm in study.arms if (curves := _find_curves(study, arm))]
    return draw_losses(found, "the run whose test figure is its arm's median") if found else None


def draw_losses(found: Sequence[LossCurves], which: str) -> Picture:
    """Return the figure of some runs' curves; `which` says which runs they are."""
    size = SMALL if len(found) > 1 else LARGE
    panels = []
    for place, curves in enumerate(found):
        lowest = min((loss for _, loss in curves.val if math.isfinite(loss)), default=math.nan)
        sentence = f"Losses over {curves.epochs} epochs; lowest validation loss {write_number(lowest)}."
        svg = render(f"f6n{place}", f"Loss of {curves.name}", sentence, size, partial(_paint, curves=curves, size=size))
        panels.append(Panel(svg, curves.arm, curves.name))
    rows = tuple(
        (c.name, str(c.epochs), str(c.best_epoch or "-"), _at(c.train, c.best_epoch), _at(c.val, c.best_epoch))
        for c in found
    )
    return Picture(
        key="f6",
        title="Loss curves",
        caption=(
            f"Data loss, without penalties, in evaluation mode: {which}. The dotted line is the best epoch, whose "
            "weights are kept. A dashed line that turns up while the solid one falls on is overfitting; two lines "
            "that end high and close together are underfitting."
        ),
        panels=tuple(panels),
        table=DataTable(("run of", "epochs", "best epoch", "training loss there", "validation loss there"), rows),
        legend=(
            Swatch("blue", "line", "training"),
            Swatch("red", "dash", "validation"),
            Swatch("ink", "dot", "best epoch"),
        ),
        wide=len(found) > 1,
    )


def read_metrics(path: Path, name: str, best_epoch: int, arm: int | None = None) -> LossCurves | None:
    """Return the curves of a run's `metrics.csv`; None where it cannot be read."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        lines = [
            tuple((int(row["epoch"]), float(row[column])) for row in rows if row.get(column))
            for column in ("train_loss", "val_loss")
        ]
    except (OSError, ValueError, KeyError):
        return None
    return LossCurves(name, lines[0], lines[1], best_epoch, arm) if lines[0] else None


def _find_curves(study: StudyData, arm: ArmFacts) -> LossCurves | None:
    folder, fresh = study.median_folder(arm.name), study.median_fresh(arm.name)
    if folder is not None and fresh is not None:
        found = read_metrics(folder / "metrics.csv", arm.shown, _whole(fresh, "best_epoch"), arm.number)
        if found is not None:
            return found
    return _find_trial(study, arm, fresh)


def _find_trial(study: StudyData, arm: ArmFacts, fresh: Mapping[str, object] | None) -> LossCurves | None:
    """Return the curves of the trial that was chosen in the replicate of the median fresh run."""
    chosen = study.chosen_trials(arm.name)
    if fresh is not None and "replicate" in chosen:
        chosen = chosen[chosen["replicate"] == fresh["replicate"]]
    if not len(chosen):
        return None
    row = dict(chosen.iloc[0])
    curves = study.curve(arm.name, int(row["replicate"]), int(row["trial"]))
    if curves is None:
        return None
    train, val = (
        tuple((epoch, float(loss)) for epoch, loss in enumerate(curves[place], start=1) if not math.isnan(loss))
        for place in (0, 2)
    )
    return LossCurves(arm.shown, train, val, _whole(row, "best_epoch"), arm.number)


def _whole(row: Mapping[str, object], key: str) -> int:
    number = row.get(key)
    value = float(number) if number is not None and not isinstance(number, str) else math.nan  # type: ignore[arg-type]
    return int(value) if math.isfinite(value) else 0


def _paint(figure: Figure, curves: LossCurves, size: tuple[float, float]) -> None:
    small = size == SMALL
    axes = add_axes(figure, 44, 26 if small else 14, 10, 26 if small else 44)
    tidy_axes(axes, "y")
    _paint_line(axes, curves.train, BLUE, "-")
    _paint_line(axes, curves.val, RED, (0, (5, 2)))
    if curves.best_epoch:
        axes.axvline(curves.best_epoch, color=INK, lw=1.0, ls=(0, (1.5, 2)))
    losses = [loss for _, loss in (*curves.train, *curves.val) if math.isfinite(loss)]
    if losses and min(losses) > 0 and max(losses) / min(losses) > 50:
        scale_log(axes, "y")
    axes.set_xlim(1, max(curves.epochs, 2))
    axes.tick_params(labelsize=FONT - 2)
    axes.locator_params(axis="x", nbins=5, integer=True)
    if small:
        told = f"best epoch {curves.best_epoch} of {curves.epochs}" if curves.best_epoch else ""
        figure.text(4 / size[0], 1 - 14 / size[1], shorten(curves.name, 22), fontsize=FONT, weight="bold")
        figure.text(1 - 6 / size[0], 1 - 14 / size[1], told, fontsize=FONT - 2, color=MUTED, ha="right")
    else:
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")


def _paint_line(axes: Axes, line: Line, colour: str, dash: Any) -> None:
    points = [(epoch, loss) for epoch, loss in thin_out(line, MOST_POINTS) if abs(loss) < 1e30]
    if points:
        axes.plot(*zip(*points, strict=True), color=colour, ls=dash, marker="." if len(points) == 1 else None)


def _at(line: Line, epoch: int) -> str:
    return write_number(dict(line).get(epoch), 4)


def best_epoch_of(result: Mapping[str, object]) -> int:
    """Return the best epoch of a run's result; 0 where it has none."""
    number = read_number(result, "best_epoch")
    return int(number) if math.isfinite(number) else 0
