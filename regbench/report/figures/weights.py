"""Figure 10: how the weights of trained networks are spread, and how many are exactly zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regbench.errors import RegbenchError
from regbench.report.palette import BLUE, MUTED
from regbench.report.picture import DataTable, Panel, Picture
from regbench.report.study_data import StudyData
from regbench.report.svg import FONT, add_axes, render, scale_log, tidy_axes
from regbench.report.wording import shorten, write_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = (250.0, 172.0)
BINS = 41
SPARSE = ("l1", "elastic_net", "lp", "group_lasso", "pruning")
"""Techniques that set weights to zero."""


@dataclass(frozen=True)
class Weights:
    """The weights of one network, biases and norms left out."""

    name: str
    values: NDArray[np.float64]
    arm: int | None = None

    @property
    def zeros(self) -> float:
        """Share of weights that are exactly zero."""
        return float((self.values == 0).mean())

    @property
    def norm(self) -> float:
        """Euclidean norm."""
        return float(np.linalg.norm(self.values))


def draw_study_weights(study: StudyData) -> Picture | None:
    """Return the weights of the baseline, the leader and the sparse arms; None where no network is there."""
    wanted = [
        arm
        for arm in study.arms
        if arm.is_baseline or arm is study.leader or any(name in SPARSE for name in arm.members)
    ]
    folders = [(study.median_folder(arm.name), arm) for arm in wanted]
    found = [
        weights
        for folder, arm in folders
        if folder is not None and (weights := read_weights(folder, arm.shown, arm.number))
    ]
    return draw_weights(found) if found else None


def read_weights(folder: Path, name: str, arm: int | None = None) -> Weights | None:
    """Return the best weights of a run; None where its checkpoint is not there or cannot be read."""
    from regbench.regularizers.base import is_weight
    from regbench.store.checkpoint import read_checkpoint

    try:
        tensors = read_checkpoint(folder / "checkpoint" / "best.safetensors").tensors
    except RegbenchError:
        return None
    kept = [tensor.numpy().astype(np.float64).ravel() for own, tensor in sorted(tensors.items()) if is_weight(own)]
    values = np.concatenate(kept) if kept else np.empty(0)
    values = values[np.isfinite(values)]
    return Weights(name, values, arm) if len(values) else None


def draw_weights(found: Sequence[Weights]) -> Picture:
    """Return the histograms, all over the same range."""
    reach = max(float(np.percentile(np.abs(weights.values), 99.5)) for weights in found) or 1.0
    panels = []
    for place, weights in enumerate(found):
        sentence = f"{len(weights.values):,} weights, {100 * weights.zeros:.1f} % exactly zero."
        svg = render(
            f"f10n{place}", f"Weights of {weights.name}", sentence, SIZE, partial(_paint, weights=weights, reach=reach)
        )
        panels.append(Panel(svg, weights.arm, weights.name))
    rows = tuple(
        (
            w.name,
            f"{len(w.values):,}",
            f"{100 * w.zeros:.2f} %",
            write_number(w.norm, 4),
            write_number(float(w.values.std())),
        )
        for w in found
    )
    return Picture(
        key="f10",
        title="Weights",
        caption=(
            "How many weights (logarithmic) have which value, at the best epoch; biases and norms are left out. L1 "
            "and its relatives set weights to exactly zero, a spike in the middle; L2 and weight decay only draw "
            "all of them closer together. The outermost bars hold all that lies beyond."
        ),
        panels=tuple(panels),
        table=DataTable(("network of", "weights", "exactly zero", "norm", "deviation"), rows),
        wide=len(found) > 2,
    )


def _paint(figure: Figure, weights: Weights, reach: float) -> None:
    axes = add_axes(figure, 40, 40, 10, 24)
    tidy_axes(axes, "y")
    edges = np.linspace(-reach, reach, BINS + 1)
    counts, _ = np.histogram(np.clip(weights.values, -reach, reach), edges)
    axes.stairs(np.maximum(counts, 0.5), edges, fill=True, color=BLUE, baseline=0.5)
    scale_log(axes, "y")
    axes.set_ylim(0.5, max(counts.max() * 1.6, 2))
    axes.set_xlim(-reach, reach)
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(labelsize=FONT - 2)
    figure.text(4 / SIZE[0], 1 - 14 / SIZE[1], shorten(weights.name, 32), fontsize=FONT, weight="bold")
    told = f"{100 * weights.zeros:.1f} % exactly zero, norm {write_number(weights.norm)}"
    figure.text(4 / SIZE[0], 1 - 29 / SIZE[1], told, fontsize=FONT - 1, color=MUTED)
