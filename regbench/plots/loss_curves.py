"""Loss curves of one run as an SVG picture, written by hand.

matplotlib would cost about 0.5 to 0.9 s of import and 50 MB of memory (measured with its SVG backend alone), more than
many a run here takes altogether; this page costs milliseconds, and its output depends on nothing but the figures.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from regbench.formatting import format_figure
from regbench.plots.scale import Scale, choose_scale, epoch_scale, is_drawable
from regbench.statuses import RunState, read_state

WIDTH, HEIGHT = 760, 460
LEFT, RIGHT, TOP, BOTTOM = 78, 736, 96, 404
MAX_POINTS = 2000
STYLE = (
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:#333}"
    ".title{font-size:17px;font-weight:600;fill:#111}.small{font-size:12px;fill:#555}"
    ".grid{stroke:#e4e4e4}.axis{stroke:#888}.curve{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".best{stroke:#00734f;fill:none;stroke-width:1.5;stroke-dasharray:5 4}"
    ".stop{stroke:#555;fill:none;stroke-width:1.5;stroke-dasharray:1.5 3}"
)
# Blue and vermilion of Okabe and Ito (2008), told apart by colour-blind readers; validation is dashed besides.
TRAIN = ("train", "#0072b2", "")
VALIDATION = ("validation", "#d55e00", "7 3")

ENDINGS = {RunState.STOPPED_EARLY: "stopped at", RunState.DIVERGED: "diverged at", RunState.FAILED: "failed at"}

Point = tuple[int, float]


@dataclass(frozen=True)
class Curve:
    """One line of the picture: its points as (epoch, loss); a loss that cannot be drawn (NaN, infinite) is a gap."""

    label: str
    color: str
    dashes: str
    points: tuple[Point, ...]

    def drawable(self) -> tuple[Point, ...]:
        """Return the points that can be drawn."""
        return tuple(point for point in self.points if is_drawable(point[1]))


@dataclass(frozen=True)
class Mark:
    """A vertical line at an epoch, with what it means."""

    epoch: int
    text: str
    kind: str


def draw_loss_curves(metrics_csv: Path, result: Mapping[str, Any]) -> bytes:
    """Draw train and validation loss over epochs, with the best and the stopping epoch marked.

    The vertical axis is logarithmic where the losses are positive and span more than two decades. Long runs are
    thinned to at most 2,000 points a curve, which keep each stretch's lowest and highest loss and every gap's place.

    Args:
        metrics_csv: the run's `metrics.csv`, one row an epoch.
        result: the run's `result.json`.

    Returns:
        A well-formed SVG document in UTF-8.
    """
    curves = read_curves(metrics_csv)
    x, y = epoch_scale(_epochs(curves), LEFT, RIGHT), choose_scale(_losses(curves), BOTTOM, TOP)
    marks = make_marks(result)
    title = f"Loss of {metrics_csv.parent.name}" if metrics_csv.parent.name else "Loss"
    reason = _sentence(result)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-labelledby="title summary">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="summary">{escape(_describe(curves, marks, reason))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 28, _shorten(title, 76), kind="title"),
        _text(LEFT, 48, _shorten(reason, 104), kind="small"),
        *_axes(x, y),
        *(piece for curve in curves for piece in _line(curve, x, y)),
        *_marks(marks, curves, x, y),
        *_legend(curves),
        "</svg>",
    ]
    return "\n".join(parts).encode()


def read_curves(metrics_csv: Path) -> tuple[Curve, ...]:
    """Read the curves of `metrics.csv`; a column without a single entry (no validation part) has no curve."""
    with metrics_csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    curves = []
    for column, (label, color, dashes) in (("train_loss", TRAIN), ("val_loss", VALIDATION)):
        points = tuple((int(row["epoch"]), float(row[column])) for row in rows if row.get(column))
        if points:
            curves.append(Curve(label, color, dashes, points))
    return tuple(curves)


def thin_out(points: Sequence[Point], most: int = MAX_POINTS) -> tuple[Point, ...]:
    """Return at most `most` of the points, keeping both ends, the lowest, the highest, and a gap wherever one was."""
    if len(points) <= most:
        return tuple(points)
    buckets = (most - 2) // 3
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        indices = range(bucket * len(points) // buckets, (bucket + 1) * len(points) // buckets)
        drawn = [i for i in indices if is_drawable(points[i][1])]
        if drawn:
            kept |= {min(drawn, key=lambda i: points[i][1]), max(drawn, key=lambda i: points[i][1])}
        if len(drawn) < len(indices):
            kept.add(next(i for i in indices if not is_drawable(points[i][1])))
    return tuple(points[i] for i in sorted(kept))


def make_marks(result: Mapping[str, Any]) -> tuple[Mark, ...]:
    """Return the marks of the best epoch and of the last, as far as the result knows them."""
    best, last = result.get("best_epoch"), result.get("epochs")
    state = read_state(result.get("status"))
    word = ENDINGS.get(state, "ended at") if state else "ended at"
    if best and best == last:
        return (Mark(best, f"best and last epoch {best:,}", "best"),)
    marks = [Mark(best, f"best epoch {best:,}", "best")] if best else []
    return (*marks, Mark(last, f"{word} epoch {last:,}", "stop")) if last else tuple(marks)


def _epochs(curves: Sequence[Curve]) -> list[int]:
    return [epoch for curve in curves for epoch, _ in curve.points]


def _losses(curves: Sequence[Curve]) -> list[float]:
    return [loss for curve in curves for _, loss in curve.drawable()]


def _sentence(result: Mapping[str, Any]) -> str:
    stopping = result.get("stopping") or {}
    status = (read_state(result.get("status")) or "").replace("_", " ")
    return ": ".join(part for part in (status, str(stopping.get("reason") or "")) if part)


def _describe(curves: Sequence[Curve], marks: Sequence[Mark], reason: str) -> str:
    lowest = (
        f"{curve.label} loss is lowest, {format_figure(loss)}, at epoch {epoch}"
        for curve in curves
        for epoch, loss in [min(curve.drawable(), key=lambda point: point[1], default=(0, math.nan))]
        if epoch
    )
    return "; ".join(part for part in (*lowest, *(mark.text for mark in marks), reason) if part)


def _axes(x: Scale, y: Scale) -> list[str]:
    lines, middle = [], (TOP + BOTTOM) / 2
    for tick, label in y.ticks:
        height = y.place(tick)
        lines.append(f'<path class="grid" d="M{LEFT} {height:.1f}H{RIGHT}"/>')
        lines.append(_text(LEFT - 9, height + 4.5, label, anchor="end"))
    for tick, label in x.ticks:
        lines.append(f'<path class="axis" d="M{x.place(tick):.1f} {BOTTOM}v5"/>')
        lines.append(_text(x.place(tick), BOTTOM + 21, label, anchor="middle"))
    lines.append(f'<path class="axis" d="M{LEFT} {BOTTOM}H{RIGHT}"/>')
    lines.append(_text((LEFT + RIGHT) / 2, BOTTOM + 43, "epoch", anchor="middle"))
    name = "loss (log scale)" if y.log else "loss"
    lines.append(f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{name}</text>')
    return lines


def _line(curve: Curve, x: Scale, y: Scale) -> list[str]:
    """Draw a curve as one path with gaps; a point with a gap on both sides becomes a dot."""
    runs: list[list[Point]] = [[]]
    for point in thin_out(curve.points):
        if is_drawable(point[1]):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    strokes = [
        "M" + "L".join(f"{x.place(epoch):.1f} {y.place(loss):.1f}" for epoch, loss in run)
        for run in runs
        if len(run) > 1
    ]
    dashes = f' stroke-dasharray="{curve.dashes}"' if curve.dashes else ""
    path = f'<path class="curve" stroke="{curve.color}"{dashes} d="{"".join(strokes)}"/>'
    dots = [_dot(run[0], curve.color, x, y) for run in runs if len(run) == 1]
    return [path, *dots] if strokes else dots


def _dot(point: Point, color: str, x: Scale, y: Scale) -> str:
    return f'<circle cx="{x.place(point[0]):.1f}" cy="{y.place(point[1]):.1f}" r="3" fill="{color}"/>'


def _marks(marks: Sequence[Mark], curves: Sequence[Curve], x: Scale, y: Scale) -> list[str]:
    """Draw the marks, labels one above the other so that close ones stay legible, and dots where they meet a curve."""
    lines = []
    for row, mark in enumerate(marks):
        place, height = x.place(mark.epoch), TOP - 6 - 15 * (len(marks) - 1 - row)
        lines.append(f'<path class="{mark.kind}" d="M{place:.1f} {height + 3}V{BOTTOM}"/>')
        anchor, shift = ("start", -3) if place < (LEFT + RIGHT) / 2 else ("end", 3)
        lines.append(_text(place + shift, height, mark.text, anchor=anchor, kind="small"))
        for curve in curves:
            for point in curve.drawable():
                if point[0] == mark.epoch and mark.kind == "best":
                    lines.append(_dot(point, curve.color, x, y))
    return lines


def _legend(curves: Sequence[Curve]) -> list[str]:
    lines = []
    for row, curve in enumerate(reversed(curves)):
        right = RIGHT - 130 * row
        dashes = f' stroke-dasharray="{curve.dashes}"' if curve.dashes else ""
        lines.append(f'<path class="curve" stroke="{curve.color}"{dashes} d="M{right - 118} {HEIGHT - 17}h32"/>')
        lines.append(_text(right - 78, HEIGHT - 12.5, curve.label))
    return lines


def _text(x: float, y: float, content: str, *, anchor: str = "start", kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{name}{place}>{escape(content)}</text>'


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
