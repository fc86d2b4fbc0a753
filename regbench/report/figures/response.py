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
from regbench.report.wording import read_list, read_mapping, read_number, read_numbers, short_key, shorten, write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (250.0, 178.0)
Points = NDArray[np.float64]


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
    select = "val_loss" if _selects_loss(study) else f"validation {study.measure.label}"
    caption = (
        f"{select} against each setting that was searched, all other settings as recommended. Dots are trials, each "
        "replicate moved to the common mean. A flat curve: the strength hardly matters. A curve that is best at a "
        "border (marked in red): the range should be wider there."
    )
    drawn = draw_panels(found, select, 1.0 if _selects_loss(study) else study.measure.factor)
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
    for coordinate in read_list(arm.plan, "space"):
        key = str(read_mapping({"c": coordinate}, "c").get("key"))
        curve = _read_curve(read_mapping(curves, key))
        tried = _read_trials(study, arm, key, curve)
        if len(tried[0]) or curve is not None:
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


def _read_trials(
    study: StudyData, arm: ArmFacts, key: str, curve: tuple[Points, Points, Points, Points] | None
) -> tuple[Points, Points]:
    """Return the tried values of a setting and their validation figures, each replicate moved to the common mean."""
    own, short = study.trials_of(arm.name), short_key(key)
    column = "val_loss" if _selects_loss(study) else f"val_{study.measure.name}"
    if short not in own or column not in own:
        return np.empty(0), np.empty(0)
    own = own[np.isfinite(own[column].astype(float)) & own[short].notna()]
    y = own[column].astype(float)
    centred = (y - y.groupby(own["replicate"]).transform("mean")).to_numpy(dtype=np.float64)
    # Curves are in the figure's unit, or around 0 where whoever fitted them left the replicates' means out.
    absolute = curve is None or abs(float(np.nanmean(curve[1]))) > abs(float(np.nanmean(curve[1])) - float(y.mean()))
    return own[short].to_numpy(dtype=np.float64), centred + (float(y.mean()) if absolute and len(y) else 0.0)


def _selects_loss(study: StudyData) -> bool:
    return read_mapping(study.plan, "settings").get("select") == "val_loss"


def _paint(figure: Figure, response: Response, factor: float) -> None:
    axes = add_axes(figure, 40, 38, 10, 24)
    tidy_axes(axes, "y")
    _paint_dots(axes, response.tried[0], response.tried[1] * factor)
    if response.curve is not None:
        x, mean, low, high = response.curve
        axes.fill_between(x, low * factor, high * factor, color=BLUE, alpha=0.18, lw=0)
        axes.plot(x, mean * factor, color=BLUE, marker="o" if len(x) < 2 else None)
    if response.log:
        scale_log(axes, "x")
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
    """Return the limits of the axis: the curve, and all but the worst of the trials."""
    y = response.tried[1] * factor
    ends = [*np.percentile(y, [8, 99.5])] if len(y) else []
    if response.curve is not None:
        ends += [np.nanmin(response.curve[1]) * factor, np.nanmax(response.curve[3]) * factor]
    low, high = float(np.min(ends)), float(np.max(ends))
    margin = 0.06 * (high - low) or max(abs(high), 1.0) * 0.01
    return low - margin, high + margin


def _write_range(response: Response) -> str:
    return "-" if response.ends is None else " to ".join(write_number(end) for end in response.ends)
