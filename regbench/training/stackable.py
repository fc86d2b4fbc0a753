"""Cuts of the data whose runs can be trained as one stacked computation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from torch import Size

from regbench.errors import ConfigError
from regbench.models.network import Network
from regbench.regularizers.base import Facts, Regularizer
from regbench.regularizers.stages import RANKS, overrides, rank_of
from regbench.training.spec import TrainingSpec
from regbench.training.stacked_runs import change_rows
from regbench.training.training_set import TrainingSet

Cut: TypeAlias = tuple[TrainingSpec, TrainingSet]
"""A cut: the specification of some run on it, and its rows."""


@dataclass(frozen=True)
class CutKind:
    """What cuts must have in common so that runs on them can be stacked.

    Of the facts the rows of each class may differ: no shipped regularizer asks for these inside a step, where all
    networks of a cohort get the facts of the first cut. What an installed one asks for is not known.
    """

    shapes: tuple[Size, ...]
    """Of inputs and targets of the training rows, and of inputs of the watched ones."""
    ends: tuple[int, ...]
    """Of the parts of the watched rows."""
    network: Network
    """A basis may be fitted to the rows of the cut."""
    facts: Facts
    left: int | None
    """Training rows that regularizers leave; None where they refuse these."""


def describe_cut(spec: TrainingSpec, data: TrainingSet) -> CutKind:
    """Return what a cut must have in common with others, of runs that differ only in seed and hyper-parameters.

    Regularizers that remove or make rows do so once for it.
    """
    regularizers, facts = spec.regularizers.values(), spec.facts
    if all(is_shipped(regularizer) for regularizer in regularizers):
        facts = replace(facts, class_counts=tuple(int(count > 0) for count in facts.class_counts))
    left: int | None = len(data.rows.weight)
    if any(changes_count(regularizer) for regularizer in regularizers):
        try:
            left = change_rows(spec, 0, data).count
        except ConfigError:
            left = None
    shapes = (data.rows.x.shape, data.rows.y.shape, data.watched.x.shape)
    return CutKind(shapes, tuple(data.watched_ends), spec.network, facts, left)


def can_stack_cuts(one: Cut, other: Cut) -> bool:
    """Tell whether runs that differ only in seed, hyper-parameters and cut can be stacked.

    Whoever compares many cuts asks `describe_cut` once for each.
    """
    return one[1] is other[1] or describe_cut(*one) == describe_cut(*other)


def is_shipped(regularizer: Regularizer) -> bool:
    """Tell whether a regularizer is one of regbench's own."""
    return type(regularizer).__module__.startswith("regbench.")


def changes_count(regularizer: Regularizer) -> bool:
    """Tell whether a regularizer removes or makes training rows."""
    weighing = RANKS["training_data"].index("weigh rows")
    return overrides(regularizer, "training_data") and rank_of(regularizer, "training_data") < weighing
