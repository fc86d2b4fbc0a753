"""Figures of every epoch: each run is measured on the watched rows of its own cut, all in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regbench.metrics import LOSS
from regbench.randomness import CPU
from regbench.regularizers.base import Params
from regbench.training.contexts import Run
from regbench.training.evaluation import (
    FEWEST_ROWS,
    LARGEST_PASS,
    combine_members,
    measure_parts,
    score,
    score_rows,
)
from regbench.training.networks import Networks
from regbench.training.passes import Passes
from regbench.training.scores import measure_figures
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_rows import START
from regbench.training.training_set import Labelled, TrainingSet


@dataclass(frozen=True)
class Watched:
    """The rows that are measured every epoch, of each cut, and the ends of their parts."""

    sets: tuple[Labelled, ...]
    ends: list[int]
    stacked: Labelled | None
    """Those of several cuts, `[K, W, ...]`, with `error_scale` `[K, C]`; None: there is one."""


def watch(sets: Sequence[TrainingSet], device: torch.device = CPU) -> Watched:
    """Return the watched rows of all cuts, on a device.

    Raises:
        ValueError: the cuts are of different shapes, so that their runs cannot be stacked.
    """
    first = sets[0]
    for data in sets[1:]:
        shapes = [(d.rows.x.shape, d.rows.y.shape, d.watched.x.shape, d.watched_ends) for d in (first, data)]
        if shapes[0] != shapes[1]:
            raise ValueError("cuts of different shapes cannot be stacked")
    watched = tuple(data.watched.to(device) for data in sets)
    stacked = Labelled(*(torch.stack(part) for part in zip(*watched, strict=True))) if len(sets) > 1 else None
    return Watched(watched, first.watched_ends, stacked)


@dataclass(frozen=True)
class Shared:
    """Who is measured on which cut."""

    cuts: Tensor
    """The cut of each network, int64 `[S]`."""
    whose: Tensor
    """The cut of each run, int64 `[R]`."""
    runs: dict[int, Tensor]
    """The runs of each cut that there are any of, by number."""


def share_cuts(spec: TrainingSpec, cuts: Tensor | None, networks: int) -> Shared:
    """Return who is measured on which cut, given the cut of each of so many networks; None: all have the first."""
    own = torch.zeros(networks, dtype=torch.int64, device=spec.device) if cuts is None else cuts
    whose = spec.by_run(own)[:, 0]
    if cuts is None:  # known without a look at what lies on a device
        return Shared(own, whose, {0: torch.arange(len(whose), device=spec.device)})
    return Shared(own, whose, {cut: (whose == cut).nonzero().squeeze(1) for cut in whose.unique().tolist()})


def measure_watched(networks: Networks, watched: Watched, shared: Shared) -> list[dict[str, Tensor]]:
    """Return the figures of every run by name, float64 `[R]`, on each part of its watched rows.

    Args:
        networks: of all runs.
        watched: the rows of each cut.
        shared: says which are whose.
    """
    if watched.stacked is None or len(shared.runs) == 1:
        # Also where only runs of one cut are left: a cohort that resumes with them has no other either, and products
        # with shared rows may be rounded otherwise than with stacked ones.
        return measure_parts(networks, watched.sets[next(iter(shared.runs))], watched.ends)
    spec = networks.spec
    outputs = predict_own(networks, watched.stacked.x, shared.cuts)
    found = []
    for start, end in zip([0, *watched.ends], watched.ends, strict=False):
        columns = _average(spec, outputs[:, start:end], _take(watched.stacked, shared.whose, start, end))
        columns |= _measure_others(spec, outputs[:, start:end], watched, shared, start)
        found.append({name: values.to(torch.float64) for name, values in columns.items()})
    return found


def _take(stacked: Labelled, whose: Tensor, start: int, end: int) -> Labelled:
    """Return consecutive rows of each run's cut, `[R, n, ...]`; without the inputs, which are not needed any more."""
    x, y, weight, scale = stacked
    y, weight = (part[:, start:end].index_select(0, whose) for part in (y, weight))
    return Labelled(x[:0], y, weight, scale.index_select(0, whose).unsqueeze(1))


def _average(spec: TrainingSpec, outputs: Tensor, data: Labelled) -> dict[str, Tensor]:
    """Return the loss and the task's own figure `[R]`, by name."""
    values = score(spec.facts.task, outputs, data)
    if not spec.facts.weighted:
        means = [own.mean(1) for own in values]
    else:
        means = [(own * data.weight).sum(1) / data.weight.sum(1) for own in values]
    return dict(zip((LOSS.name, spec.metric.name), means, strict=True))


def _measure_others(
    spec: TrainingSpec, outputs: Tensor, watched: Watched, shared: Shared, start: int
) -> dict[str, Tensor]:
    """Return the other figures of every epoch `[R]`, cut by cut: they are no means over rows."""
    names = [figure.name for figure in spec.figures if figure not in (LOSS, spec.metric)]
    found = {name: torch.full((len(outputs),), torch.nan, dtype=torch.float64, device=outputs.device) for name in names}
    for cut, runs in shared.runs.items() if names else ():
        rows = watched.sets[cut].cut(start, start + outputs.shape[1])
        for name, values in measure_figures(score_rows(spec.facts.task, outputs[runs], rows), names).items():
            found[name][runs] = values
    return found


def predict_own(networks: Networks, x: Tensor, cuts: Tensor) -> Tensor:
    """Return what `predict` does, each network's for the rows of its cut, of `[K, W, ...]`."""
    spec, members = networks.spec, networks.members
    widest = max(math.prod(site.shape) for site in spec.network.sites)
    size = max(FEWEST_ROWS, LARGEST_PASS // (len(members) * widest))
    rows = x.shape[1]
    outputs = torch.empty(len(members), rows, spec.network.outputs, dtype=spec.dtype, device=x.device)
    for start in range(0, rows, size):
        outputs[:, start : start + size] = compute_own(networks, x[:, start : start + size].index_select(0, cuts))
    return combine_members(networks, outputs)


def compute_own(networks: Networks, x: Tensor) -> Tensor:
    """Return logits or predictions of every network for rows of its own, `[S, n, C]`, in one pass."""

    def one(spec: TrainingSpec, run: Run, given: tuple[Params, Tensor]) -> Tensor:
        weights, rows = given
        return Passes(spec, spec.stages_with(run.hypers), run, START).evaluate(rows, weights)

    return networks.over_own(one, x)
