"""Figure 14: rows of the data as they are, and as techniques that change the inputs show them to the network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.errors import RegbenchError
from regbench.report.palette import BLUE, MUTED, RED
from regbench.report.picture import MOST_ARMS, Panel, Picture, Swatch
from regbench.report.study_data import ArmFacts, StudyData
from regbench.report.svg import FONT, add_axes, render, tidy_axes
from regbench.report.wording import read_number, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from regbench.config.run_config import RunConfig
    from regbench.data.records import Split

SIZE = (250.0, 190.0)
SHOWN, BATCH = 3, 16
MOST_ROWS = 20_000
"""Rows of the data beyond which they are not read again for a picture."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Augmented:
    """Some rows before and after, `[n, *shape]` as the network sees them."""

    name: str
    before: Floats
    after: Floats
    arm: int


def draw_augmented(study: StudyData) -> Picture | None:
    """Return the panels of all arms that change the inputs of a batch; None without one, or without the data."""
    if not read_number(study.plan, "data", "rows") <= MOST_ROWS:
        return None
    found = [augmented for arm in study.contenders[: MOST_ARMS - 1] if (augmented := _augment_arm(study, arm))]
    if not found:
        return None
    panels = [
        Panel(
            render(
                f"f14n{place}",
                f"Rows under {augmented.name}",
                f"{len(augmented.before)} rows before and after {augmented.name}.",
                SIZE,
                partial(_paint, augmented=augmented),
            ),
            augmented.arm,
            augmented.name,
        )
        for place, augmented in enumerate(found)
    ]
    shape = found[0].before.shape[1:]
    pictures = len(shape) == 3
    above, below = ("", "") if shape == (2,) else (" (above)", " (below)")
    return Picture(
        key="f14",
        title="What the network sees",
        caption=(
            f"The same training rows as they are{above} and as a technique shows them to the network{below}, at the "
            "settings of a typical run. If a person could no longer tell the class, neither can the network: weaken it."
        ),
        panels=tuple(panels),
        legend=()
        if pictures
        else (Swatch("muted", "line", "as it is"), Swatch("blue", "line", "as the network sees it")),
        wide=True,
    )


def _augment_arm(study: StudyData, arm: ArmFacts) -> Augmented | None:
    folder = study.median_folder(arm.name)
    if folder is None or not any(_changes_batch(name) for name in arm.members):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _augment(folder, arm)
    except (RegbenchError, OSError, ValueError, RuntimeError, LookupError, TypeError):
        return None  # a picture that cannot be drawn takes nothing from the rest


def _changes_batch(name: str) -> bool:
    from regbench.regularizers.registry import load
    from regbench.regularizers.stages import overrides

    try:
        return overrides(load(name), "batch")
    except RegbenchError:
        return False


def _augment(folder: Path, arm: ArmFacts) -> Augmented | None:
    from regbench.data.loading import load
    from regbench.runs.saved_config import read_config

    config = read_config(folder)
    split = load(config.dataset)
    before = np.asarray(split.train.x[:BATCH], dtype=np.float64)
    after = _apply(config, split, before)
    changed = np.flatnonzero(np.abs(after - before).reshape(len(before), -1).sum(1))[:SHOWN]
    return Augmented(arm.shown, before[changed], after[changed], arm.number) if len(changed) else None


def _apply(config: RunConfig, split: Split, before: Floats) -> Floats:
    """Return what the run's techniques make of a batch's inputs at its first step."""
    import torch

    from regbench.randomness import Randomness
    from regbench.regularizers.context import Context, Facts, Moment, Rows, no_forward
    from regbench.runs.prepare import build_records
    from regbench.tasks import Task

    counts = np.bincount(split.train.y, minlength=len(split.classes)).tolist() if split.classes else []
    shape = before.shape[1:]
    facts = Facts(
        Task(split.task),
        split.layout,
        shape,
        tuple(counts),
        bool((before >= 0).all()),
        len(split.train.x),
        len(before),
        (),
    )
    rows = Rows(torch.tensor(before), torch.zeros(len(before), 1), torch.ones(len(before)))
    for name, regularizer in build_records(config).regularizers.items():
        if _changes_batch(name):
            context = Context(
                common=Randomness(config.seed).at("figure", name),
                key=("batch",),
                effect=lambda effect, value: None,
                moment=Moment(1, 0, 0, False, 1),
                facts=facts,
                state={},
                numbers=torch.arange(len(before)),
                about={},
                forward=no_forward,
            )
            rows = regularizer.batch(rows, context)
    return rows.x.numpy()


def _paint(figure: Figure, augmented: Augmented) -> None:
    figure.text(4 / SIZE[0], 1 - 15 / SIZE[1], shorten(augmented.name, 32), fontsize=FONT, weight="bold")
    shape = augmented.before.shape[1:]
    if shape == (2,):
        axes = add_axes(figure, 30, 28, 8, 22)
        tidy_axes(axes, "both")
        for before, after in zip(augmented.before, augmented.after, strict=True):
            axes.plot(*np.stack([before, after]).T, color=MUTED, lw=0.8)
        axes.plot(*augmented.before.T, "o", color=MUTED, ms=5)
        axes.plot(*augmented.after.T, "D", color=BLUE, ms=5)
        return
    for place, (before, after) in enumerate(zip(augmented.before, augmented.after, strict=True)):
        width = (SIZE[0] - 12) / SHOWN
        left = 6 + place * width
        for below, row in enumerate((before, after)):
            top = 26 + below * 80
            axes = add_axes(figure, left, top, SIZE[0] - left - width + 6, SIZE[1] - top - 74)
            axes.set_axis_off()
            _paint_row(axes, row, before, below == 1)


def _paint_row(axes: Axes, row: Floats, before: Floats, changed: bool) -> None:
    if row.ndim == 3:
        low, high = float(before.min()), float(before.max())
        picture = np.clip((row - low) / ((high - low) or 1.0), 0, 1)
        shown = picture[0] if len(picture) != 3 else np.moveaxis(picture, 0, 2)
        axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        return
    line = row[0] if row.ndim == 2 else row
    axes.set_ylim(*_ends(before))
    axes.plot(line, color=BLUE if changed else MUTED, lw=1.0)
    gone = np.flatnonzero((line == 0) & ((before[0] if row.ndim == 2 else before) != 0))
    if changed and 0 < len(gone) < len(line):
        axes.plot(gone, line[gone], ".", color=RED, ms=3)


def _ends(before: Floats) -> tuple[float, float]:
    low, high = float(before.min()), float(before.max())
    margin = 0.25 * (high - low) or 1.0
    return low - margin, high + margin
