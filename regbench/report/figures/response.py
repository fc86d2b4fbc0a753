"""Figure 5: how the validation figure depends on each searched setting, one panel an arm and setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.report.palette import BLUE, INK, MUTED, RED
from regbench.report.picture import DataTable, Panel, Picture, Swatch
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, scale_log, tidy_axes
from regbench.report.wording import (
    read_list,
    read_mapping,
    read_number,
    read_numbers,
    read_text,
    short_key,
    shorten,
    write_number,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

SIZE = (250.0, 178.0)
Points = NDArray[np.float64]
NOTHING: tuple[Points, Points] = (np.empty(0), np.empty(0))
FEWEST_NEAR = 8
"""Trials nearest to the recommended setting whose mean is the zero of all dots."""


@dataclass(frozen=True)
class Response:
    """One panel: tried points, the curve with its band, and what is recommended; all in the figure's own unit."""

    arm: int
    name: str
    key: str
    log: bool
    tried: tuple[Points, Points]
    curve: tuple[Points, Points, Points, Points] | None
    recommended: float
    at_edge: bool
    ends: tuple[float, float] | None = None


def draw_responses(study: StudyData) -> Picture | None:
    """Return the panels of all arms; None where nothing was searched."""
    found = [response for arm in study.arms for response in _list_responses(study, arm)]
    if not found:
        return None
    unit = "less validation loss" if study.selects_loss else f"validation {study.measure.points}"
    caption = (
        f"What each setting that was searched brings over the recommended one, in {unit} (up is better), all others as "
        "recommended. Dots are trials, each less its replicate's mean; most lie below the curve, because their other "
        "settings were worse. A flat curve: the strength hardly matters. Best at a border (marked in red): the range "
        "should be wider there."
    )
    drawn = draw_panels(found, unit, 1.0 if study.selects_loss else study.measure.factor)
    legend = (
        Swatch("muted", "dot", "a trial"),
        Swatch("blue", "line", "fitted curve with its band"),
        Swatch("ink", "dash", "recommended"),
    )
    return replace(drawn, caption=caption, legend=legend)


def draw_panels(found: Sequence[Response], label: str, factor: float) -> Picture:
    """Return the figure of some responses, still without a caption; `label` is what they are measured by."""
    panels = []
    for place, response in enumerate(found):
        key = f"f5n{place}"
        title = f"{response.name}: {short_key(response.key)}"
        sentence = f"{label} against {response.key}; recommended {write_number(response.recommended)}."
        svg = render(key, title, sentence, SIZE, partial(_paint, response=response, factor=factor))
        panels.append(Panel(svg, response.arm, response.name))
    rows = tuple(
        (r.name, short_key(r.key), write_number(r.recommended), _write_range(r), "at the edge" if r.at_edge else "-")
        for r in found
    )
    return Picture(
        key="f5",
        title="How strong, and how fast",
        caption="",
        panels=tuple(panels),
        table=DataTable(("arm", "setting", "best", "range", "note"), rows),
        wide=len(found) > 2,
    )


def _list_responses(study: StudyData, arm: ArmFacts) -> Iterator[Response]:
    recommended = read_mapping(arm.facts, "recommended")
    values, curves = read_mapping(recommended, "values"), read_mapping(recommended, "curves")
    edges = [str(key) for key in read_list(recommended, "at_edge")]
    trials = _read_trials(study, arm)
    for coordinate in read_list(arm.plan, "space"):
        key = read_text(coordinate, "key")
        curve = _read_curve(read_mapping(curves, key))
        known = trials[trials[short_key(key)].notna()] if short_key(key) in trials else trials.iloc[:0]
        tried = (
            (known[short_key(key)].to_numpy(np.float64), known["gain"].to_numpy(np.float64)) if len(known) else NOTHING
        )
        if len(known) or curve is not None:
            yield Response(
                arm=arm.number,
                name=arm.shown,
                key=key,
                log=bool(read_mapping({"c": coordinate}, "c").get("log")),
                tried=tried,
                curve=curve,
                recommended=read_number(values, key),
                at_edge=key in edges,
                ends=(read_number(coordinate, "low"), read_number(coordinate, "high")),
            )


def _read_curve(curve: object) -> tuple[Points, Points, Points, Points] | None:
    x, mean, low, high = (np.array(read_numbers(curve, name)) for name in ("x", "mean", "low", "high"))
    return (x, mean, low, high) if len(x) and len(x) == len(mean) == len(low) == len(high) else None


def _read_trials(study: StudyData, arm: ArmFacts) -> DataFrame:
    """Return an arm's trials that came to a figure, with a column `gain` over the recommended setting.

    Larger is better. Each figure is less its replicate's mean, and all of them less the mean of the trials nearest to
    the recommended setting, so that dots and curves have the same zero.
    """
    own, sign = study.alike_trials(arm), -1.0 if study.selects_loss or not study.measure.higher_is_better else 1.0
    column = "val_loss" if study.selects_loss else f"val_{study.measure.name}"
    if column not in own:
        return own.iloc[:0]
    y = own[column].astype(float)
    own, y = own[np.isfinite(y)], y[np.isfinite(y)]
    centred = sign * (y - y.groupby(own["replicate"]).transform("mean"))
    nearest = np.argsort(_measure_distance(arm, own), kind="stable")[: max(FEWEST_NEAR, len(own) // 20)]
    return own.assign(gain=centred - (centred.iloc[nearest].mean() if len(own) else 0.0))


def _measure_distance(arm: ArmFacts, trials: DataFrame) -> Points:
    """Return how far each trial's settings lie from those recommended, each in shares of its range."""
    squares = np.zeros(len(trials))
    values = read_mapping(arm.facts, "recommended", "values")
    for coordinate in read_list(arm.plan, "space"):
        key, low, high = read_text(coordinate, "key"), read_number(coordinate, "low"), read_number(coordinate, "high")
        chosen = read_number(values, key)
        if short_key(key) in trials and np.isfinite(chosen) and high > low:
            tried = trials[short_key(key)].to_numpy(dtype=np.float64)
            scale = np.log if read_mapping({"c": coordinate}, "c").get("log") else np.asarray
            apart = (scale(tried) - scale(chosen)) / (scale(high) - scale(low))
            squares += np.nan_to_num(apart, nan=1.0) ** 2
    return squares


def _paint(figure: Figure, response: Response, factor: float) -> None:
    axes = add_axes(figure, 40, 38, 10, 24)
    tidy_axes(axes, "y")
    _paint_dots(axes, response.tried[0], response.tried[1] * factor)
    if response.curve is not None:
        x, mean, low, high = response.curve
        axes.fill_between(x, low * factor, high * factor, color=BLUE, alpha=0.18, lw=0)
        axes.plot(x, mean * factor, color=BLUE, marker="o" if len(x) < 2 else None)
    if response.log:
        scale_log(axes, "x", narrow=bool(response.ends and 0 < response.ends[1] < 100 * response.ends[0]))
    else:
        axes.locator_params(axis="x", nbins=4)
    if response.ends and all(np.isfinite(response.ends)):
        axes.set_xlim(*response.ends)
    axes.set_ylim(*_limits(response, factor))
    if np.isfinite(response.recommended):
        colour = RED if response.at_edge else INK
        axes.axvline(response.recommended, color=colour, lw=1.2, ls=(0, (4, 3)), clip_on=False)
    axes.tick_params(labelsize=FONT - 2)
    figure.text(4 / SIZE[0], 1 - 14 / SIZE[1], shorten(response.name, 32), fontsize=FONT, weight="bold")
    note = "  at the edge" if response.at_edge else ""
    told = f"{short_key(response.key)} = {write_number(response.recommended)}{note}"
    colour = RED if response.at_edge else MUTED
    figure.text(4 / SIZE[0], 1 - 29 / SIZE[1], told, fontsize=FONT - 1, color=colour)


def _paint_dots(axes: Axes, x: Points, y: Points) -> None:
    """Draw dots as one path of points without length, a fourth of the bytes of a marker each."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if not len(x):
        return
    vertices = np.repeat(np.stack([x, y], 1), 2, axis=0)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    dots = PathPatch(Path(vertices, codes), fill=False, ec=MUTED, lw=3.0, alpha=0.45, capstyle="round")
    axes.add_patch(dots)
    axes.update_datalim(vertices)
    axes.autoscale_view()


def _limits(response: Response, factor: float) -> tuple[float, float]:
    """Return the limits of the axis: all but the worst of the trials, and the best of the curve."""
    y = response.tried[1] * factor
    ends = [*np.percentile(y, [12, 99.5])] if len(y) else []
    if response.curve is not None:
        _, mean, _, high = (values[np.isfinite(values)] * factor for values in response.curve)
        ends += [mean.max(), np.percentile(high, 60)] if len(ends) else [mean.min(), mean.max()]
    low, high_end = float(np.min(ends)), float(np.max(ends))
    margin = 0.08 * (high_end - low) or max(abs(high_end), 1.0) * 0.01
    return low - margin, high_end + margin


def _write_range(response: Response) -> str:
    return "-" if response.ends is None else " to ".join(write_number(end) for end in response.ends)
