"""Means over the runs of a group, and their standard errors: over seeds, and over cuts of the same data."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from regbench.sweeps.manifest import ABSENT, PlannedRun

CUT_SEED, FOLD, SEED, VAL_SEED = "dataset.split.seed", "dataset.split.fold", "seed", "dataset.split.val_seed"
AVERAGED = (CUT_SEED, FOLD, SEED, VAL_SEED)
"""Settings over which runs are averaged: how the data are cut into parts, and the seed of the training."""

NOUNS = ("split seed", "fold", "seed", "validation seed")


class Draw(NamedTuple):
    """What tells a run of a group from the others: the seeds and the fold of its split, and its own seed."""

    cut_seed: object
    fold: object
    seed: object
    val_seed: object = None

    @property
    def cut(self) -> tuple[object, ...]:
        """What decides which rows are in which part."""
        return self.cut_seed, self.fold, self.val_seed


@dataclass(frozen=True)
class Score:
    """Mean over the runs of a group, and its standard error; no error for one run.

    Over n seeds the error is s/√n with s² = Σ(x - mean)²/(n - 1). Over J cuts of the data, each first averaged over its
    seeds, it is √((1/J + held out/trained on)·s²), because the cuts share training rows (Nadeau and Bengio 2003,
    Inference for the Generalization Error); None where the rows of the parts are not known.
    """

    mean: float
    error: float | None


def find_draw(run: PlannedRun) -> Draw:
    """Return what tells a run from the others of its group; a fold that is not named is the first."""
    cut_seed, fold, seed = (run.values.get(key, ABSENT) for key in (CUT_SEED, FOLD, SEED))
    return Draw(cut_seed, 0 if fold is None else fold, seed, run.values.get(VAL_SEED))


def average(figures: Iterable[tuple[Draw, float]], ratio: float | None) -> Score | None:
    """Return the mean of some runs' figures and its error; None where there is no run.

    Args:
        figures: the figure of each run.
        ratio: rows that the figures are measured on over rows that the networks were chosen by; None if not known.
    """
    by_cut: dict[tuple[object, ...], list[float]] = {}
    for draw, figure in figures:
        by_cut.setdefault(draw.cut, []).append(figure)
    if not by_cut:
        return None
    if len(by_cut) == 1:
        (seeds,) = by_cut.values()
        spread = _measure_spread(seeds)
        return Score(_mean(seeds), None if spread is None else spread / math.sqrt(len(seeds)))
    means = [_mean(seeds) for seeds in by_cut.values()]
    spread = _measure_spread(means)
    if spread is None or ratio is None:
        return Score(_mean(means), None)
    return Score(_mean(means), spread * math.sqrt(1 / len(means) + ratio))


def compare_rows(rows: Sequence[Mapping[str, int]], part: str) -> float | None:
    """Return the rows of a part over the rows that networks were chosen by, over all runs; None if not all are known.

    A validation figure is of a network trained on the training rows; a test figure is of one whose epoch the validation
    rows chose, so that these count too: with k folds the ratio is 1/(k - 1) however the rest is divided.
    """
    chosen_by = ("train",) if part == "val" else ("train", "val")
    if not rows or any(name not in own for own in rows for name in (*chosen_by, part)):
        return None
    return sum(own[part] for own in rows) / sum(own[name] for own in rows for name in chosen_by)


def describe_draws(draws: Collection[Draw]) -> str:
    """Say what a mean is over, as `5 folds x 3 seeds`; nothing where all runs are of one cut."""
    if len({draw.cut for draw in draws}) < 2:
        return ""
    counts = [len({draw[place] for draw in draws}) for place in range(len(NOUNS))]
    words = " x ".join(f"{count} {noun}s" for count, noun in zip(counts, NOUNS, strict=True) if count > 1)
    return words if len(draws) == math.prod(counts) else f"{len(draws)} of {words}"


def _mean(figures: Sequence[float]) -> float:
    return sum(figure / len(figures) for figure in figures)  # divided first: a sum of large figures would overflow


def _measure_spread(figures: Sequence[float]) -> float | None:
    """Return the standard deviation (divisor n - 1); None for one figure."""
    if len(figures) < 2:
        return None
    mean = _mean(figures)
    return math.hypot(*(figure - mean for figure in figures)) / math.sqrt(len(figures) - 1)
